"""The directories of a TIFF file (TIFF 6.0 section 2, and BigTIFF): what each page is and where its bytes lie."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from gateway.capture.faults import TruncatedInput
from gateway.domain.errors import UnreadableInput

SUBFILE_TYPE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIP_OFFSETS, ORIENTATION, SAMPLES, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 273, 274, 277, 279, 324, 325
TILE_WIDTH, TILE_LENGTH, SAMPLE_FORMAT, ICC_PROFILE = 322, 323, 339, 34675
_TYPES = {
    1: "B",
    2: "c",
    3: "H",
    4: "I",
    5: "II",
    6: "b",
    7: "B",
    8: "h",
    9: "i",
    10: "ii",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
_BYTES = frozenset("cB")
_INTEGERS = frozenset("bHhIiQq")
_BIG = 43
_MAX_VALUES = 1 << 22
_MAX_PAGES = 65535
_REDUCED_OR_MASK = 0b101


@dataclass(frozen=True, slots=True)
class Ifd:
    """One directory: integers and text by tag, raw bytes for the rest, and the offset of the next directory."""

    values: dict[int, tuple[int, ...]] = field(default_factory=dict)
    raw: dict[int, bytes] = field(default_factory=dict)
    next: int = 0

    def number(self, tag: int, default: int) -> int:
        """The first integer of a tag."""
        found = self.values.get(tag)
        return found[0] if found else default

    def numbers(self, tag: int) -> tuple[int, ...]:
        """All integers of a tag."""
        return self.values.get(tag, ())

    def text(self, tag: int) -> str:
        """The text of an ASCII tag up to its NUL."""
        return self.raw.get(tag, b"").split(b"\0")[0].decode("ascii", errors="replace")


class TiffReader:
    """Random access to the directories of an open TIFF file of `size` bytes.

    A `lenient` reader leaves out values that lie outside the file: EXIF blocks often carry some.
    """

    def __init__(self, stream: BinaryIO, size: int, *, lenient: bool = False) -> None:
        self._stream = stream
        self._lenient = lenient
        self.size = size
        head = self._bytes(0, 8)
        self._order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        if not self._order or head[2:4].strip(b"\0") not in (b"*", b"+"):
            raise UnreadableInput("The TIFF has no header.")
        self._big = struct.unpack(self._order + "H", head[2:4])[0] == _BIG
        self.first = self._unpack("Q", 8)[0] if self._big else self._unpack("I", 4)[0]

    def pages(self) -> Iterator[Ifd]:
        """The directories of the main chain, in file order."""
        seen: set[int] = set()
        offset = self.first
        if offset == 0:
            raise TruncatedInput("The TIFF has no page yet.")
        while offset:
            if offset in seen or len(seen) > _MAX_PAGES:
                raise UnreadableInput("The TIFF is damaged: its pages form a circle.")
            seen.add(offset)
            ifd = self.ifd(offset)
            yield ifd
            offset = ifd.next

    def ifd(self, offset: int) -> Ifd:
        """The directory at `offset`; every value it points to must lie inside the file."""
        count_code, entry_size, pointer = ("Q", 20, "Q") if self._big else ("H", 12, "I")
        count = self._unpack(count_code, offset)[0]
        at = offset + struct.calcsize(count_code)
        entries = self._bytes(at, count * entry_size)
        following = 0 if self._lenient else self._unpack(pointer, at + len(entries))[0]
        result = Ifd(next=following)
        for index in range(count):
            self._entry(result, entries[index * entry_size : (index + 1) * entry_size], at + index * entry_size)
        return result

    def _entry(self, ifd: Ifd, entry: bytes, position: int) -> None:
        tag, kind = struct.unpack(self._order + "HH", entry[:4])
        inline, code = (8, "Q") if self._big else (4, "I")
        count = struct.unpack(self._order + code, entry[4 : 4 + inline])[0]
        letters = _TYPES.get(kind)
        if letters is None:
            return
        if count > _MAX_VALUES and letters not in _BYTES:
            raise UnreadableInput(f"The TIFF is damaged: tag {tag} has {count} values.")
        length = count * struct.calcsize("<" + letters)
        start = position + 4 + inline
        if length > inline:
            start = struct.unpack(self._order + code, entry[4 + inline : 4 + 2 * inline])[0]
        if self._lenient and start + length > self.size:
            return
        self._inside(start, length)
        if letters in _BYTES:
            ifd.raw[tag] = self._bytes(start, min(length, _MAX_VALUES))
        elif letters in _INTEGERS:
            ifd.values[tag] = struct.unpack(f"{self._order}{count}{letters}", self._bytes(start, length))

    def _inside(self, start: int, length: int) -> None:
        if start + length > self.size:
            raise TruncatedInput("The TIFF ends before its last page does.", remedy="Export it again from the device.")

    def _bytes(self, start: int, length: int) -> bytes:
        self._inside(start, length)
        self._stream.seek(start)
        found = self._stream.read(length)
        if len(found) < length:
            raise TruncatedInput("The TIFF ends before its last page does.", remedy="Export it again from the device.")
        return found

    def _unpack(self, code: str, start: int) -> tuple[int, ...]:
        return struct.unpack(self._order + code, self._bytes(start, struct.calcsize("<" + code)))


def check_tiff(stream: BinaryIO) -> None:
    """Raise unless every page's strips or tiles lie inside the file."""
    size = stream.seek(0, io.SEEK_END)
    for page in TiffReader(stream, size).pages():
        data_extent(page, size)


def data_extent(page: Ifd, size: int) -> int:
    """Bytes of pixel data that a page has in the file of `size` bytes; raises if they are not all there."""
    offsets = page.numbers(STRIP_OFFSETS) or page.numbers(TILE_OFFSETS)
    counts = page.numbers(STRIP_COUNTS) or page.numbers(TILE_COUNTS)
    if not offsets or len(counts) != len(offsets):
        raise TruncatedInput("The TIFF has a page without pixel data.", remedy="Export it again from the device.")
    if any(offset == 0 or offset + count > size for offset, count in zip(offsets, counts, strict=True)):
        raise TruncatedInput("The TIFF ends before its pixel data do.", remedy="Export it again from the device.")
    return sum(counts)


def is_full_picture(page: Ifd) -> bool:
    """Whether a page is a picture of its own: neither a reduced copy nor a transparency mask."""
    return not page.number(SUBFILE_TYPE, 0) & _REDUCED_OR_MASK
