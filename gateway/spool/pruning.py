"""Shortens the past, if it is asked to: what was written of acquisitions whose bytes were released long ago, no more.

That is their lines of the journal, and the transactions that asked for proof of them and of nothing else. The rows of
the deliveries themselves stay, with the moment and the status of their proof.
"""

from collections.abc import Iterator
from datetime import timedelta

from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.moments import to_us
from gateway.spool.proof_outcomes import forget_transaction

_BATCH = 500
_TRANSACTIONS_AT_ONCE = 50
_PASS_EVERY_S = 86_400.0
_UNTOUCHED = (
    "NOT EXISTS (SELECT 1 FROM journal AS later"
    " WHERE later.subject = 'acquisition ' || acquisition.id AND later.at_us > :limit)"
)
_OF_RELEASED = (
    "WITH line AS (SELECT id, CASE substr(subject, 1, instr(subject, ' ') - 1)"  # noqa: S608 - a constant is inserted
    " WHEN 'acquisition' THEN CAST(substr(subject, 13) AS INTEGER)"
    " WHEN 'delivery' THEN (SELECT acquisition FROM delivery WHERE id = CAST(substr(subject, 10) AS INTEGER)) END"
    " AS acquisition FROM journal WHERE id > :after AND id <= :last)"
    " SELECT line.id FROM line JOIN acquisition ON acquisition.id = line.acquisition"
    f" WHERE acquisition.state = 'assembled' AND acquisition.source_bytes_kept = 0 AND {_UNTOUCHED}"
)
"""Lines of a stretch of the journal that concern released acquisitions of which nothing was written since."""
_SPENT = (
    "SELECT id FROM commitment WHERE id > :after AND id <= :last AND ended_us <= :limit"  # noqa: S608 - a constant is inserted
    " AND NOT EXISTS"
    " (SELECT 1 FROM commitment_item JOIN delivery ON delivery.id = commitment_item.delivery"
    " JOIN acquisition ON acquisition.id = delivery.acquisition WHERE commitment_item.commitment = commitment.id"
    f" AND NOT (acquisition.source_bytes_kept = 0 AND {_UNTOUCHED}))"
)
"""Transactions of a stretch that ended long ago and asked about nothing but released acquisitions."""


class JournalPruner:
    """Walks journal and transactions from their beginning, a stretch at a time and one pass a day; for one thread."""

    def __init__(self, database: Database, age: timedelta, clock: Clock) -> None:
        self._database = database
        self._age = age
        self._clock = clock
        self._pass: Iterator[None] | None = None
        self._due = float("-inf")

    def prune(self) -> bool:
        """Remove what may go from the next stretch; whether there are more stretches to look at now."""
        if self._pass is None:
            if self._clock.monotonic() < self._due:
                return False
            self._pass = self._stretches(to_us(self._clock.now() - self._age))
        for _ in self._pass:
            return True
        self._pass, self._due = None, self._clock.monotonic() + _PASS_EVERY_S
        return False

    def _stretches(self, limit: int) -> Iterator[None]:
        after = 0
        while old := self._old("SELECT id, at_us AS at FROM journal WHERE id > ? ORDER BY id LIMIT ?", after, limit):
            self._shorten_journal(after, old[-1], limit)
            after = old[-1]
            yield
        after = 0
        query = "SELECT id, made_us AS at FROM commitment WHERE id > ? ORDER BY id LIMIT ?"
        while old := self._old(query, after, limit, _TRANSACTIONS_AT_ONCE):
            self._forget_transactions(after, old[-1], limit)
            after = old[-1]
            yield

    def _old(self, query: str, after: int, limit: int, most: int = _BATCH) -> list[int]:
        """The next rows, as far as they are old enough."""
        with self._database.read() as connection:
            rows = connection.execute(query, (after, most)).fetchall()
        return [row["id"] for row in rows if row["at"] <= limit]

    def _shorten_journal(self, after: int, last: int, limit: int) -> None:
        with self._database.write() as connection:
            rows = connection.execute(_OF_RELEASED, {"after": after, "last": last, "limit": limit}).fetchall()
            connection.executemany(
                "DELETE FROM journal WHERE id = ? AND at_us <= ?", [(row["id"], limit) for row in rows]
            )

    def _forget_transactions(self, after: int, last: int, limit: int) -> None:
        with self._database.write() as connection:
            rows = connection.execute(_SPENT, {"after": after, "last": last, "limit": limit}).fetchall()
            for row in rows:
                forget_transaction(connection, row["id"])
