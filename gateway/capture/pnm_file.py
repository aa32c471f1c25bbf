"""Portable anymaps P1 to P6 with their exact sample values: Pillow would stretch them to the full range."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gateway.capture.faults import TruncatedInput, decoding
from gateway.domain.errors import UnreadableInput
from gateway.domain.frames import FrameFormat

_TOKEN = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*(\d+)")
_PLAIN = re.compile(rb"[\d\s]*")
_COMMENT = re.compile(rb"#[^\r\n]*")
_HEADER_BYTES = 1 << 16
_MAX_VALUE = 65535
_BYTE = 255
_BITMAPS = frozenset({1, 4})
_PIXMAPS = frozenset({3, 6})
_FIRST_RAW = 4


@dataclass(frozen=True, slots=True)
class PnmHeader:
    """What the header says; `start` is where the raster begins."""

    kind: int
    width: int
    height: int
    maximum: int
    start: int

    @property
    def samples(self) -> int:
        """Samples per pixel."""
        return 3 if self.kind in _PIXMAPS else 1

    @property
    def raster_bytes(self) -> int:
        """Length of a raw raster; for a plain one, the least that its digits need."""
        if self.kind == _FIRST_RAW:
            return (self.width + 7) // 8 * self.height
        count = self.width * self.height * self.samples
        if self.kind < _FIRST_RAW:
            return count if self.kind in _BITMAPS else 2 * count - 1
        return count * (2 if self.maximum > _BYTE else 1)

    @property
    def format(self) -> FrameFormat:
        """How its frame is given: bits stored follow the greatest value that the header allows."""
        stored = 8 if self.maximum <= _BYTE else self.maximum.bit_length()
        allocated = 8 if self.maximum <= _BYTE else 16
        colour = "RGB" if self.samples > 1 else "MONOCHROME2"
        return FrameFormat(
            self.height, self.width, self.samples, allocated, stored, signed=False, photometric_interpretation=colour
        )


def read_pnm_header(stream: BinaryIO) -> PnmHeader:
    """Read magic, width, height and greatest value."""
    stream.seek(0)
    head = stream.read(_HEADER_BYTES)
    kind = head[1] - ord("0")
    numbers: list[int] = []
    position = 2
    while len(numbers) < (2 if kind in _BITMAPS else 3):
        token = _TOKEN.match(head, position)
        if token is None or token.end() >= len(head):
            if len(head) == _HEADER_BYTES or (token is None and head[position:].strip()[:1] not in (b"", b"#")):
                raise UnreadableInput("The PNM is malformed: its header holds no numbers.")
            raise _truncated()
        numbers.append(int(token[1][:12]))
        position = token.end()
    maximum = 1 if kind in _BITMAPS else numbers[2]
    if not numbers[0] or not numbers[1] or not 1 <= maximum <= _MAX_VALUE:
        raise UnreadableInput("The PNM is malformed: its header names an impossible size.")
    return PnmHeader(kind, numbers[0], numbers[1], maximum, position + 1)


def check_pnm(stream: BinaryIO) -> None:
    """Raise unless the raster is all there; whether the last number of a plain one still grows cannot be told."""
    header = read_pnm_header(stream)
    size = stream.seek(0, io.SEEK_END)
    if size < header.start + header.raster_bytes:
        raise _truncated()
    if header.kind < _FIRST_RAW and header.width * header.height < size:
        stream.seek(header.start)
        _plain_samples(header, stream.read())
    elif header.kind >= _FIRST_RAW:
        stream.seek(header.start + header.raster_bytes)
        if re.match(rb"\s*P[1-6]\s", stream.read(16)):
            raise UnreadableInput("The PNM holds several pictures.", remedy="Set the device to export one a file.")


@dataclass(frozen=True, slots=True)
class PnmFrames:
    """The one frame of a PNM file."""

    path: Path
    header: PnmHeader

    @property
    def format(self) -> FrameFormat:
        """The format of the frame."""
        return self.header.format

    @property
    def frame_count(self) -> int:
        """Always 1."""
        return 1

    def frame(self, index: int) -> memoryview:
        """Native bytes of the frame."""
        if index != 0:
            raise IndexError(index)
        with decoding("The PNM"), self.path.open("rb") as stream:
            stream.seek(self.header.start)
            plain = self.header.kind < _FIRST_RAW
            data = stream.read() if plain else stream.read(self.header.raster_bytes)
        samples = _plain_samples(self.header, data) if plain else _raw_samples(self.header, data)
        return np.ascontiguousarray(_stretched(self.header, samples)).data.cast("B")


def _raw_samples(header: PnmHeader, data: bytes) -> npt.NDArray[np.uint16]:
    if len(data) < header.raster_bytes:
        raise _truncated()
    if header.kind == _FIRST_RAW:
        rows = np.frombuffer(data, np.uint8).reshape(header.height, -1)
        return np.unpackbits(rows, axis=1, count=header.width).astype(np.uint16)
    return np.frombuffer(data, ">u2" if header.maximum > _BYTE else np.uint8).astype(np.uint16)


def _plain_samples(header: PnmHeader, data: bytes) -> npt.NDArray[np.uint16]:
    text = _COMMENT.sub(b"", data)
    count = header.width * header.height * header.samples
    if not _PLAIN.fullmatch(text):
        raise UnreadableInput("The PNM is damaged: something other than numbers stands in its raster.")
    with decoding("The PNM"):
        if header.kind == 1:
            values = np.frombuffer(re.sub(rb"\s", b"", text), np.uint8).astype(np.int64) - ord("0")
        else:
            values = np.fromstring(text, np.int64, sep=" ")
    if len(values) < count:
        raise _truncated()
    return values[:count].clip(0, _MAX_VALUE).astype(np.uint16)


def _stretched(header: PnmHeader, samples: npt.NDArray[np.uint16]) -> npt.NDArray[np.generic]:
    """Samples as they are written: bitmaps as 0 (black) and 255, bytes over the full range, words as they stand."""
    if samples.size and int(samples.max()) > header.maximum:
        raise UnreadableInput("The PNM is damaged: it holds values above the greatest that it names.")
    if header.kind in _BITMAPS:
        return np.where(samples == 0, 255, 0).astype(np.uint8)
    if header.maximum > _BYTE:
        return samples.astype("<u2")
    wide = samples.astype(np.uint32)
    return ((wide * _BYTE + header.maximum // 2) // header.maximum).astype(np.uint8)


def _truncated() -> TruncatedInput:
    return TruncatedInput("The PNM ends before its last row.", remedy="Export it again from the device.")
