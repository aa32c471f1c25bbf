"""The wall clock in the station's zone, the monotonic clock, and whether the wall clock is disciplined."""

import ctypes
import time
from datetime import datetime, tzinfo

_TIME_ERROR = 5
_TIMEX_BYTES = 512
"""More than ``struct timex`` (208 bytes on 64-bit Linux); the kernel writes no further than its own size."""


class SystemClock:
    """The real clock; implements `gateway.domain.ports.Clock`."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def now(self) -> datetime:
        """The current moment, aware, in the station's zone."""
        return datetime.now(self._zone)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


def is_synchronised() -> bool | None:
    """Whether the kernel holds the clock for disciplined by NTP or the like (adjtimex(2)); None if it cannot say."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "adjtimex"):
        return None
    unchanged = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: only ask
    state = int(libc.adjtimex(unchanged))
    return None if state < 0 else state != _TIME_ERROR
