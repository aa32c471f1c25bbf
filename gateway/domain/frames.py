"""What a decoded frame looks like in memory: the one agreement between capture, objects and codec.

Pixels travel as native DICOM frames: row by row, samples interleaved (Planar Configuration 0), little endian,
right-justified in ``bits_allocated``. A room that computes on them views the buffer with NumPy itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """The Image Pixel attributes that frames of one acquisition share.

    References
    ----------
    PS3.3 C.7.6.3 (Image Pixel Module), PS3.5 section 8.1 (native pixel data).
    """

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric_interpretation: str

    @property
    def frame_bytes(self) -> int:
        """Length in bytes of one native frame, without padding."""
        return self.rows * self.columns * self.samples_per_pixel * (self.bits_allocated // 8)


class FrameSource(Protocol):
    """Frames that are decoded one at a time, so that a long clip never stands in memory as a whole."""

    @property
    def format(self) -> FrameFormat:
        """The format that all frames share."""
        ...

    @property
    def frame_count(self) -> int:
        """Number of frames, at least 1."""
        ...

    def frame(self, index: int) -> memoryview:
        """Native bytes of frame `index` (0-based), `format.frame_bytes` long; raises a `GatewayError` if unreadable."""
        ...


@dataclass(frozen=True, slots=True)
class LossyStep:
    """One lossy compression that the pixels went through before or in this gateway.

    `ratio` is native bytes over compressed bytes; `method` a defined term of Lossy Image Compression Method
    (PS3.3 C.7.6.1.1.5), for example ``ISO_10918_1``.
    """

    ratio: float
    method: str


@dataclass(frozen=True, slots=True)
class CodedImage:
    """A finished codestream that may be wrapped as it stands, already stripped of what DICOM does not want in it.

    `format` describes the object that holds it: its Photometric Interpretation is the one to write beside the stream.
    """

    transfer_syntax_uid: str
    format: FrameFormat
    stream: bytes


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a picture file says about itself beside its pixels.

    `recorded_at` is the naive wall clock of the device (EXIF DateTimeOriginal), `lossy` the history of the pixels.
    """

    icc_profile: bytes | None = None
    recorded_at: datetime | None = None
    lossy: tuple[LossyStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded acquisition: its frames, its own facts and, when the standard allows it, the stream to keep as is.

    `why_decoded` says in words why a coded file is not wrapped as it stands; empty when it is.
    """

    frames: FrameSource
    facts: PictureFacts
    coded: CodedImage | None = None
    why_decoded: str = ""
