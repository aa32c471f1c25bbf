"""Bytes per second towards one destination, shared by all its workers."""

import threading
from collections.abc import Callable

_QUANTUM_S = 0.1
_SMALLEST_QUANTUM = 1460
_SENDING_S = 2.0
"""Who has asked within so long is sending; another's share grows when it stops."""


class Bucket:
    """A `Pace`: grants bytes in small quanta and in turn, so that all workers together keep to the limit.

    Each worker is a thread with one open connection, and known by that.

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
        self._turns: dict[int, float] = {}

    def __call__(self, wanted: int, /) -> int:
        """How many of `wanted` bytes may go now, after their turn has come."""
        rate = self._limit()
        if rate is None:
            return wanted
        granted = min(wanted, max(_SMALLEST_QUANTUM, int(rate * _QUANTUM_S)))
        with self._lock:
            now = self._monotonic()
            turn = max(self._free_at, now)
            self._free_at = turn + granted / rate
            self._turns[threading.get_ident()] = turn
        if turn > now:
            self._wait(turn - now)
        return granted

    def share(self) -> float | None:
        """The caller's part of the limit: as much as every other worker gets that sends at this time."""
        rate = self._limit()
        if rate is None:
            return None
        with self._lock:
            now = self._monotonic()
            self._turns = {worker: turn for worker, turn in self._turns.items() if turn > now - _SENDING_S}
            return rate / max(1, len(self._turns))
