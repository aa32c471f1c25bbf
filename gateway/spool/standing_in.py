"""A destination that stands in for another: owed what the other does not answer for, and only while it does not."""

from datetime import timedelta

from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us

_AT_ONCE = 200
_LOOK_EVERY_S = 10.0
"""To find that nothing is left to take over, all that the primary is owed is looked at."""

_TAKE_OVER = (
    "INSERT INTO delivery (instance, acquisition, destination, state, since_us, due_us, lane, instead_of)"
    " SELECT instance, acquisition, :stand_in, 'pending', :now, :now, lane, :primary FROM delivery AS owed"
    " WHERE owed.destination = :primary AND owed.state = 'pending' AND NOT EXISTS"
    " (SELECT 1 FROM delivery AS other WHERE other.instance = owed.instance AND other.destination = :stand_in)"
    " AND NOT EXISTS (SELECT 1 FROM rejection_note WHERE rejection_note.instance = owed.instance)"
    " ORDER BY owed.lane, owed.due_us, owed.id LIMIT :limit"
)
_HAND_BACK = (
    "DELETE FROM delivery WHERE destination = ? AND state = 'pending' AND instead_of = ? AND attempts = 0"
    " AND NOT EXISTS (SELECT 1 FROM export_item WHERE export_item.delivery = delivery.id)"
)
"""What was exported for the stand-in may be there already, like what was begun."""


class StandIn:
    """The relation of two destinations in the ledger, for one thread.

    The primary stays owed what its stand-in takes, so everything is with the primary in the end: that is the way back.
    """

    def __init__(self, database: Database, clock: Clock, *, destination: str, primary: str, after: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._destination = destination
        self._primary = primary
        self._after = after
        self._next_look = float("-inf")

    def look(self) -> int:
        """Take over some of what the primary has not answered for in time, or hand back what was not begun.

        Returns the number of deliveries that changed, 0 when all is as it should be.
        """
        now = to_us(self._clock.now())
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT error, failed_us FROM destination WHERE name = ?", (self._primary,)
            ).fetchone()
            lent = connection.execute(
                "SELECT 1 FROM delivery WHERE destination = ? AND state = 'pending' AND instead_of <> '' LIMIT 1",
                (self._destination,),
            ).fetchone()
        if row is None:
            return 0
        if not row["error"]:
            return self._hand_back(now) if lent else 0
        if row["failed_us"] is not None and row["failed_us"] > now:
            self._count_from(now)  # the clock was put back since
            return 0
        late = row["failed_us"] is not None and now - row["failed_us"] >= self._after / timedelta(microseconds=1)
        if not late or self._clock.monotonic() < self._next_look:
            return 0
        count = self._take_over(now)
        if not count:
            self._next_look = self._clock.monotonic() + _LOOK_EVERY_S
        return count

    def _count_from(self, now: int) -> None:
        with self._database.write() as connection:
            connection.execute("UPDATE destination SET failed_us = ? WHERE name = ?", (now, self._primary))

    def _take_over(self, now: int) -> int:
        values = {"stand_in": self._destination, "primary": self._primary, "now": now, "limit": _AT_ONCE}
        with self._database.write() as connection:
            count = connection.execute(_TAKE_OVER, values).rowcount
            if count:
                write_journal(
                    connection,
                    now,
                    "forward",
                    "stands in",
                    f"destination {self._destination}",
                    instead_of=self._primary,
                    deliveries=count,
                )
        return count

    def _hand_back(self, now: int) -> int:
        with self._database.write() as connection:
            count = connection.execute(_HAND_BACK, (self._destination, self._primary)).rowcount
            if count:
                write_journal(
                    connection,
                    now,
                    "forward",
                    "hands back",
                    f"destination {self._destination}",
                    to=self._primary,
                    deliveries=count,
                )
        return count
