"""Shortens the journal, if it is asked to: lines of acquisitions whose bytes were released long ago, and no others."""

import sqlite3
from datetime import timedelta

from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.moments import to_us

_BATCH = 500
_PASS_EVERY_S = 86_400.0
_OF_RELEASED = (
    "WITH line AS (SELECT id, CASE substr(subject, 1, instr(subject, ' ') - 1)"
    " WHEN 'acquisition' THEN CAST(substr(subject, 13) AS INTEGER)"
    " WHEN 'delivery' THEN (SELECT acquisition FROM delivery WHERE id = CAST(substr(subject, 10) AS INTEGER)) END"
    " AS acquisition FROM journal WHERE id > :after AND id <= :last)"
    " SELECT line.id FROM line JOIN acquisition ON acquisition.id = line.acquisition"
    " WHERE acquisition.state = 'assembled' AND acquisition.source_bytes_kept = 0"
    " AND NOT EXISTS (SELECT 1 FROM journal AS later"
    " WHERE later.subject = 'acquisition ' || acquisition.id AND later.at_us > :limit)"
)
"""Lines of a stretch of the journal that concern released acquisitions of which nothing was written since."""


class JournalPruner:
    """Walks the journal from its beginning, a stretch at a time and one pass a day; for one thread."""

    def __init__(self, database: Database, age: timedelta, clock: Clock) -> None:
        self._database = database
        self._age = age
        self._clock = clock
        self._after = 0
        self._due = float("-inf")

    def prune(self) -> bool:
        """Remove what may go from the next stretch; whether there are more stretches to look at now."""
        if self._clock.monotonic() < self._due:
            return False
        limit = to_us(self._clock.now() - self._age)
        with self._database.read() as connection:
            stretch = connection.execute(
                "SELECT id, at_us FROM journal WHERE id > ? ORDER BY id LIMIT ?", (self._after, _BATCH)
            ).fetchall()
        old = [row["id"] for row in stretch if row["at_us"] <= limit]
        if not old:
            self._after, self._due = 0, self._clock.monotonic() + _PASS_EVERY_S
            return False
        with self._database.write() as connection:
            self._remove(connection, old[-1], limit)
        self._after = old[-1]
        return True

    def _remove(self, connection: sqlite3.Connection, last: int, limit: int) -> None:
        rows = connection.execute(_OF_RELEASED, {"after": self._after, "last": last, "limit": limit}).fetchall()
        connection.executemany("DELETE FROM journal WHERE id = ? AND at_us <= ?", [(row["id"], limit) for row in rows])
