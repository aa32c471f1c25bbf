"""Huffman tables made for one frame: optimal code lengths under a limit, codes as the DHT segment implies them."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

# enough for any length up to 16 in the packed counters of `_limited_lengths`
_COUNTER_BITS = 5


@dataclass(frozen=True, slots=True)
class HuffmanTable:
    """One table as DHT carries it.

    Parameters
    ----------
    counts
        BITS: how many codes there are of each length 1 to 16.
    symbols
        HUFFVAL: the symbols in order of their codes.
    codes
        For each symbol its code and the length of it.
    """

    counts: tuple[int, ...]
    symbols: tuple[int, ...]
    codes: dict[int, tuple[int, int]]


def code_lengths(frequencies: Sequence[int], limit: int) -> list[int]:
    """Find lengths of an optimal prefix code in which no code exceeds `limit` bits and none is all ones.

    Parameters
    ----------
    frequencies
        How often each symbol occurs; one that never does gets no code (length 0).

    References
    ----------
    ITU-T T.81 K.2 (reserving the code point of all ones).
    """
    present = [symbol for symbol, frequency in enumerate(frequencies) if frequency]
    # the reserved code point is a symbol of its own, rarer than all others; it takes the all-ones code
    weights = [0, *(frequencies[symbol] for symbol in present)]
    lengths = _free_lengths(weights)
    if max(lengths) > limit:
        lengths = _limited_lengths(weights, limit)
    result = [0] * len(frequencies)
    for symbol, length in zip(present, lengths[1:], strict=True):
        result[symbol] = length
    return result


def _free_lengths(weights: list[int]) -> list[int]:
    """Huffman's own construction; the reserved symbol is index 0 and the tie-break keeps it deepest."""
    heap = [(weight, index) for index, weight in enumerate(weights)]
    heapq.heapify(heap)
    parents = [0] * (2 * len(weights) - 1)
    node = len(weights)
    while len(heap) > 1:
        low, left = heapq.heappop(heap)
        high, right = heap[0]
        parents[left] = parents[right] = node
        heapq.heapreplace(heap, (low + high, node))
        node += 1
    depths = [0] * node
    for child in range(node - 2, -1, -1):
        depths[child] = depths[parents[child]] + 1
    return depths[: len(weights)]


def _limited_lengths(weights: list[int], limit: int) -> list[int]:
    """Package-merge (Larmore and Hirschberg); a package counts its symbols in the fields of one integer."""
    leaves = sorted((weight, 1 << (_COUNTER_BITS * index)) for index, weight in enumerate(weights))
    packages = leaves
    for _ in range(limit - 1):
        pairs = zip(packages[::2], packages[1::2], strict=False)
        packages = sorted([*leaves, *((low[0] + high[0], low[1] + high[1]) for low, high in pairs)])
    total = sum(members for _, members in packages[: 2 * len(weights) - 2])
    field = (1 << _COUNTER_BITS) - 1
    return [(total >> (_COUNTER_BITS * index)) & field for index in range(len(weights))]


def assign_codes(lengths: Sequence[int]) -> HuffmanTable:
    """Give codes to lengths, shorter first and then by symbol (T.81 Annex C)."""
    order = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    counts = [0] * 16
    codes = {}
    code = previous = 0
    for length, symbol in order:
        code <<= length - previous
        previous = length
        codes[symbol] = (code, length)
        code += 1
        counts[length - 1] += 1
    return HuffmanTable(tuple(counts), tuple(symbol for _, symbol in order), codes)
