"""Huffman coding of quantised DCT coefficients, ITU-T T.81 F.1.2, on those that are not zero.

Each non-zero coefficient, and each DC difference, is one element. Its index into one table of codes says everything:
the class of its block, the run of zeros before it (ZRL codes are part of the entry), and its size. The EOB of a block
stands in front of the next block's DC, whose code is never long.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gateway.codec.bits import WORD_BITS, BitPacker, Words
from gateway.codec.blocks import Coefficients
from gateway.codec.dct import BLOCK_SAMPLES
from gateway.codec.huffman import HuffmanTable, assign_codes, code_lengths

Indices = NDArray[np.int64]

_SIZES = 16
_RUNS = BLOCK_SAMPLES * _SIZES
# where the DC entries begin: for each class, without EOB before it, after a luma block's, after a chroma block's
_DC = 2 * _RUNS
_DC_CLASS = 4 * _SIZES
_ENTRIES = _DC + 2 * _DC_CLASS
_EOB, _ZRL = 0x00, 0xF0
# a symbol with this share of all gets a code of about ten bits; three ZRL, the longest code of 16 bits and its extra
# bits then fit a word
_RARE = 1 << 9
_LIMIT = 16
_LOWEST_SHARE = 13
_SIZE = np.uint64(15)
_SIZE_BITS = np.uint64(4)


@lru_cache(maxsize=1)
def _sizes_and_extra_bits() -> Words:
    """For each 16-bit coefficient its extra bits, shifted up by four, and their number (Tables F.1 and F.2)."""
    value = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)
    size = np.ceil(np.log2(np.abs(value) + 1)).astype(np.int64)
    extra = (value - (value < 0)) & ((1 << size) - 1)
    # 16 does not fit; such a coefficient cannot come from 12 bits
    result: Words = ((extra << 4) | (size & 15)).astype(np.uint64)
    result.flags.writeable = False
    return result


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements of one strip in coding order: index into the code table, and extra bits."""

    index: Indices
    extra: Words


class ElementSource:
    """Turns coefficients into elements, strip after strip of one scan.

    Parameters
    ----------
    blocks_per_unit
        1 for gray; for colour the luma blocks come first and two chroma blocks last.
    """

    def __init__(self, blocks_per_unit: int) -> None:
        self._luma_blocks = max(1, blocks_per_unit - 2)
        self._classes = (np.arange(blocks_per_unit) >= self._luma_blocks).astype(np.int64)
        self._last_dc = [0, 0, 0]
        # as if the block before the first had ended without EOB
        self._before = -1

    def elements(self, coefficients: Coefficients) -> Elements:
        """Elements of the next strip; DC is replaced by its difference in place (F.1.1.5.1)."""
        self._difference_dc(coefficients)
        flat = coefficients.reshape(-1)
        present = flat != 0
        present[::BLOCK_SAMPLES] = True
        position = np.flatnonzero(present)
        run = np.empty_like(position)
        np.subtract(position[1:], position[:-1], out=run[1:])
        run[0] = position[0] - self._before
        self._before = int(position[-1]) - len(flat)
        size_and_extra = _sizes_and_extra_bits().take(flat.take(position).view(np.uint16), mode="wrap")
        index = (size_and_extra & _SIZE).view(np.int64)
        self._add_class_and_run(index, run - 1, position)
        return Elements(index, size_and_extra >> _SIZE_BITS)

    def _difference_dc(self, coefficients: Coefficients) -> None:
        if coefficients.shape[1] == 1:
            components = [coefficients[:, 0, 0]]
        else:
            luma = self._luma_blocks
            components = [coefficients[:, :luma, 0], coefficients[:, luma, 0], coefficients[:, luma + 1, 0]]
        for number, values in enumerate(components):
            dc = values.reshape(-1)
            difference = np.diff(dc, prepend=np.int16(self._last_dc[number]))
            self._last_dc[number] = int(dc[-1])
            values[...] = difference.reshape(values.shape)

    def _add_class_and_run(self, index: Indices, run: Indices, position: Indices) -> None:
        starts = np.flatnonzero((position & (BLOCK_SAMPLES - 1)) == 0)
        units = len(starts) // len(self._classes)
        is_chroma = np.broadcast_to(self._classes, (units, len(self._classes))).reshape(-1)
        # the run before a DC is zero only if the last block was full to its end
        prefix = np.where(run[starts] > 0, 1 + np.roll(is_chroma, 1), 0)
        run <<= 4
        index += run
        if len(self._classes) > 1:
            lengths = np.diff(starts, append=len(position))
            index += np.repeat(is_chroma * _RUNS, lengths)
        sizes = index[starts] & (_SIZES - 1)
        index[starts] = _DC + is_chroma * _DC_CLASS + prefix * _SIZES + sizes

    def ends_with_eob(self) -> bool:
        """Tell whether the last block of all needs its EOB."""
        return self._before != -1


@dataclass(frozen=True, slots=True)
class ScanTables:
    """The Huffman tables of one scan: DC and AC, for luma and (in colour) for chroma."""

    dc: tuple[HuffmanTable, ...]
    ac: tuple[HuffmanTable, ...]


def histogram(elements: Elements) -> NDArray[np.int64]:
    """Count the entries that these elements use."""
    return np.bincount(elements.index, minlength=_ENTRIES)


