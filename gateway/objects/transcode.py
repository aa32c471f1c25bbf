"""A copy of a stored object in another transfer syntax, for a destination that refuses the one it is stored in.

It is the same SOP Instance with the same pixels: only their coding differs, and with it Photometric Interpretation
where the coding had a colour transform of its own. The lossy history stays, because it is history.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import iter_pixels

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.frames import FrameFormat
from gateway.objects.syntaxes import EXPLICIT_LITTLE_ENDIAN, NATIVE
from gateway.objects.write import write_document, write_object

# transforms that belong to the coding: undone when the frames are decoded (PS3.5 section 8.2)
_CODING_TRANSFORMS = frozenset({"YBR_FULL_422", "YBR_PARTIAL_420", "YBR_RCT", "YBR_ICT"})


@dataclass(frozen=True, slots=True)
class Recoding:
    """How the frames of a copy are coded, and the Photometric Interpretation that stands beside that coding."""

    transfer_syntax_uid: str
    photometric_interpretation: str
    code: Callable[[bytes], bytes]


def recode(
    source: Path,
    target: BinaryIO,
    choose: Callable[[bytes, FrameFormat], Recoding],
    *,
    without_pixels: str = EXPLICIT_LITTLE_ENDIAN,
) -> str:
    """Write a copy of the object at `source` in the coding that `choose` says, one frame in memory at a time.

    Parameters
    ----------
    source
        A Part 10 file as the gateway stores it, in any of its transfer syntaxes.
    target
        Open for writing and seekable, at its start; stays open.
    choose
        Given the first native frame and the format of all, how the frames of the copy are coded.
    without_pixels
        The uncompressed syntax for an object that has no frames.

    Returns
    -------
    The Transfer Syntax UID of the copy.

    Raises
    ------
    GatewayError
        PARK, when the stored object cannot be read or decoded; `InvalidObject` when it is too long to be uncompressed;
        and whatever `choose` and its coder raise.

    References
    ----------
    PS3.4 B.3.1 (coercion of the transfer syntax leaves the instance what it is); PS3.5 section 8.2 and annex A.
    """
    try:
        dataset = dcmread(source, stop_before_pixels=True)
    except (OSError, InvalidDicomError) as error:
        raise _unreadable(error) from error
    if "Rows" not in dataset:
        dataset.decode()
        write_document(dataset, without_pixels, target)
        return without_pixels
    converted = _described_uncompressed(dataset)
    to_rgb = dataset.PhotometricInterpretation in _CODING_TRANSFORMS
    frame_count = int(dataset.get("NumberOfFrames") or 1)
    native = str(dataset.file_meta.TransferSyntaxUID) in NATIVE
    frames = _frames(source, to_rgb=to_rgb, native=native)
    first = next(frames)
    chosen = choose(first, _format_of(converted))
    converted.PhotometricInterpretation = chosen.photometric_interpretation
    coded = (chosen.code(frame) for frame in chain([first], frames))
    write_object(converted, chosen.transfer_syntax_uid, coded, frame_count, target)
    return chosen.transfer_syntax_uid


def _format_of(dataset: Dataset) -> FrameFormat:
    """The format of the native frames that a data set describes (PS3.3 C.7.6.3)."""
    return FrameFormat(
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        samples_per_pixel=int(dataset.SamplesPerPixel),
        bits_allocated=int(dataset.BitsAllocated),
        bits_stored=int(dataset.BitsStored),
        signed=bool(dataset.PixelRepresentation),
        photometric_interpretation=str(dataset.PhotometricInterpretation),
    )


def _described_uncompressed(dataset: Dataset) -> Dataset:
    """The dataset of the copy: RGB for what had a transform of its coding, samples interleaved, no offset tables."""
    copy = Dataset()
    copy.update(dataset)
    # elements as read still have the coding of the file; decoded ones are independent of it
    copy.decode()
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in copy:
            del copy[keyword]
    if copy.PhotometricInterpretation in _CODING_TRANSFORMS:
        copy.PhotometricInterpretation = "RGB"
    if copy.SamplesPerPixel > 1:
        copy.PlanarConfiguration = 0
    return copy


def _frames(source: Path, *, to_rgb: bool, native: bool) -> Iterator[bytes]:
    """Decoded frames, samples interleaved, little endian; colours change only where the coding had changed them."""
    # one fixed decoder: which others are installed on a box must not decide what a destination receives
    plugin = "" if native else "pylibjpeg"
    frames: Iterator[np.ndarray] = iter_pixels(source, raw=not to_rgb, as_rgb=to_rgb, decoding_plugin=plugin)
    while True:
        frame = _next_frame(frames.__next__)
        if frame is None:
            return
        yield np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<")).tobytes()


def _next_frame(advance: Callable[[], np.ndarray]) -> np.ndarray | None:
    try:
        return advance()
    except StopIteration:
        return None
    except (OSError, RuntimeError, ValueError, AttributeError, NotImplementedError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> GatewayError:
    return GatewayError(
        f"The stored object cannot be decoded for a copy in another transfer syntax ({type(error).__name__}).",
        disposition=Disposition.PARK,
        phase=Phase.ENCODE,
        remedy="Let the destination accept the transfer syntax in which the object is stored.",
    )
