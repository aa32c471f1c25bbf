"""How many associations a destination gets: as many as fill its link, as few as it bears. Shared by its workers.

A link is full when something always waits before it. The kernel shows that of every association: its round trip is
then longer than at its least. So there is one more association while the queue is shorter than a quarter of the least
round trip, and one less when it is longer than a whole one. That holds whatever else makes an answer late: a peer that
thinks or sends its answer in two pieces, losses, the congestion control of the kernel.
"""

import threading
from collections.abc import Callable, Iterable, Sequence

from gateway.domain.lanes import ALL_LANES, CLIP_LANES, QUICK_LANES, Lane
from gateway.stages.sender import Pair

_SHORT_ROUND_TRIP_S = 0.005
_QUICK_OBJECT_S = 0.02
"""On a short link the peer and this side work in turn on objects that take less; two associations let both work."""
_FIRST_ON_LONG = 4
_QUEUE_AT_LEAST = 0.55
_NO_QUEUE = 0.35
_QUEUE_AT_MOST = 1.2
_WEIGHT = 0.3
_REFUSED_FOR_S = 300.0
_OUTSIDE_S = 10.0
"""Who was refused calls no more often than this as long as others have the associations that the peer grants."""
_BATCH_S = 0.25
_LARGEST_BATCH = 32
_SECOND_CLIP_WORKER = 2


class Width:
    """The shared view of one destination's workers, numbered from 0; safe for use by several threads.

    Worker 0 never takes a clip and worker 1 always may, so that neither starves the other; worker 2 takes one when
    nothing else is due. With one worker at all it takes everything in order.
    """

    def __init__(self, most: int, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._opening: set[int] = set()
        self._busy: set[int] = set()
        self._open: set[int] = set()
        self._target = 1
        self._ceiling = most
        self._ceiling_until = 0.0
        self._outside_until: dict[int, float] = {}
        self._object_s = 0.0
        self._queues: list[float] = []
        self._pairs: dict[Pair, None] = {}

    def lanes(self, worker: int) -> Sequence[Lane]:
        """The lanes a worker takes from now, in order; empty when it is not needed."""
        with self._lock:
            return self._lanes(worker)

    def _lanes(self, worker: int) -> Sequence[Lane]:
        if self._monotonic() < self._outside_until.get(worker, 0.0) and (self._open | self._opening) - {worker}:
            return ()
        ceiling = self._bound()
        if ceiling == 1:
            return ALL_LANES if worker == 0 else ()
        if worker == 1:
            return CLIP_LANES if self._target == 1 else (Lane.STAT, Lane.URGENT, *CLIP_LANES, Lane.NORMAL)
        if worker > 0 and worker >= min(self._target, ceiling):
            return ()
        return (*QUICK_LANES, *CLIP_LANES) if worker == _SECOND_CLIP_WORKER else QUICK_LANES

    def await_need(self, worker: int, wait_s: float) -> bool:
        """Wait until a worker is needed, but no longer than that; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._lanes(worker)), wait_s)

    def batch(self) -> int:
        """How many small objects a worker claims at once: few enough that urgent ones soon follow."""
        with self._lock:
            if not self._object_s:
                return 1
            return max(1, min(_LARGEST_BATCH, int(_BATCH_S / self._object_s)))

    def sharers(self) -> int:
        """Among how many workers what is due is shared."""
        with self._lock:
            return max(1, min(self._target, self._bound()))

    def recall(self, associations: int) -> None:
        """Begin with as many associations as filled the link last time."""
        with self._changed:
            self._target = max(self._target, min(self._most, associations))
            self._changed.notify_all()

    def opening(self, worker: int, pairs: Iterable[Pair]) -> None:
        """A worker is calling the peer for these pairs of SOP class and transfer syntax."""
        with self._lock:
            self._opening.add(worker)
            self._pairs.update(dict.fromkeys(pairs))

    def pairs(self) -> Sequence[Pair]:
        """What the peer was called for so far: with it another worker may call before it claims anything."""
        with self._lock:
            return list(self._pairs)

    def calls_first(self, worker: int) -> bool:
        """Whether a worker calls the peer before it claims anything: once it is known what to call it for."""
        with self._lock:
            return bool(worker and self._pairs)

    def connected(self, round_trip_s: float) -> None:
        """A worker has reached the peer; on a long link others begin before anything is measured."""
        with self._changed:
            if not self._object_s and round_trip_s >= _SHORT_ROUND_TRIP_S:
                self._target = max(self._target, min(self._most, _FIRST_ON_LONG))
                self._changed.notify_all()

    def opened(self, worker: int) -> None:
        """A worker has its association."""
        with self._lock:
            self._opening.discard(worker)
            self._open.add(worker)

    def begun(self, worker: int) -> None:
        """A worker sends over its association."""
        with self._lock:
            self._open.add(worker)
            self._busy.add(worker)

    def ended(self, worker: int) -> None:
        """A worker has nothing under way."""
        with self._lock:
            self._busy.discard(worker)

    def closed(self, worker: int) -> None:
        """A worker has no association."""
        with self._lock:
            for those in (self._opening, self._busy, self._open):
                those.discard(worker)

    def measured(self, objects: int, seconds: float, round_trip_s: float, queueing_s: float = 0.0) -> None:
        """A worker sent this many small objects, or clips alone, in this time, and found that queue at the end."""
        with self._changed:
            if objects:
                each = max(seconds / objects, 1e-6)
                self._object_s = each if not self._object_s else self._object_s + _WEIGHT * (each - self._object_s)
            if round_trip_s < _SHORT_ROUND_TRIP_S:
                self._target = min(self._most, 2 if self._object_s < _QUICK_OBJECT_S else 1)
                self._changed.notify_all()
                return
            self._queues.append(queueing_s / round_trip_s)
            if len(self._queues) >= max(2, len(self._busy)):
                self._decide(sum(self._queues) / len(self._queues))
                self._queues.clear()

    def _decide(self, queue: float) -> None:
        """One more or one less association for a queue of that many round trips."""
        if queue < _QUEUE_AT_LEAST and len(self._busy) >= self._target:
            more = max(1, self._target // 2) if queue < _NO_QUEUE else 1
            self._target = min(self._most, self._target + more)
            self._changed.notify_all()
        elif queue > _QUEUE_AT_MOST:
            self._target = max(2, self._target - 1) if self._target > 1 else 1

    def target(self) -> int:
        """How many associations are wanted at present."""
        with self._lock:
            return self._target

    def refused(self, worker: int) -> bool:
        """The peer refused this worker's association; whether others stand or may, so that it is only one too many."""
        with self._lock:
            for those in (self._opening, self._busy, self._open):
                those.discard(worker)
            others = len(self._open | self._opening)
            if not others:
                return False
            self._ceiling = others
            self._ceiling_until = self._monotonic() + _REFUSED_FOR_S
            self._outside_until[worker] = self._monotonic() + _OUTSIDE_S
            return True

    def trouble(self) -> None:
        """The link failed: begin again with one association."""
        with self._lock:
            self._target = 1
            self._ceiling = self._most
            self._object_s = 0.0
            self._queues.clear()

    def _bound(self) -> int:
        if self._ceiling < self._most and self._monotonic() >= self._ceiling_until:
            self._ceiling = self._most
        return max(1, min(self._most, self._ceiling))
