"""Slows down guessing: after a few wrong passwords an address waits, each time twice as long."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from gateway.domain.ports import Clock

FREE_FAILURES = 3
_LONGEST_WAIT_S = 300.0
_ADDRESSES_KEPT = 2048


@dataclass(slots=True)
class _Record:
    failures: int = 0
    open_at: float = 0.0


class Backoff:
    """Failures by address, the least recent forgotten first, so that memory stays bounded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str) -> float:
        """Seconds that `address` still has to wait; 0 when it may try."""
        with self._lock:
            record = self._records.get(address)
            return max(0.0, record.open_at - self._clock.monotonic()) if record else 0.0

    def failed(self, address: str) -> None:
        """Count a wrong password."""
        with self._lock:
            record = self._records.setdefault(address, _Record())
            self._records.move_to_end(address)
            record.failures += 1
            if record.failures >= FREE_FAILURES:
                wait_s = min(_LONGEST_WAIT_S, 2.0 ** min(record.failures - FREE_FAILURES + 1, 16))
                record.open_at = self._clock.monotonic() + wait_s
            while len(self._records) > _ADDRESSES_KEPT:
                self._records.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of `address`."""
        with self._lock:
            self._records.pop(address, None)
