"""What the views of the ledger share: each call opens a read of its own, and says moments in the station's time."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.moments import from_us, from_us_or_none, to_us, zone_of


class ShortReads:
    """Reads of the ledger in `spool`; every call opens its own, so any thread may ask."""

    def __init__(self, spool: Path, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the ledger, for several reads."""
        with self._opened() as database, database.read() as connection:
            yield connection

    def _opened(self) -> closing[Database]:
        """The ledger, closed again when the block is left."""
        return closing(Database(self._spool, read_only=True))

    def _rows(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[sqlite3.Row]:
        with self._reading() as connection:
            return connection.execute(sql, values).fetchall()

    def _at(self, us: int) -> datetime:
        return from_us(us, zone_of(self._clock))

    def _at_or_none(self, us: int | None) -> datetime | None:
        return from_us_or_none(us, zone_of(self._clock))

    def _midnight_us(self) -> int:
        """When the station's day began."""
        return to_us(self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0))
