"""RLE Lossless: the PackBits of PS3.5 Annex G, written for arrays.

A row of a byte plane is cut into tiles of up to 128 bytes, each with one spare slot in front. Neither a literal nor
a run can then exceed the 128 bytes that a header counts, and rows never mix, so there is nothing to split afterwards.
Headers are written in place, over bytes of runs that are not kept; one boolean compress makes the stream.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gateway.codec.errors import CodecError
from gateway.codec.options import EncodeOptions
from gateway.codec.samples import Samples
from gateway.domain.frames import FrameFormat

HEADER_BYTES = 64
MAX_SEGMENTS = 15

_TILE = 128
_HELD_BYTES = 8 << 20
_CLAUSE = "PS3.5 Annex G"

Bytes = NDArray[np.uint8]


def encode_rle(pixels: Samples, fmt: FrameFormat, options: EncodeOptions) -> Iterator[bytes]:
    """Encode one frame as a sequence of Byte Segments behind the RLE Header.

    Parameters
    ----------
    pixels
        Shape (rows, columns * samples), uint8 or uint16.
    fmt
        The frame's attributes.
    options
        Only `strip_samples` counts: RLE has nothing else to choose.

    Yields
    ------
    Parts of the stream in order. The header comes first and holds the lengths of all segments, so segments are held
    until they are complete; what exceeds 8 MB is only measured, and encoded again when its turn comes.

    Raises
    ------
    CodecError
        If the stream would pass the 4 GiB that header offsets can address.

    References
    ----------
    PS3.5 sections A.4.2 and G.2 to G.5.
    """
    count = fmt.samples_per_pixel * fmt.bits_allocated // 8
    held: list[bytes] = []
    held_bytes = 0
    resume_at: tuple[int, int] | None = None
    lengths = []
    tiles = _Tiles(max(1, min(fmt.rows, options.strip_samples // fmt.columns)), fmt.columns)
    for segment in range(count):
        length = 0
        for index, part in enumerate(_segment_parts(pixels, fmt, segment, tiles)):
            length += len(part)
            held_bytes += len(part)
            if resume_at is None and held_bytes > _HELD_BYTES:
                resume_at = (segment, index)
            if resume_at is None:
                held.append(part)
        lengths.append(length)
    yield rle_header(lengths)
    yield from held
    if resume_at is not None:
        first, skipped = resume_at
        for segment in range(first, count):
            parts = _segment_parts(pixels, fmt, segment, tiles)
            yield from islice(parts, skipped if segment == first else 0, None)


def rle_header(lengths: list[int]) -> bytes:
    """Build the RLE Header: number of segments and their offsets from its own first byte.

    Parameters
    ----------
    lengths
        Bytes of each Byte Segment, padding included; 1 to 15 of them.

    Returns
    -------
    64 bytes.

    Raises
    ------
    CodecError
        The last segment ends beyond what an offset of 32 bits can say.

    References
    ----------
    PS3.5 section G.5.
    """
    offsets = [HEADER_BYTES + sum(lengths[:index]) for index in range(len(lengths))]
    if offsets[-1] + lengths[-1] >= 1 << 32:
        raise CodecError(
            f"The stream has {offsets[-1] + lengths[-1]} bytes, offsets address 4294967295", clause=f"{_CLAUSE}.5"
        )
    return struct.pack("<16L", len(lengths), *offsets, *[0] * (MAX_SEGMENTS - len(lengths)))


def _segment_parts(pixels: Samples, fmt: FrameFormat, segment: int, tiles: "_Tiles") -> Iterator[bytes]:
    """Byte Segments go sample by sample, most significant byte first, each padded to an even length (G.2)."""
    width = fmt.bits_allocated // 8
    sample, significance = divmod(segment, width)
    planes = pixels[:, sample :: fmt.samples_per_pixel]
    shift = 8 * (width - 1 - significance)
    length = 0
    for top in range(0, fmt.rows, tiles.rows):
        part = tiles.pack(planes[top : top + tiles.rows], shift)
        length += len(part)
        yield part
    if length % 2:
        yield b"\0"


@lru_cache(maxsize=8)
def _geometry(rows: int, columns: int) -> tuple[Bytes, Bytes]:
    """Mark, for tiled rows laid end to end, the spare slots, and where a byte and its two successors share a tile."""
    spare = np.zeros(columns + -(-columns // _TILE), np.uint8)
    spare[:: _TILE + 1] = 1
    spare = np.concatenate([np.tile(spare, rows), np.ones(2, np.uint8)])
    inside = np.bitwise_xor(spare[:-2] | spare[1:-1] | spare[2:], np.uint8(1))
    spare = spare[:-2].copy()
    spare.flags.writeable = inside.flags.writeable = False
    return spare, inside


class _Tiles:
    """Scratch for strips of one geometry: a strip allocates its events and its stream, nothing else."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self._columns = columns
        self._pitch = columns + -(-columns // _TILE)
        size = rows * self._pitch
        self._bytes = np.zeros(size + 2, np.uint8)
        self._equal = np.zeros(size + 1, np.uint8)
        self._spare, self._inside = _geometry(rows, columns)
        # two False in front and behind, so that neighbours need no special case at the ends
        self._shifted = np.empty((rows, columns), np.uint16)
        self._narrow = np.empty((rows, columns), np.uint8)
        self._body = np.zeros(size + 3, np.uint8)
        self._edge = np.zeros(size + 1, np.bool_)
        self._keep = np.zeros(size + 2, np.uint8)

    def pack(self, plane: Samples, shift: int) -> bytes:
        """Encode the byte at `shift` of each sample of some rows (section G.3.1)."""
        self._lay_out(plane, shift)
        size = len(plane) * self._pitch
        self._write_headers(self._find_runs(size), size)
        kept: Bytes = self._bytes[:size][self._keep[:size].view(np.bool_)]
        return kept.tobytes()

    def _lay_out(self, plane: Samples, shift: int) -> None:
        """Copy the bytes into tiles, leaving the slot in front of each."""
        rows, whole = len(plane), self._columns // _TILE
        source: Samples = plane
        if plane.itemsize > 1:
            # shift and narrow are vectorised, a copy of every second byte is not
            np.right_shift(plane, shift, out=self._shifted[:rows])
            np.copyto(self._narrow[:rows], self._shifted[:rows], casting="unsafe")
            source = self._narrow[:rows]
        grid = self._bytes[: rows * self._pitch].reshape(rows, self._pitch)
        tiles = grid[:, : whole * (_TILE + 1)].reshape(rows, whole, _TILE + 1)
        tiles[:, :, 1:] = source[:, : whole * _TILE].reshape(rows, whole, _TILE)
        grid[:, whole * (_TILE + 1) + 1 :] = source[:, whole * _TILE :]

    def _find_runs(self, size: int) -> NDArray[np.intp]:
        """Set the keep mask of all literals; return where runs (and spare slots) begin and end, in turn."""
        data, equal, keep = self._bytes, self._equal[: size + 1], self._keep[:size]
        padded = self._body[: size + 3]
        padded[size + 2 :] = 0
        # body[i]: bytes i, i + 1 and i + 2 are equal and of one tile
        body = padded[2 : size + 2]
        np.equal(data[: size + 1], data[1 : size + 2], out=equal.view(np.bool_))
        np.bitwise_and(equal[:-1], equal[1:], out=body)
        np.bitwise_and(body, self._inside[:size], out=body)
        np.bitwise_or(padded[1 : size + 1], padded[:size], out=keep)
        np.bitwise_or(body, self._spare[:size], out=body)
        np.bitwise_or(keep, body, out=keep)
        np.bitwise_xor(keep, 1, out=keep)
        edge = self._edge[: size + 1]
        np.not_equal(padded[1 : size + 2], padded[2 : size + 3], out=edge)
        (found,) = edge.nonzero()
        return found

    def _write_headers(self, edges: NDArray[np.intp], size: int) -> None:
        """Write the header of every run and literal in place, and keep it and the byte that a run repeats."""
        data, keep = self._bytes, self._keep
        begin, past = edges[::2], edges[1::2]
        # a run at the start of a tile has merged with the spare slot before it; casts stand alone, which is faster
        first = self._spare.take(begin).astype(np.intp)
        first += begin
        is_run = past > first
        last = is_run.astype(np.intp)
        last <<= 1
        last += past
        last -= 1
        # the header of a literal says its length less one; -1 is no literal at all
        literal = np.empty_like(last)
        np.subtract(begin[1:], last[:-1], out=literal[:-1])
        literal[-1:] = size - last[-1:]
        literal -= 2
        keep[last] = (literal >= 0).view(np.uint8)
        data[last] = literal.astype(np.uint8)
        first, last = first[is_run], last[is_run]
        data[first] = (first - last).astype(np.uint8)
        keep[first] = 1
        first += 1
        keep[first] = 1
