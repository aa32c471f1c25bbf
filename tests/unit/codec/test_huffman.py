from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codec.huffman import assign_codes, code_lengths

counts = st.lists(st.integers(0, 1 << 20), min_size=1, max_size=17).filter(any)


@settings(deadline=None, max_examples=300)
@given(counts, st.sampled_from([6, 10, 16]))
def test_lengths_make_a_prefix_code_that_leaves_all_ones_free(frequencies: list[int], limit: int) -> None:
    lengths = code_lengths(frequencies, limit)
    assert [bool(length) for length in lengths] == [bool(frequency) for frequency in frequencies]
    assert max(lengths) <= limit
    assert sum(Fraction(1, 1 << length) for length in lengths if length) < 1
    table = assign_codes(lengths)
    words = [format(code, f"0{length}b") for code, length in table.codes.values()]
    assert not any(b.startswith(a) for a in words for b in words if a is not b)
    assert not any(set(word) == {"1"} for word in words)


@settings(deadline=None, max_examples=100)
@given(counts)
def test_a_loose_limit_changes_nothing(frequencies: list[int]) -> None:
    free = code_lengths(frequencies, 64)
    limited = code_lengths(frequencies, max(free))
    cost = [sum(f * n for f, n in zip(frequencies, lengths, strict=True)) for lengths in (free, limited)]
    assert cost[0] == cost[1]


def test_the_limit_costs_what_the_best_limited_code_costs() -> None:
    # Fibonacci weights want depths 1, 2, 3, ...; with the reserved code point eight symbols need four bits at most
    frequencies = [1, 1, 2, 3, 5, 8, 13, 21]
    lengths = code_lengths(frequencies, 4)
    assert sum(f * n for f, n in zip(frequencies, lengths, strict=True)) == _cheapest(frequencies, 4)


def _cheapest(frequencies: list[int], limit: int) -> int:
    """Try all lengths, longer ones for rarer symbols."""
    best = [1 << 30]

    def place(index: int, longest: int, room: Fraction, cost: int) -> None:
        if index == len(frequencies):
            best[0] = min(best[0], cost if room >= Fraction(1, 1 << limit) else best[0])
            return
        for length in range(1, longest + 1):
            if Fraction(1, 1 << length) <= room:
                place(index + 1, length, room - Fraction(1, 1 << length), cost + frequencies[index] * length)

    place(0, limit, Fraction(1), 0)
    return best[0]


@pytest.mark.parametrize("symbols", [1, 2, 17])
def test_codes_count_up_from_zero(symbols: int) -> None:
    table = assign_codes(code_lengths([1] * symbols, 16))
    assert table.codes[table.symbols[0]][0] == 0
    assert sum(table.counts) == symbols == len(table.symbols)
