"""Packing codes of unequal length into bytes, most significant bit first, for all entropy coders.

Bits of different codes within one word are disjoint, so their OR is their sum: a wrap-around prefix sum of the shifted
codes, read once per output word, replaces a loop over codes.
"""

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

WORD_BITS = 64


def word(value: int) -> Words:
    """A constant for arithmetic with words: an array without dimensions, which NumPy takes up faster than a scalar."""
    constant = np.array(value, np.uint64)
    constant.flags.writeable = False
    return constant


_IN_WORD = word(WORD_BITS - 1)
_WORD = word(WORD_BITS)


class BitPacker:
    """Packs parts of one entropy-coded segment; the unfinished word waits for the next part.

    Parameters
    ----------
    capacity
        How many codes a part has at most.
    """

    def __init__(self, capacity: int) -> None:
        self._grow(capacity + 1)
        self._rest = 0
        self._rest_bits = 0

    def _grow(self, count: int) -> None:
        self._to_right = np.empty(count, np.uint64)
        self._opens = np.empty(count, np.bool_)
        self._sums = np.zeros(count + 1, np.uint64)

    def pack(self, codes: Words, missing: Words) -> bytes:
        """Append codes and return the words that they complete, with stuffed zero bytes.

        Parameters
        ----------
        codes
            Shape (n + 1,), right-justified; element 0 is room for the unfinished word. Overwritten.
        missing
            Shape (n + 1,): 64 minus the length of each code, lengths 0 to 64; element 0 likewise.

        References
        ----------
        ITU-T T.81 F.1.2.3 and H.1.2.2 (byte stuffing).
        """
        count = len(codes)
        if count > len(self._opens):
            self._grow(count)
        codes[0], missing[0] = self._rest, WORD_BITS - self._rest_bits
        to_right, sums = self._to_right[:count], self._sums[: count + 1]
        # bits to the right of a code in the word of its last bit: minus its end, modulo 64
        np.add.accumulate(missing, out=to_right)
        np.bitwise_and(to_right, _IN_WORD, out=to_right)
        # a code of 64 bits or less that reaches the word's first bit is the first one to end in that word
        opens = np.greater_equal(to_right, missing, out=self._opens[:count])
        (first,) = opens.nonzero()
        straddling, shift = codes.take(first[1:]), to_right.take(first[1:])
        np.left_shift(codes, to_right, out=codes)
        np.add.accumulate(codes, out=sums[1:])
        before = np.empty(len(first) + 1, np.uint64)
        before[-1] = sums[-1]
        sums.take(first, out=before[:-1], mode="wrap")
        words = before[1:] - before[:-1]
        # NumPy defines a shift by 64 as 0, which is what a code that ends its word needs
        words[:-1] |= straddling >> (_WORD - shift)
        return self._keep_unfinished(words, int(to_right[-1]))

    def _keep_unfinished(self, words: Words, free_bits: int) -> bytes:
        self._rest = self._rest_bits = 0
        if free_bits:
            self._rest, self._rest_bits = int(words[-1]) >> free_bits, WORD_BITS - free_bits
            words = words[:-1]
        return words.astype(">u8").tobytes().replace(b"\xff", b"\xff\x00")

    def finish(self) -> bytes:
        """Return what is left, filled up with 1 bits to a whole byte (T.81 F.1.2.3)."""
        fill = -self._rest_bits % 8
        length = (self._rest_bits + fill) // 8
        rest = (self._rest << fill) | ((1 << fill) - 1)
        self._rest = self._rest_bits = 0
        return rest.to_bytes(length, "big").replace(b"\xff", b"\xff\x00")
