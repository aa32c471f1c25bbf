"""How much goes into a request, and how many requests are under way, where one request carries many objects.

A request pays the round trip R once. It is filled until its bytes take the link ten times as long as that, so that a
tenth of the time is lost at most, and on a long link two more requests under way take up what is left: while one of
them waits for its answer, the other two have opened their congestion windows far enough to fill the link. Where that is
less than three seconds it takes those: an urgent object waits little, and what a break costs is soon sent again.
"""

import math

from gateway.stages.width import Width

_SHORT_ROUND_TRIP_S = 0.005
_GAIN = 2.0
_WEIGHT = 0.3
_REQUEST_S = 3.0
_ROUND_TRIPS_A_REQUEST = 10
_FIRST_BATCH = 8
_LARGEST_BATCH = 100
_AT_ONCE_ON_LONG = 3


def request_seconds(round_trip_s: float) -> float:
    """For how long a request should fill a link with this round trip, in seconds."""
    return max(_REQUEST_S, _ROUND_TRIPS_A_REQUEST * round_trip_s)


class RequestWidth(Width):
    """The shared view of one destination's workers; it counts the time of objects without the round trip."""

    _round_trip_s = 0.0

    def batch(self) -> int:
        """How many small objects a worker claims for its next request."""
        with self._lock:
            if not self._object_s:
                return _FIRST_BATCH
            return self._fill()

    def calls_first(self, worker: int) -> bool:
        """Always: nothing is negotiated, so that the first request need not be of one object."""
        del worker
        return True

    def connected(self, round_trip_s: float) -> None:
        """A worker has reached the service; on a long link another calls it at once, to be ready when it is needed."""
        with self._changed:
            if not self._object_s and round_trip_s >= _SHORT_ROUND_TRIP_S:
                self._target = max(self._target, min(self._most, _AT_ONCE_ON_LONG))
                self._changed.notify_all()

    def sharers(self) -> int:
        """One: a request is filled with what is due, because it pays the round trip only once."""
        return 1

    def measured(self, objects: int, seconds: float, round_trip_s: float, queueing_s: float = 0.0) -> None:
        """A worker sent this many small objects, most of them together, in this time."""
        del queueing_s  # the time of a request says enough
        if objects <= 0:
            return
        with self._changed:
            each = max((seconds - round_trip_s) / objects, 1e-6)
            self._object_s = each if not self._object_s else self._object_s + _WEIGHT * (each - self._object_s)
            self._round_trip_s = round_trip_s
            if round_trip_s < _SHORT_ROUND_TRIP_S:
                self._target = 1
                return
            request_s = self._fill() * self._object_s
            self._target = max(
                1, min(self._most, max(_AT_ONCE_ON_LONG, 1 + math.ceil(_GAIN * round_trip_s / request_s)))
            )
            self._changed.notify_all()

    def _fill(self) -> int:
        return max(1, min(_LARGEST_BATCH, int(request_seconds(self._round_trip_s) / self._object_s)))
