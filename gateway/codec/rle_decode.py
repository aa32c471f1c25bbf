"""RLE Lossless back into samples, for frames that arrive so; a damaged stream is refused, never read past its end."""

import struct
from itertools import pairwise

import numpy as np

from gateway.codec.errors import DamagedStream
from gateway.codec.rle import HEADER_BYTES, MAX_SEGMENTS
from gateway.codec.samples import Samples, check_size
from gateway.domain.frames import FrameFormat

_CLAUSE = "PS3.5 Annex G"
_NO_OPERATION = 128


def decode_rle(stream: bytes, fmt: FrameFormat) -> Samples:
    """Decode one frame.

    Parameters
    ----------
    stream
        RLE Header and Byte Segments, with or without padding behind the last.
    fmt
        The attributes of the frame.

    Returns
    -------
    Shape (rows, columns * samples), uint8 or little-endian uint16, colour interleaved by sample.

    Raises
    ------
    DamagedStream
        If header or segments do not follow the specification or do not make exactly this frame.

    References
    ----------
    PS3.5 sections G.3.2, G.4 and G.5.
    """
    check_size(fmt)
    width = fmt.bits_allocated // 8
    pixels = np.empty((fmt.rows, fmt.columns, fmt.samples_per_pixel), f"<u{width}")
    as_bytes = pixels.view(np.uint8).reshape(fmt.rows, fmt.columns, fmt.samples_per_pixel, width)
    borders = _segment_borders(stream, fmt.samples_per_pixel * width)
    for number, begin in enumerate(borders[:-1]):
        sample, significance = divmod(number, width)
        plane = _unpack(stream, begin, borders[number + 1], fmt.rows * fmt.columns)
        # the most significant byte comes first, and stands last in little endian
        as_bytes[:, :, sample, width - 1 - significance] = np.frombuffer(plane, np.uint8).reshape(fmt.rows, fmt.columns)
    return pixels.reshape(fmt.rows, -1)


def _segment_borders(stream: bytes, expected: int) -> list[int]:
    """Where segments begin, and where the last one ends (G.5)."""
    if len(stream) < HEADER_BYTES:
        raise DamagedStream(f"The RLE Header has {len(stream)} of 64 bytes", clause=f"{_CLAUSE}.5")
    count, *offsets = struct.unpack_from(f"<{1 + MAX_SEGMENTS}L", stream)
    if count != expected:
        raise DamagedStream(f"The RLE Header names {count} segments, the frame has {expected}", clause=f"{_CLAUSE}.5")
    borders = [*offsets[:count], len(stream)]
    if borders[0] != HEADER_BYTES or any(here >= there for here, there in pairwise(borders)):
        raise DamagedStream(f"The RLE Header has offsets {borders[:-1]}", clause=f"{_CLAUSE}.5")
    return borders


def _unpack(stream: bytes, position: int, end: int, wanted: int) -> bytearray:
    """Decode one Byte Segment (G.3.2); each step reads a header or more, so it ends for any input."""
    plane = bytearray()
    while len(plane) < wanted:
        if position >= end:
            raise DamagedStream(f"A segment ends after {len(plane)} of {wanted} bytes", clause=f"{_CLAUSE}.3.2")
        header = stream[position]
        position += 1
        if header == _NO_OPERATION:
            continue
        taken = header + 1 if header < _NO_OPERATION else 1
        if position + taken > end:
            raise DamagedStream(f"A run at byte {position - 1} passes its segment's end", clause=f"{_CLAUSE}.3.2")
        if header < _NO_OPERATION:
            plane += stream[position : position + taken]
        else:
            plane += stream[position : position + 1] * (257 - header)
        position += taken
    if len(plane) > wanted:
        raise DamagedStream(f"A segment decodes to more than {wanted} bytes", clause=f"{_CLAUSE}.3.2")
    return plane
