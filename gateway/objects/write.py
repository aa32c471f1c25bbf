"""A SOP Instance as a Part 10 file, written as a stream: dataset first, then Pixel Data frame by frame.

The order of fragments, offsets and padding is decided here; what is in the frames is the caller's.
"""

import struct
from collections.abc import Iterable
from typing import BinaryIO

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from gateway.domain.errors import InvalidObject
from gateway.domain.identifiers import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from gateway.objects.syntaxes import IMPLICIT_LITTLE_ENDIAN, NATIVE

Frame = bytes | bytearray | memoryview | Iterable[bytes]

_PIXEL_DATA = struct.pack("<HH", 0x7FE0, 0x0010)
_ITEM = struct.pack("<HH", 0xFFFE, 0xE000)
_SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
_UNDEFINED = 0xFFFFFFFF
_MAX_LENGTH = 0xFFFFFFFE
# frames coded without loss may grow; twice the native size is beyond what any of our codecs can make of them
_GROWTH = 2


def write_object(
    dataset: Dataset, transfer_syntax_uid: str, frames: Iterable[Frame], frame_count: int, target: BinaryIO
) -> None:
    """Write a Part 10 file with never more than one frame, or one piece of it, in memory.

    Parameters
    ----------
    dataset
        The object without Pixel Data, as `build` made it; not changed.
    transfer_syntax_uid
        An uncompressed little endian syntax, or one with encapsulated Pixel Data.
    frames
        `frame_count` frames, each one bytes-like or an iterable of pieces: native frames as in `FrameFormat`, or
        one codestream each. Each codestream becomes one fragment.
    frame_count
        Number of frames, at least 1.
    target
        Open for writing and seekable, at its start; stays open.

    Raises
    ------
    InvalidObject
        When number or length of the frames is not what the dataset says, or they are too long for the syntax.

    References
    ----------
    PS3.10 section 7.1; PS3.5 sections 8.1, A.1, A.2 and A.4, with the Extended Offset Table of PS3.3 C.7.6.3.1.8.
    """
    instance = Dataset()
    instance.update(dataset)
    instance.file_meta = _file_meta(dataset, transfer_syntax_uid)
    if transfer_syntax_uid in NATIVE:
        dcmwrite(target, instance, enforce_file_format=True)
        _write_native(dataset, transfer_syntax_uid, frames, frame_count, target)
        return
    native_size = _frame_bytes(dataset) * frame_count
    extended = frame_count > 1 and native_size * _GROWTH > _MAX_LENGTH
    if extended:
        # room that is filled in once the lengths are known; they stand right before Pixel Data, at the file's end
        instance.ExtendedOffsetTable = bytes(8 * frame_count)
        instance.ExtendedOffsetTableLengths = bytes(8 * frame_count)
    dcmwrite(target, instance, enforce_file_format=True)
    _write_encapsulated(frames, frame_count, target, extended=extended)


def write_document(dataset: Dataset, transfer_syntax_uid: str, target: BinaryIO) -> None:
    """Write an object without pixels as a Part 10 file in an uncompressed little endian syntax (PS3.10 section 7.1)."""
    document = Dataset()
    document.update(dataset)
    document.file_meta = _file_meta(dataset, transfer_syntax_uid)
    dcmwrite(target, document, enforce_file_format=True)


def _file_meta(dataset: Dataset, transfer_syntax_uid: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def _frame_bytes(dataset: Dataset) -> int:
    samples = int(dataset.SamplesPerPixel) * (int(dataset.BitsAllocated) // 8)
    return int(dataset.Rows) * int(dataset.Columns) * samples


def _write_native(
    dataset: Dataset, transfer_syntax_uid: str, frames: Iterable[Frame], frame_count: int, target: BinaryIO
) -> None:
    """Pixel Data with frames back to back and one NUL at the end if odd: OW above 8 bits, else OB (PS3.5 A.2)."""
    size = _frame_bytes(dataset) * frame_count
    padded = size + size % 2
    if padded > _MAX_LENGTH:
        raise InvalidObject(
            f"{size} bytes of pixels are more than an uncompressed object can hold.",
            remedy="Choose a compressed transfer syntax in the device's profile.",
        )
    if transfer_syntax_uid == IMPLICIT_LITTLE_ENDIAN:
        target.write(_PIXEL_DATA + struct.pack("<I", padded))
    else:
        vr = b"OW" if dataset.BitsAllocated > 8 else b"OB"  # noqa: PLR2004 - bits of a byte
        target.write(_PIXEL_DATA + vr + struct.pack("<HI", 0, padded))
    written = [_write_pieces(frame, target) for frame in frames]
    if len(written) != frame_count or any(length != size // frame_count for length in written):
        raise _miscounted(len(written), frame_count)
    target.write(b"\0" * (padded - size))


def _write_encapsulated(frames: Iterable[Frame], frame_count: int, target: BinaryIO, *, extended: bool) -> None:
    """Pixel Data of undefined length: offset table, one fragment per frame, end (PS3.5 A.4)."""
    element = target.tell()
    table = b"" if extended else bytes(4 * frame_count)
    target.write(_PIXEL_DATA + b"OB" + struct.pack("<HI", 0, _UNDEFINED) + _ITEM + struct.pack("<I", len(table)))
    table_at = target.tell()
    target.write(table)
    first = target.tell()
    offsets, lengths = [], []
    for frame in frames:
        offsets.append(target.tell() - first)
        lengths.append(_write_fragment(frame, target))
    if len(offsets) != frame_count:
        raise _miscounted(len(offsets), frame_count)
    target.write(_SEQUENCE_END)
    end = target.tell()
    if extended:
        _fill_extended(target, element, offsets, lengths)
    else:
        target.seek(table_at)
        target.write(struct.pack(f"<{frame_count}I", *offsets))
    target.seek(end)


def _write_fragment(frame: Frame, target: BinaryIO) -> int:
    """One item with its codestream, padded to even length; returns the length without padding."""
    target.write(_ITEM + bytes(4))
    start = target.tell()
    length = _write_pieces(frame, target)
    if not 0 < length <= _MAX_LENGTH:
        raise InvalidObject(f"A frame of {length} bytes cannot be one fragment.", remedy="Split the recording.")
    target.write(b"\0" * (length % 2))
    end = target.tell()
    target.seek(start - 4)
    target.write(struct.pack("<I", end - start))
    target.seek(end)
    return length


def _fill_extended(target: BinaryIO, element: int, offsets: list[int], lengths: list[int]) -> None:
    """Fill in both tables: their value fields stand before Pixel Data, each behind a header of 12 bytes."""
    size = 8 * len(offsets)
    for position, numbers in ((element - 2 * size - 12, offsets), (element - size, lengths)):
        target.seek(position)
        target.write(struct.pack(f"<{len(numbers)}Q", *numbers))


def _write_pieces(frame: Frame, target: BinaryIO) -> int:
    pieces = [frame] if isinstance(frame, bytes | bytearray | memoryview) else frame
    return sum(_write_all(target, piece) for piece in pieces)


def _write_all(target: BinaryIO, piece: bytes | bytearray | memoryview) -> int:
    target.write(piece)
    return memoryview(piece).nbytes


def _miscounted(found: int, expected: int) -> InvalidObject:
    return InvalidObject(
        f"{found} frames came where the object holds {expected}, or their lengths are not those of its pixels.",
        remedy="The source file may have changed while it was read; release the acquisition to try again.",
    )
