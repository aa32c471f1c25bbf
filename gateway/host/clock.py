"""The wall clock in the station's zone, and the monotonic clock."""

import time
from datetime import datetime, tzinfo


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
