"""Bytes per second towards one destination, shared by all its workers."""

import threading
from collections.abc import Callable

_QUANTUM_S = 0.1
_SMALLEST_QUANTUM = 1460


class Bucket:
    """A `Pace`: grants bytes in small quanta and in turn, so that all workers together keep to the limit.

    Parameters
    ----------
    limit
        Bytes per second that apply now; None for no limit. Asked at each grant, so a limit by the hour takes effect
        in the middle of an object.
    wait
        Lets that many seconds pass.
    """

    def __init__(
        self, limit: Callable[[], float | None], *, monotonic: Callable[[], float], wait: Callable[[float], object]
    ) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._wait = wait
        self._lock = threading.Lock()
        self._free_at = float("-inf")

    def __call__(self, wanted: int) -> int:
        """How many of `wanted` bytes may go now, after their turn has come."""
        rate = self._limit()
        if rate is None:
            return wanted
        granted = min(wanted, max(_SMALLEST_QUANTUM, int(rate * _QUANTUM_S)))
        with self._lock:
            now = self._monotonic()
            turn = max(self._free_at, now)
            self._free_at = turn + granted / rate
        if turn > now:
            self._wait(turn - now)
        return granted
