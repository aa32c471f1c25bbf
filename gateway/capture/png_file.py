"""The chunks of a PNG file (ISO/IEC 15948): whether they are all there and what the header says."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gateway.capture.faults import TruncatedInput
from gateway.domain.errors import UnreadableInput

_SIGNATURE_BYTES = 8
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PngHeader:
    """IHDR, the EXIF block if there is one, and whether the picture moves (APNG)."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    exif: bytes = b""
    animated: bool = False


def read_png_header(stream: BinaryIO) -> PngHeader:
    """Walk all chunks up to IEND, checking their CRCs, and return what stands in the header."""
    ihdr, exif, animated, data = b"", b"", False, False
    for name, payload in _chunks(stream):
        if not ihdr and name != b"IHDR":
            raise UnreadableInput("The PNG is malformed: it does not begin with its header.")
        if name == b"IHDR":
            ihdr = payload
        elif name == b"eXIf":
            exif = payload
        animated = animated or name == b"acTL"
        data = data or name == b"IDAT"
    if not data:
        raise UnreadableInput("The PNG is malformed: it holds no picture.")
    try:
        width, height, depth, colour, _, _, _ = struct.unpack(">IIBBBBB", ihdr)
    except struct.error:
        raise UnreadableInput("The PNG is malformed: its header has the wrong length.") from None
    if not width or not height:
        raise UnreadableInput("The PNG is malformed: its size is zero.")
    return PngHeader(width, height, depth, colour, exif, animated)


def check_png(stream: BinaryIO) -> None:
    """Raise unless the chunks reach IEND undamaged."""
    read_png_header(stream)


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    stream.seek(_SIGNATURE_BYTES)
    name = b""
    while name != b"IEND":
        head = stream.read(8)
        if len(head) < _SIGNATURE_BYTES or not any(head):
            raise _truncated()
        length, name = struct.unpack(">I4s", head)
        if length >= 1 << 31 or not name.isalpha():
            raise UnreadableInput("The PNG is malformed: bytes that are no chunk stand between its chunks.")
        payload, crc = _payload(stream, length, zlib.crc32(name))
        stored = stream.read(4)
        if len(stored) < 4:  # noqa: PLR2004 - a CRC is four bytes
            raise _truncated()
        if int.from_bytes(stored) != crc:
            raise UnreadableInput("The PNG is damaged: the checksum of a chunk does not fit.")
        yield name, payload


def _payload(stream: BinaryIO, length: int, crc: int) -> tuple[bytes, int]:
    """A chunk's data, kept only when small (image data are of no interest here), and the CRC so far."""
    kept = b""
    remaining = length
    while remaining:
        part = stream.read(min(remaining, _READ_BYTES))
        if not part:
            raise _truncated()
        crc = zlib.crc32(part, crc)
        remaining -= len(part)
        if length <= _READ_BYTES:
            kept += part
    return kept, crc


def _truncated() -> TruncatedInput:
    return TruncatedInput("The PNG ends before its end chunk.", remedy="Export it again from the device.")
