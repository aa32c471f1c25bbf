"""Moments in the ledger: whole microseconds since 1970 in UTC, so that they sort and never lose a digit."""

from datetime import UTC, datetime, timedelta, tzinfo

from gateway.domain.ports import Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
FILE_CLOCK_US = 2 * SECOND_US
"""How far a file's own time may lag behind: FAT counts in steps of two seconds."""
CLOCK_STEP_US = 60 * SECOND_US
"""A moment farther ahead than this was written before the clock was put back."""
LONGEST_WAIT_US = 3_600_000_000
"""No try is put off longer than this unless the settings say so; what is due later was put off by a wrong clock."""
NEVER_US = 250_000_000_000_000_000
"""Due when something else than time makes it due: the last years that a calendar of this program knows."""


def to_us(moment: datetime) -> int:
    """Microseconds of an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(us: int, zone: tzinfo) -> datetime:
    """The aware moment in `zone`."""
    return (_EPOCH + timedelta(microseconds=us)).astimezone(zone)


def from_us_or_none(us: int | None, zone: tzinfo) -> datetime | None:
    """As `from_us`, passing None through."""
    return None if us is None else from_us(us, zone)


def zone_of(clock: Clock) -> tzinfo:
    """The station's time zone."""
    return clock.now().tzinfo or UTC
