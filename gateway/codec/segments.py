"""Marker segments of the JPEG interchange format, ITU-T T.81 Annex B: what surrounds the entropy-coded data."""

import struct
from collections.abc import Sequence

from gateway.codec.huffman import HuffmanTable

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
SOF_BASELINE = 0xC0
SOF_EXTENDED = 0xC1
SOF_LOSSLESS = 0xC3


def _segment(marker: int, parameters: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(parameters) + 2) + parameters


def frame_header(marker: int, precision: int, size: tuple[int, int], sampling: Sequence[tuple[int, int, int]]) -> bytes:
    """SOFn (B.2.2): `size` is (lines, samples per line); `sampling` is (Hi, Vi, Tqi) of each component."""
    parameters = struct.pack(">BHHB", precision, *size, len(sampling))
    for index, (horizontal, vertical, table) in enumerate(sampling):
        parameters += bytes((index + 1, horizontal << 4 | vertical, table))
    return _segment(marker, parameters)


def huffman_tables(tables: Sequence[tuple[int, int, HuffmanTable]]) -> bytes:
    """DHT (B.2.4.2) of (class, destination, table) each."""
    return _segment(
        0xC4,
        b"".join(
            bytes((kind << 4 | destination, *table.counts, *table.symbols)) for kind, destination, table in tables
        ),
    )


def quantisation_tables(tables: Sequence[Sequence[int]], *, is_wide: bool) -> bytes:
    """DQT (B.2.4.1): tables in zigzag order for destinations 0, 1, ...; `is_wide` gives elements 16 bits."""
    parameters = b""
    for destination, table in enumerate(tables):
        parameters += struct.pack(f">B64{'H' if is_wide else 'B'}", is_wide << 4 | destination, *table)
    return _segment(0xDB, parameters)


def scan_header(tables: Sequence[int], selection: tuple[int, int, int]) -> bytes:
    """SOS (B.2.3): the DC and AC table of each component; `selection` is (Ss, Se, Ah and Al)."""
    parameters = bytes((len(tables),))
    for index, table in enumerate(tables):
        parameters += bytes((index + 1, table))
    return _segment(0xDA, parameters + bytes(selection))
