"""Waits double from the first failure on and end at the cap, however long something fails."""

from gateway.domain.doubling import doubled


def test_waits_double_up_to_the_cap() -> None:
    assert [doubled(2.0, failures, 30.0) for failures in range(7)] == [2, 2, 4, 8, 16, 30, 30]


def test_years_of_failures_are_no_fault() -> None:
    assert doubled(0.5, 1_000_000, 300.0) == 300.0
