"""How a destination is sent to: how much at once, when, and how fast."""

import re

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting

_MIB = 1 << 20
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_HOURS = re.compile(rf"{_TIME}-(?:{_TIME}|24:00)")


def hours(value: str) -> None:
    """Hours of the day, over midnight if the end is not later."""
    if not _HOURS.fullmatch(value):
        raise BadValue("must be hours of the day", suggestion='for example "22:00-06:00"')


def rate_limit(value: str) -> None:
    """Hours of the day and the bytes per second that are allowed in them."""
    when, _, rate = value.partition(" ")
    hours(when)
    if not rate.strip().isdigit() or int(rate) < 1:
        raise BadValue("must be hours and bytes per second", suggestion='for example "08:00-18:00 64000"')


@attrs.frozen
class Sending:
    """How much at once, when, and how fast."""

    max_associations: int = setting(
        "Most associations at once; more than one is used for clips and where the round trip leaves the link idle.",
        default=8,
        rule=allow.within(1, 64),
    )
    clip_mib: float = setting(
        "MiB from which an object is a clip: it goes beside the small ones, never before an urgent one.",
        default=16.0,
        rule=allow.within(0.001, 1 << 20),
    )
    hours: tuple[str, ...] = setting(
        'Hours in which is sent, such as "22:00-06:00", by the wall clock of the station; empty: always. What is under '
        "way at the end is finished.",
        default=(),
        rule=allow.each(hours),
    )
    stat_any_time: bool = setting("Whether images of STAT orders are sent outside these hours too.", default=True)
    rate_limits: tuple[str, ...] = setting(
        "Hours and the bytes per second that all associations together may send in them, such as "
        '"08:00-18:00 64000"; the first that fits applies.',
        default=(),
        rule=allow.each(rate_limit),
    )

    @property
    def clip_bytes(self) -> int:
        """The size of the smallest clip in bytes."""
        return int(self.clip_mib * _MIB)
