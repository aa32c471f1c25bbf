"""The device's own date beside the clock of this box: far off is a hold, whatever the other hints and rules say."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.procedure import Hold, Match, MatchRule
from gateway.worklist.device_clock import clock_doubt
from gateway.worklist.matching import Window, match
from tests.support.worklist_items import NOON, step

DAY = 86_400.0
RULES = (MatchRule.ACCESSION_NUMBER, MatchRule.PATIENT_ID, MatchRule.ACTIVE_STEP, MatchRule.SINGLE_IN_WINDOW)


def dated(day: str, clock: str = "") -> list[Hint]:
    hints = [Hint(HintKind.DATE, day, "file name")]
    return [*hints, Hint(HintKind.TIME, clock, "file name")] if clock else hints


@pytest.mark.parametrize(
    ("hints", "tolerance", "words"),
    [
        (dated("20261121", "120000"), 60, ""),
        (dated("20261121", "115000"), 60, "10 min behind"),
        (dated("20261121", "130000"), 60, "1 h ahead of"),
        (dated("20261121"), 60, ""),
        (dated("20261120"), 60, "12 h behind"),
        (dated("20261120"), DAY, ""),
        (dated("20161121"), DAY, "3651 days behind"),
        (dated("20261124"), DAY, "2 days ahead of"),
        (dated("20161121"), 0, ""),
        (dated("no date"), DAY, ""),
        ([Hint(HintKind.TIME, "0300", "sidecar")], 60, ""),
        ([*dated("20161121"), *dated("20261121")], 60, ""),
        ([], DAY, ""),
    ],
)
def test_how_far_off(hints: list[Hint], tolerance: float, words: str) -> None:
    doubt = clock_doubt(hints, NOON, tolerance)
    assert words in doubt
    assert bool(doubt) is bool(words)
    assert clock_doubt(hints, None, tolerance) == ""


def test_a_clock_far_off_holds_what_an_exact_number_would_match() -> None:
    hints = [Hint(HintKind.ACCESSION_NUMBER, "A1", "file name"), *dated("20200101")]
    good = {"steps": [step()], "active": None, "rules": RULES, "captured_at": NOON}
    assert isinstance(match(hints=hints, **good), Match)  # type: ignore[arg-type]  # as match takes them
    held = match(hints=hints, recorded_at=NOON, clock_tolerance_s=DAY, **good)  # type: ignore[arg-type]  # as above
    assert isinstance(held, Hold)
    assert "clock of the device is far off" in held.reason
    assert "Set the device's clock" in held.remedy
    assert held.candidates == (step().key,)
    assert "2020" not in held.reason


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1)),  # noqa: DTZ001 - a device's wall clock has no zone
    st.floats(60, 30 * DAY),
    st.sampled_from(["UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York"]),
    st.booleans(),
)
def test_beyond_the_tolerance_nothing_is_ever_matched(
    told: datetime, tolerance: float, zone: str, with_time: bool
) -> None:
    hints = [Hint(HintKind.ACCESSION_NUMBER, "A1", "file name")]
    hints += dated(f"{told:%Y%m%d}", f"{told:%H%M%S}" if with_time else "")
    recorded = NOON.astimezone(ZoneInfo(zone))
    decision = match(
        hints=hints, steps=[step()], active=None, rules=RULES, captured_at=NOON, recorded_at=recorded,
        clock_tolerance_s=tolerance,
    )  # fmt: skip
    distance = abs(recorded.astimezone(UTC) - told.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))
    if distance > timedelta(seconds=tolerance) + timedelta(days=1, hours=1):
        assert isinstance(decision, Hold)
    elif with_time and distance < timedelta(seconds=tolerance) - timedelta(seconds=1):
        assert isinstance(decision, Match)


@given(st.booleans(), st.booleans())
def test_a_doubted_step_is_never_matched_by_a_program(opened: bool, by_id: bool) -> None:
    doubtful = step()
    doubtful = type(doubtful)(
        **{name: getattr(doubtful, name) for name in doubtful.__slots__}
        | {"doubtful": True, "faults": ("Its patient has changed.",)}
    )
    kind, value = (HintKind.PATIENT_ID, "P1") if by_id else (HintKind.ACCESSION_NUMBER, "A1")
    decision = match(
        hints=[Hint(kind, value, "file name")], steps=[doubtful], active=step() if opened else None, rules=RULES,
        captured_at=NOON,
    )  # fmt: skip
    assert isinstance(decision, Hold)
    assert "in doubt: Its patient has changed." in decision.reason
    assert decision.candidates == (doubtful.key,)


def test_the_window_follows_moments_and_not_wall_clocks() -> None:
    """In Berlin the clocks went back on 2026-10-25 at 03:00; ten past two came twice, an hour apart."""
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 2, 10, tzinfo=berlin)
    second = first.replace(fold=1)
    assert Window(600, 600).holds(step(start=first), first)
    assert not Window(600, 600).holds(step(start=first), second)
