"""Destinations in the ledger: what is configured, which of them wait and why, and what is known of their links."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from gateway.domain.errors import GatewayError
from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.delivery_moves import release_delivery
from gateway.spool.link_rate import rate_of_latest
from gateway.spool.moments import NEVER_US, to_us

_A_MOMENT_US = 5_000_000


class DestinationLedger:
    """Destinations, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def configure(self, destinations: Mapping[str, str]) -> None:
        """Make the ledger's destinations those of the configuration, each with a fingerprint of its settings.

        A destination whose settings changed is tried at once, and what was parked for it is pending again: the
        change may well be the remedy.
        """
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            known = {row["name"]: row["fingerprint"] for row in connection.execute("SELECT * FROM destination")}
            for name in known.keys() - destinations.keys():
                connection.execute("DELETE FROM destination WHERE name = ?", (name,))
            for position, (name, fingerprint) in enumerate(destinations.items()):
                connection.execute(
                    "INSERT INTO destination (name, position, fingerprint) VALUES (?, ?, ?) ON CONFLICT (name)"
                    " DO UPDATE SET position = excluded.position, fingerprint = excluded.fingerprint",
                    (name, position, fingerprint),
                )
                if known.get(name) != fingerprint:
                    self._start_afresh(connection, name, now)

    @staticmethod
    def _start_afresh(connection: sqlite3.Connection, destination: str, now: int) -> None:
        connection.execute("UPDATE destination SET due_us = 0 WHERE name = ?", (destination,))
        connection.execute("DELETE FROM accepted WHERE destination = ?", (destination,))
        connection.execute(
            "UPDATE delivery SET due_us = ? WHERE destination = ? AND state IN ('pending', 'stored')"
            " AND due_us > ? AND due_us < ?",
            (now, destination, now, NEVER_US),  # a stored one is due for the next question after its proof
        )
        rows = connection.execute(
            "SELECT id FROM delivery WHERE destination = ? AND state = 'parked'", (destination,)
        ).fetchall()
        for row in rows:
            release_delivery(connection, row["id"], now, actor="configuration")

    def wake(self, destination: str) -> None:
        """Let a destination be tried at once; called when its role starts."""
        with self._database.write() as connection:
            connection.execute("UPDATE destination SET due_us = 0 WHERE name = ?", (destination,))

    def cut_off(self) -> dict[str, int]:
        """The destinations that wait for what may be their link's doing, and not only for a moment more.

        With how many times in a row each has failed.
        """
        soon = to_us(self._clock.now()) + _A_MOMENT_US
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name, failures FROM destination WHERE due_us > ? AND by_link = 1 ORDER BY position", (soon,)
            ).fetchall()
        return {row["name"]: row["failures"] for row in rows}

    def reached(self, destination: str) -> None:
        """Let a destination and all that waits for it be tried at once: its link is back."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute("UPDATE destination SET due_us = 0 WHERE name = ?", (destination,))
            connection.execute(
                "UPDATE delivery SET due_us = ? WHERE destination = ? AND state = 'pending' AND due_us > ?",
                (now, destination, now),
            )

    def failed(self, destination: str, fault: GatewayError, due: datetime, *, by_link: bool = False) -> None:
        """Remember why a destination cannot be reached and when it is tried next; what it was owed waits with it.

        `by_link` says that its link may be at fault. While it waits already, nothing changes: several workers meet
        the same fault, which is one failure.
        """
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE destination SET failures = failures + 1, due_us = ?, phase = ?, error = ?, remedy = ?,"
                " by_link = ?, failed_us = CASE WHEN error = '' THEN ? ELSE failed_us END"
                " WHERE name = ? AND due_us <= ?",
                (to_us(due), fault.phase.value, fault.message, fault.remedy, by_link, now, destination, now),
            )

    def answers(self, destination: str) -> bool:
        """Forget a destination's fault; whether it had one. What waited for it is due at once."""
        with self._database.read() as connection:
            row = connection.execute("SELECT error FROM destination WHERE name = ?", (destination,)).fetchone()
        if row is None or not row["error"]:
            return False
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE destination SET failures = 0, due_us = 0, phase = '', error = '', remedy = '', failed_us = NULL"
                " WHERE name = ?",
                (destination,),
            )
            connection.execute(
                "UPDATE delivery SET due_us = ? WHERE destination = ? AND state = 'pending' AND due_us > ?",
                (now, destination, now),
            )
        return True

    def failures(self, destination: str) -> int:
        """How many times in a row a destination has failed."""
        with self._database.read() as connection:
            row = connection.execute("SELECT failures FROM destination WHERE name = ?", (destination,)).fetchone()
        return int(row["failures"]) if row else 0

    def link_rate(self, destination: str) -> float | None:
        """Bytes per second of the latest stored deliveries together; None while nothing was stored."""
        with self._database.read() as connection:
            return rate_of_latest(connection, destination)

    def associations(self, destination: str) -> int:
        """How many associations filled the link to a destination last time; 0 if that is not known."""
        with self._database.read() as connection:
            row = connection.execute("SELECT associations FROM destination WHERE name = ?", (destination,)).fetchone()
        return int(row["associations"]) if row else 0

    def remember_associations(self, destination: str, count: int) -> None:
        """Keep how many associations fill the link to a destination."""
        with self._database.write() as connection:
            connection.execute("UPDATE destination SET associations = ? WHERE name = ?", (count, destination))
