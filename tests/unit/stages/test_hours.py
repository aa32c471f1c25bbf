"""Hours by the wall clock: over midnight, at their ends, and in the nights on which the clock is set."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.stages.hours import Hours, RateLimit, is_open, limit_at

NIGHT = Hours.parse("22:00-06:00")
DAY = Hours.parse("08:00-18:00")
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-04T{text}").replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("21:59:59", False),
        ("22:00", True),
        ("23:59:59.999999", True),
        ("00:00", True),
        ("05:59", True),
        ("06:00", False),
    ],
)
def test_over_midnight(text: str, within: bool) -> None:
    assert NIGHT.contain(at(text)) is within


def test_equal_ends_are_the_whole_day_and_the_end_of_the_day_can_be_said() -> None:
    assert all(Hours.parse("00:00-24:00").contain(at(text)) for text in ("00:00", "12:00", "23:59"))
    assert Hours.parse("12:00-24:00").contain(at("23:59"))
    assert not Hours.parse("12:00-24:00").contain(at("00:00"))


@pytest.mark.parametrize("day", [(2026, 3, 28), (2026, 10, 24)])
def test_a_night_on_which_the_clock_is_set_opens_and_closes_by_the_clock_on_the_wall(day: tuple[int, int, int]) -> None:
    began = datetime(*day, 20, tzinfo=BERLIN).astimezone(UTC)
    moments = [(began + timedelta(minutes=n)).astimezone(BERLIN) for n in range(12 * 60)]
    opened = [m for m in moments if NIGHT.contain(m)]
    assert (opened[0].hour, opened[0].minute) == (22, 0)
    assert (opened[-1].hour, opened[-1].minute) == (5, 59)
    assert len(opened) in (7 * 60, 9 * 60)  # an hour shorter or longer than eight


@pytest.mark.parametrize("text", ["22:00", "22-6", "ten-six", "25:00-06:00"])
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Hours.parse(text)


def test_no_window_is_always_open_and_several_add_up() -> None:
    assert is_open((), at("03:00"))
    assert is_open((DAY, NIGHT), at("03:00"))
    assert not is_open((DAY, NIGHT), at("07:00"))


def test_the_first_limit_that_fits_applies() -> None:
    limits = (RateLimit(DAY, 64_000.0), RateLimit(Hours.parse("00:00-24:00"), 500_000.0))
    assert limit_at(limits, at("09:00")) == 64_000
    assert limit_at(limits, at("19:00")) == 500_000
    assert limit_at(limits[:1], at("19:00")) is None
