"""Whether the clock of a device agrees with the clock of this box, by the dates that the device gives itself."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from gateway.domain.acquisition import Hint, HintKind, hint_values
from gateway.worklist.values import parse_date, parse_time

_MINUTES_AN_HOUR, _HOURS_SHOWN = 60, 48


def clock_doubt(hints: Iterable[Hint], recorded_at: datetime | None, tolerance_s: float) -> str:
    """Why the device's clock cannot be trusted, in words without a date; empty if it can, or nothing tells.

    Parameters
    ----------
    hints
        Those of kinds DATE and TIME count; a date alone stands for any moment of its day.
    recorded_at
        When this box took the acquisition, by its own clock; aware. None if that is not known.
    tolerance_s
        How far the two may be apart; 0 compares nothing. Devices that hand over yesterday's pictures need a day.

    Returns
    -------
    str
        For example ``the device's own date is 3 days behind the clock of this box``.
    """
    found = list(hints)
    dates = {parse_date(text) for text in hint_values(found, HintKind.DATE)} - {None}
    if tolerance_s <= 0 or recorded_at is None or len(dates) != 1:
        return ""
    (day,) = dates
    clocks = {parse_time(text) for text in hint_values(found, HintKind.TIME)} - {None}
    zone = recorded_at.tzinfo
    if len(clocks) == 1:
        (clock,) = clocks
        first = last = datetime.combine(day, clock or time(), zone)  # type: ignore[arg-type]  # None was taken out
    else:
        first = datetime.combine(day, time(), zone)  # type: ignore[arg-type]  # as above
        last = datetime.combine(day, time.max, zone)  # type: ignore[arg-type]  # as above
    moment = recorded_at.astimezone(UTC)
    behind, ahead = moment - last.astimezone(UTC), first.astimezone(UTC) - moment
    off = max(behind, ahead)
    if off.total_seconds() <= tolerance_s:
        return ""
    return f"the device's own date is {_span(off)} {'behind' if behind > ahead else 'ahead of'} the clock of this box"


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < _MINUTES_AN_HOUR:
        return f"{minutes} min"
    hours = minutes // _MINUTES_AN_HOUR
    return f"{hours} h" if hours < _HOURS_SHOWN else f"{span.days} days"