def frequencies(
    counts: NDArray[np.int64], classes: int, sizes: tuple[int, int] | None
) -> list[tuple[list[int], list[int]]]:
    """Frequencies of DC and AC symbols for each class.

    Parameters
    ----------
    counts
        Sum of `histogram` over the strips seen.
    classes
        1 for gray, 2 for colour.
    sizes
        Highest size of a DC difference and of an AC coefficient, if not all strips were seen: what could occur but
        did not is then given a share so small that it costs little, and so large that no code becomes too long.
    """
    by_dc = counts[_DC:].reshape(2, 4, _SIZES)
    result = []
    for number in range(classes):
        by_run = counts[number * _RUNS : (number + 1) * _RUNS].reshape(4, 16, _SIZES)
        ac = by_run.sum(axis=0).reshape(-1)
        ac[_ZRL] += int((by_run.sum(axis=(1, 2)) * np.arange(4)).sum())
        ac[_EOB] += int(by_dc[:, 1 + number].sum()) + 1
        dc = by_dc[number].sum(axis=0)
        if sizes is not None:
            seen = dc[: sizes[0] + 1]
            np.maximum(seen, int(dc.sum()) // _RARE + 1, out=seen)
            seen = ac.reshape(16, _SIZES)[:, 1 : sizes[1] + 1]
            np.maximum(seen, int(ac.sum()) // _RARE + 1, out=seen)
        ac[_ZRL] = max(int(ac[_ZRL]), int(ac.sum()) // _RARE + 1)
        # a share below this one gains no bits worth a code of more than 16
        ac[ac > 0] = np.maximum(ac[ac > 0], int(ac.sum()) >> _LOWEST_SHARE)
        result.append(([int(count) for count in dc], [int(count) for count in ac]))
    return result


def scan_tables(symbol_frequencies: list[tuple[list[int], list[int]]]) -> ScanTables:
    """Make optimal tables; `frequencies` keeps the ZRL code short enough for three of them to fit an entry."""
    dc_tables, ac_tables = [], []
    for dc, ac in symbol_frequencies:
        dc_tables.append(assign_codes(code_lengths(dc, _LIMIT)))
        ac_tables.append(assign_codes(code_lengths(ac, _LIMIT)))
    return ScanTables(tuple(dc_tables), tuple(ac_tables))


class CoefficientCoder:
    """Packs elements with the tables of a scan."""

    def __init__(self, tables: ScanTables, capacity: int) -> None:
        self._tables = tables
        self._codes = np.zeros(_ENTRIES, np.uint64)
        self._missing = np.full(_ENTRIES, WORD_BITS, np.uint64)
        for number, (dc, ac) in enumerate(zip(tables.dc, tables.ac, strict=True)):
            self._enter_ac(number * _RUNS, ac)
            self._enter_dc(_DC + number * _DC_CLASS, dc)
        self._packer = BitPacker(capacity)

    def _enter_ac(self, base: int, table: HuffmanTable) -> None:
        """Enter each symbol of a non-zero coefficient behind none to three ZRL codes."""
        zrl, zrl_length = table.codes[_ZRL]
        prefix = prefix_length = 0
        symbols = [symbol for symbol in table.symbols if symbol & (_SIZES - 1)]
        for extra_runs in range(4):
            self._enter(table, base + extra_runs * 256, symbols, (prefix, prefix_length))
            prefix, prefix_length = (prefix << zrl_length) | zrl, prefix_length + zrl_length

    def _enter_dc(self, base: int, table: HuffmanTable) -> None:
        """Enter each size of a DC difference behind no EOB, that of luma and that of chroma."""
        prefixes = [(0, 0), *(ac.codes[_EOB] for ac in self._tables.ac)]
        for number, prefix in enumerate(prefixes):
            self._enter(table, base + number * _SIZES, list(table.symbols), prefix)

    def _enter(self, table: HuffmanTable, base: int, symbols: list[int], prefix: tuple[int, int]) -> None:
        """Write entries: prefix, code, and room for as many extra bits as the size, low in the symbol, says."""
        if not symbols:
            return
        at = np.array(symbols, np.int64)
        codes, lengths = np.array([table.codes[symbol] for symbol in symbols], np.uint64).T
        sizes = (at & (_SIZES - 1)).astype(np.uint64)
        self._codes[base + at] = ((np.uint64(prefix[0]) << lengths) | codes) << sizes
        self._missing[base + at] = np.uint64(WORD_BITS - prefix[1]) - lengths - sizes

    def encode(self, elements: Elements) -> bytes:
        """Code a strip; return the words that it completes."""
        count = len(elements.index) + 1
        codes, missing = np.empty(count, np.uint64), np.empty(count, np.uint64)
        self._codes.take(elements.index, out=codes[1:], mode="wrap")
        self._missing.take(elements.index, out=missing[1:], mode="wrap")
        np.bitwise_or(codes[1:], elements.extra, out=codes[1:])
        return self._packer.pack(codes, missing)

    def finish(self, *, with_eob: bool) -> bytes:
        """Write the last EOB, if there is one, and fill up the last byte."""
        last = b""
        if with_eob:
            code, length = self._tables.ac[-1].codes[_EOB]
            last = self._packer.pack(np.array([0, code], np.uint64), np.array([0, WORD_BITS - length], np.uint64))
        return last + self._packer.finish()

    def bits(self, counts: NDArray[np.int64]) -> int:
        """How many bits elements with such a histogram take, before stuffing."""
        return int((counts * (WORD_BITS - self._missing.astype(np.int64))).sum())
