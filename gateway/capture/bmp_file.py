"""The headers of a Windows bitmap: its size in pixels and where its last byte must be."""

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from gateway.capture.faults import TruncatedInput
from gateway.domain.errors import UnreadableInput

_CORE_HEADER, _INFO_HEADER = 12, 40
_UNCOMPRESSED = frozenset({0, 3, 6})
_RUN_LENGTHS = frozenset({1, 2})
_FILE_HEADER_BYTES = 14


@dataclass(frozen=True, slots=True)
class BmpHeader:
    """Size in pixels and the offset after the last byte of the pixels."""

    width: int
    height: int
    end: int


def read_bmp_header(stream: BinaryIO) -> BmpHeader:
    """Read the file header and the information header."""
    stream.seek(0)
    head = stream.read(_FILE_HEADER_BYTES + _INFO_HEADER)
    if len(head) < _FILE_HEADER_BYTES + _CORE_HEADER:
        raise _truncated()
    _, file_size, _, offset, header_size = struct.unpack_from("<2sIIII", head)
    compression = image_size = 0
    if header_size == _CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
    elif header_size < _INFO_HEADER:
        raise UnreadableInput("The BMP is malformed: its header has an unknown length.")
    elif len(head) < _FILE_HEADER_BYTES + _INFO_HEADER:
        raise _truncated()
    else:
        width, height, _, bits, compression, image_size = struct.unpack_from("<iiHHII", head, 18)
    height = abs(height)
    if width <= 0 or not height or bits not in {1, 4, 8, 16, 24, 32}:
        raise UnreadableInput("The BMP is malformed: its header names an impossible size.")
    if compression in _UNCOMPRESSED:
        length = (width * bits + 31) // 32 * 4 * height
    elif compression in _RUN_LENGTHS:
        length = image_size or max(file_size - offset, 0)
    else:
        raise UnreadableInput(
            "The BMP holds another file format inside.", remedy="Set the device to export JPEG or PNG."
        )
    return BmpHeader(width, height, offset + length)


def check_bmp(stream: BinaryIO) -> None:
    """Raise unless the pixels reach their end."""
    header = read_bmp_header(stream)
    if stream.seek(0, io.SEEK_END) < header.end:
        raise _truncated()


def _truncated() -> TruncatedInput:
    return TruncatedInput("The BMP ends before its last row.", remedy="Export it again from the device.")
