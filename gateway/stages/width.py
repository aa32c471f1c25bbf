"""How many associations a destination gets: as many as fill its link, as few as it bears. Shared by its workers.

A link of round-trip time R on which an object takes S seconds by itself is full with 1 + R / S objects under way. The
kernel knows R; S follows from what is measured: the time of one object divided by the objects under way.
"""

import math
import threading
from collections.abc import Callable, Sequence

from gateway.domain.lanes import ALL_LANES, CLIP_LANES, QUICK_LANES, Lane

_SHORT_ROUND_TRIP_S = 0.005
_LONG_ROUND_TRIP_S = 0.1
_FIRST_ON_LONG = 3
_GAIN = 2.0
"""Twice what the formula asks for: slow start and losses leave gaps that another association fills."""
_WEIGHT = 0.3
_LEAST_SHARE = 0.125
_REFUSED_FOR_S = 300.0
_BATCH_S = 1.0
_LARGEST_BATCH = 64
_CLIP_WORKER = 1


class Width:
    """The shared view of one destination's workers, numbered from 0; safe for use by several threads.

    Worker 0 never takes a clip and worker 1 always may, so that neither starves the other; with one worker at all it
    takes everything in order.
    """

    def __init__(self, most: int, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._open: set[int] = set()
        self._target = 1
        self._ceiling = most
        self._ceiling_until = 0.0
        self._object_s = 0.0

    def lanes(self, worker: int) -> Sequence[Lane]:
        """The lanes a worker takes from now, in order; empty when it is not needed."""
        with self._lock:
            ceiling = self._bound()
            if ceiling == 1:
                return ALL_LANES if worker == 0 else ()
            if worker == _CLIP_WORKER:
                return CLIP_LANES if self._target == 1 else (Lane.STAT, Lane.URGENT, *CLIP_LANES, Lane.NORMAL)
            return QUICK_LANES if worker < min(self._target, ceiling) or worker == 0 else ()

    def batch(self) -> int:
        """How many small objects a worker claims at once: about a second's worth, so that urgent ones soon follow."""
        with self._lock:
            if not self._object_s:
                return 1
            return max(1, min(_LARGEST_BATCH, int(_BATCH_S / self._object_s)))

    def begun(self, worker: int, round_trip_s: float = 0.0) -> None:
        """A worker has opened its association and sends; on a long link others begin before anything is measured."""
        with self._lock:
            if not self._object_s and round_trip_s >= _LONG_ROUND_TRIP_S:
                self._target = max(self._target, min(self._most, _FIRST_ON_LONG))
            self._open.add(worker)
            self._busy.add(worker)

    def ended(self, worker: int) -> None:
        """A worker has nothing under way."""
        with self._lock:
            self._busy.discard(worker)

    def closed(self, worker: int) -> None:
        """A worker has no association."""
        with self._lock:
            self._busy.discard(worker)
            self._open.discard(worker)

    def measured(self, objects: int, seconds: float, round_trip_s: float) -> None:
        """A worker sent this many small objects one after the other in this time."""
        if objects <= 0:
            return
        with self._lock:
            each = max(seconds / objects, 1e-6)
            self._object_s = each if not self._object_s else self._object_s + _WEIGHT * (each - self._object_s)
            if round_trip_s < _SHORT_ROUND_TRIP_S:
                self._target = 1
                return
            # at first all but the way of the bytes is taken for waiting; with company the division is the better guess
            alone_s = min(
                self._object_s / max(1, len(self._busy)),
                max(self._object_s - 2 * round_trip_s, self._object_s * _LEAST_SHARE),
            )
            self._target = max(1, min(self._most, 1 + math.ceil(_GAIN * round_trip_s / alone_s)))

    def refused(self, worker: int) -> bool:
        """The peer refused this worker's association; whether others stand, so that it is only one too many."""
        with self._lock:
            self._open.discard(worker)
            self._busy.discard(worker)
            if not self._open:
                return False
            self._ceiling = len(self._open)
            self._ceiling_until = self._monotonic() + _REFUSED_FOR_S
            return True

    def trouble(self) -> None:
        """The link failed: begin again with one association."""
        with self._lock:
            self._target = 1
            self._ceiling = self._most
            self._object_s = 0.0

    def _bound(self) -> int:
        if self._ceiling < self._most and self._monotonic() >= self._ceiling_until:
            self._ceiling = self._most
        return max(1, min(self._most, self._ceiling))
