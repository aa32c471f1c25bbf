"""Hours of the day by the wall clock of the room: when a destination is sent to, and how fast."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

_END_OF_DAY = "24:00"


@dataclass(frozen=True, slots=True)
class Hours:
    """From `start` up to `end` of every day, over midnight if `end` is not later; equal ends mean the whole day.

    Only the wall clock is compared, so a night on which it is set has the same hours as any other, be they longer or
    shorter in seconds.
    """

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """Hours written as ``22:00-06:00``; raises `ValueError` if they are not."""
        first, dash, last = text.partition("-")
        if not dash:
            raise ValueError("hours are written as 22:00-06:00")
        return cls(_time(first), _time("00:00" if last.strip() == _END_OF_DAY else last))

    def contain(self, moment: datetime) -> bool:
        """Whether the wall clock of `moment` is within these hours."""
        now = moment.time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


def _time(text: str) -> time:
    hours, _, minutes = text.strip().partition(":")
    if not (hours.isdigit() and minutes.isdigit()):
        raise ValueError(f"{text.strip()} is no time of the day such as 22:00")
    return time(int(hours), int(minutes))


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many bytes a second within these hours."""

    hours: Hours
    bytes_per_s: float


def is_open(windows: Sequence[Hours], moment: datetime) -> bool:
    """Whether sending is allowed at `moment`: within any of the windows, or always when there is none."""
    return not windows or any(window.contain(moment) for window in windows)


def limit_at(limits: Sequence[RateLimit], moment: datetime) -> float | None:
    """The first limit whose hours contain `moment`, in bytes per second; None: as fast as the link goes."""
    return next((limit.bytes_per_s for limit in limits if limit.hours.contain(moment)), None)
