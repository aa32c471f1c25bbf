"""Waits that double: one formula for all that is tried again."""

_MOST_DOUBLINGS = 30


def doubled(base: float, failures: int, cap: float) -> float:
    """`base` after the first failure, twice as much after each further one in a row, never more than `cap`."""
    return min(cap, base * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS))
