"""Huffman coding of lossless differences, ITU-T T.81 H.1.2.2: one look-up a sample, four samples a packed code.

A table entry is a code with its extra bits, shifted up by six, and their common length below.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gateway.codec.bits import WORD_BITS, BitPacker, Words, word
from gateway.codec.differences import Differences
from gateway.codec.huffman import assign_codes

# 32768 and -32768 are one difference, alone in its category, and need no extra bits
_ODD_CATEGORY = 16
_LENGTH_BITS = word(6)
_LENGTH = word(63)
_WORD = word(WORD_BITS)
_LANES = tuple(word(16 * lane) for lane in range(4))
_LANE = word(0xFFFF)
# for pairs: nine bits of a difference are all of it when samples have eight
_EVEN_LANES = word(0x0000_01FF_0000_01FF)
_ODD_LANES = word(0x01FF_0000_01FF_0000)
_LANE_LESS_NINE = word(7)
_EIGHTEEN = word(0x3FFFF)
_HALF_WORD = word(32)


@lru_cache(maxsize=1)
def categories() -> NDArray[np.uint8]:
    """SSSS of each difference modulo 2 to the 16th (Table H.2)."""
    magnitude = np.abs(np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32))
    result: NDArray[np.uint8] = np.ceil(np.log2(magnitude + 1)).astype(np.uint8)
    result.flags.writeable = False
    return result


@lru_cache(maxsize=1)
def _extra_bits() -> Words:
    """Extra bits and their number, as an entry without its code; category 16 has none."""
    difference = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)
    size = categories().astype(np.int64) % 16
    extra = (difference - (difference < 0)) & ((1 << size) - 1)
    result = ((extra << 6) | size).astype(np.uint64)
    result.flags.writeable = False
    return result


@lru_cache(maxsize=2)
def entries(lengths: tuple[int, ...]) -> Words:
    """Table of the differences that the code lengths of categories 0 to 16 know; the rest of it is zero."""
    result, extra = np.zeros(65536, np.uint64), _extra_bits()
    for category, (code, length) in assign_codes(lengths).codes.items():
        size = category % _ODD_CATEGORY
        addend = np.uint64((code << (size + 6)) + length)
        for begin, end in _slices(category):
            np.add(extra[begin:end], addend, out=result[begin:end])
    return result


def _slices(category: int) -> tuple[tuple[int, int], ...]:
    """Where in the table the differences of one category stand, the positive and the negative ones."""
    if category in {0, _ODD_CATEGORY}:
        place = 1 << 15 if category else 0
        return ((place, place + 1),)
    low, high = 1 << (category - 1), 1 << category
    return (low, high), (65537 - high, 65537 - low)


@lru_cache(maxsize=2)
def pair_entries(lengths: tuple[int, ...]) -> Words:
    """Table of all pairs of nine-bit differences, joined; the second one is the high half of the index."""
    single = entries(lengths)
    nine = np.concatenate([single[:256], single[-256:]])
    length = nine & _LENGTH
    code = nine - length
    result: Words = np.empty((512, 512), np.uint64)
    # neighbours of one length move whatever stands before them by as much
    borders = np.flatnonzero(np.diff(length)) + 1
    for begin, end in pairwise([0, *borders, 512]):
        first = np.left_shift(code, length[begin]) + length
        np.add(nine[begin:end, None], first, out=result[begin:end])
    return result.reshape(-1)


class DifferenceCoder:
    """Codes the differences of one frame, strip by strip.

    Parameters
    ----------
    lengths
        Code lengths of categories 0 to 16.
    capacity
        How many differences a strip has at most.
    uses_pairs
        Look up two differences at once; only for those that fit nine bits.
    """

    def __init__(self, lengths: tuple[int, ...], capacity: int, *, uses_pairs: bool) -> None:
        quads = capacity // 4 + 1
        self._entries = entries(lengths)
        self._pairs = pair_entries(lengths) if uses_pairs else None
        self._index = np.empty(quads, np.uint64)
        self._entry = np.empty(quads, np.uint64)
        self._other = np.empty(quads, np.uint64)
        self._codes = np.empty(quads + 1, np.uint64)
        self._missing = np.empty(quads + 1, np.uint64)
        self._packer = BitPacker(quads)

    def encode(self, differences: Differences) -> bytes:
        """Code a multiple of four differences; return the words that they complete."""
        quads = differences.view(np.uint64)
        count = len(quads)
        codes, lengths = self._codes[: count + 1], self._missing[: count + 1]
        if self._pairs is None:
            self._join_four(quads, codes[1:], lengths[1:])
        else:
            self._join_two_pairs(self._pairs, quads, codes[1:], lengths[1:])
        if count and int(np.maximum.reduce(lengths[1:])) > WORD_BITS:
            codes, lengths = self._split_long(quads, codes, lengths)
        np.subtract(_WORD, lengths, out=lengths)
        return self._packer.pack(codes, lengths)

    def finish(self, differences: Differences) -> bytes:
        """Code the last differences one by one and fill up the last byte."""
        entry = self._entries.take(differences)
        codes, missing = np.empty((2, len(entry) + 1), np.uint64)
        codes[1:] = entry >> _LENGTH_BITS
        missing[1:] = _WORD - (entry & _LENGTH)
        return self._packer.pack(codes, missing) + self._packer.finish()

    def _join_four(self, quads: Words, codes: Words, lengths: Words) -> None:
        """Look up each lane of a word, the last one first, and put each code before those behind it."""
        count = len(quads)
        index, entry, length = self._index[:count], self._entry[:count], self._other[:count]
        for lane in (3, 2, 1, 0):
            np.right_shift(quads, _LANES[lane], out=index)
            if lane < 3:  # noqa: PLR2004 - nothing stands above the last lane
                np.bitwise_and(index, _LANE, out=index)
            self._entries.take(index.view(np.int64), out=entry, mode="wrap")
            if lane == 3:  # noqa: PLR2004 - as above
                np.bitwise_and(entry, _LENGTH, out=lengths)
                np.right_shift(entry, _LENGTH_BITS, out=codes)
                continue
            np.bitwise_and(entry, _LENGTH, out=length)
            np.right_shift(entry, _LENGTH_BITS, out=entry)
            np.left_shift(entry, lengths, out=entry)
            np.add(codes, entry, out=codes)
            np.add(lengths, length, out=lengths)

    def _join_two_pairs(self, pairs: Words, quads: Words, codes: Words, lengths: Words) -> None:
        """Fold each pair of lanes into eighteen bits, look both pairs up and join them."""
        count = len(quads)
        index, entry, other = self._index[:count], self._entry[:count], self._other[:count]
        np.bitwise_and(quads, _ODD_LANES, out=other)
        np.right_shift(other, _LANE_LESS_NINE, out=other)
        np.bitwise_and(quads, _EVEN_LANES, out=index)
        np.bitwise_or(index, other, out=index)
        np.right_shift(index, _HALF_WORD, out=other)
        np.bitwise_and(index, _EIGHTEEN, out=index)
        pairs.take(index.view(np.int64), out=entry, mode="wrap")
        pairs.take(other.view(np.int64), out=codes, mode="wrap")
        np.bitwise_and(codes, _LENGTH, out=lengths)
        np.right_shift(codes, _LENGTH_BITS, out=codes)
        np.bitwise_and(entry, _LENGTH, out=other)
        np.right_shift(entry, _LENGTH_BITS, out=entry)
        np.left_shift(entry, lengths, out=entry)
        np.add(codes, entry, out=codes)
        np.add(lengths, other, out=lengths)

    def _split_long(self, quads: Words, codes: Words, lengths: Words) -> tuple[Words, Words]:
        """Put two pairs in the place of each quad that does not fit a word; such quads are rare but in noise."""
        long = np.flatnonzero(lengths[1:] > _WORD)
        lanes = quads[long].view(np.uint16).reshape(-1, 4)
        entry = self._entries.take(lanes)
        length, code = entry & _LENGTH, entry >> _LENGTH_BITS
        joined = (code[:, ::2] << length[:, 1::2]) + code[:, 1::2]
        length = length[:, ::2] + length[:, 1::2]
        codes[long + 1], lengths[long + 1] = joined[:, 0], length[:, 0]
        behind = long + 2
        return np.insert(codes, behind, joined[:, 1]), np.insert(lengths, behind, length[:, 1])
