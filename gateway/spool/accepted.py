"""What each destination said that it accepts: learnt at each association, kept, and believed for a while."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from gateway.domain.ports import Clock
from gateway.domain.views import AcceptedView, AcceptingView
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import from_us, to_us, zone_of

_FRESH = timedelta(hours=6)
"""What was learnt this recently is not written again if it has not changed: a flash disk lasts longer so."""
_REFUSAL_LASTS = timedelta(days=7)
"""A refusal this old may be history: the peer is offered the syntax again."""

_PUT = (
    "INSERT INTO accepted VALUES (:destination, :sop_class, :syntax, :accepted, :now, :now) ON CONFLICT DO UPDATE SET"
    " changed_us = CASE WHEN accepted = excluded.accepted THEN changed_us ELSE excluded.changed_us END,"
    " accepted = excluded.accepted, learnt_us = excluded.learnt_us"
)


class AcceptedLedger:
    """The memory of negotiations, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def learn(self, destination: str, pairs: Mapping[tuple[str, str], bool], max_pdu_bytes: int | None) -> None:
        """Remember the answers for (SOP class UID, transfer syntax UID) pairs; a changed answer goes to the journal.

        A peer that knows no PDUs has no longest one: None.
        """
        now = to_us(self._clock.now())
        known = self._known(destination)
        stale = now - _FRESH // timedelta(microseconds=1)
        told = {
            pair: accepted
            for pair, accepted in pairs.items()
            if pair not in known or known[pair][0] != accepted or known[pair][1] < stale
        }
        with self._database.read() as connection:
            row = connection.execute("SELECT max_pdu_bytes FROM destination WHERE name = ?", (destination,)).fetchone()
        if not told and (row is None or row["max_pdu_bytes"] == max_pdu_bytes):
            return
        with self._database.write() as connection:
            connection.execute("UPDATE destination SET max_pdu_bytes = ? WHERE name = ?", (max_pdu_bytes, destination))
            for (sop_class, syntax), accepted in told.items():
                connection.execute(
                    _PUT,
                    {
                        "destination": destination,
                        "sop_class": sop_class,
                        "syntax": syntax,
                        "accepted": int(accepted),
                        "now": now,
                    },
                )
                if (sop_class, syntax) in known and known[sop_class, syntax][0] != accepted:
                    event = "accepts now" if accepted else "refuses now"
                    write_journal(
                        connection,
                        now,
                        "forward",
                        event,
                        f"destination {destination}",
                        sop_class=sop_class,
                        syntax=syntax,
                    )

    def _known(self, destination: str) -> dict[tuple[str, str], tuple[bool, int]]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM accepted WHERE destination = ?", (destination,)).fetchall()
        return {
            (row["sop_class_uid"], row["transfer_syntax_uid"]): (bool(row["accepted"]), row["learnt_us"])
            for row in rows
        }

    def refused(self, destination: str, sop_class_uid: str) -> frozenset[str]:
        """The transfer syntaxes in which a destination lately refused this class."""
        since = to_us(self._clock.now() - _REFUSAL_LASTS)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT transfer_syntax_uid FROM accepted WHERE destination = ? AND sop_class_uid = ? AND accepted = 0"
                " AND learnt_us > ?",
                (destination, sop_class_uid, since),
            ).fetchall()
        return frozenset(row["transfer_syntax_uid"] for row in rows)

    def classes(self, destination: str) -> Sequence[str]:
        """The SOP Class UIDs about which a destination was ever asked."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT DISTINCT sop_class_uid FROM accepted WHERE destination = ? ORDER BY 1", (destination,)
            ).fetchall()
        return [row["sop_class_uid"] for row in rows]

    def forget(self, destination: str, *, by: str) -> None:
        """Forget all that a destination said, because a person wants it asked anew."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            count = connection.execute("DELETE FROM accepted WHERE destination = ?", (destination,)).rowcount
            write_journal(connection, now, by, "asked anew", f"destination {destination}", forgotten=count)

    def shown(self) -> Sequence[AcceptedView]:
        """All that is known, by destination and class."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT accepted.*, destination.max_pdu_bytes FROM accepted"
                " JOIN destination ON destination.name = accepted.destination"
                " ORDER BY destination.position, sop_class_uid, transfer_syntax_uid"
            ).fetchall()
        return [
            AcceptedView(
                destination=row["destination"],
                sop_class=row["sop_class_uid"],
                transfer_syntax=row["transfer_syntax_uid"],
                accepted=bool(row["accepted"]),
                max_pdu_bytes=row["max_pdu_bytes"],
                learnt_at=self._at(row["learnt_us"]),
                changed_at=self._at(row["changed_us"]),
            )
            for row in rows
        ]

    def of(self, destination: str) -> AcceptingView:
        """All that is known of one destination."""
        copies, extra_bytes = self.copies().get(destination, (0, 0))
        answers = tuple(row for row in self.shown() if row.destination == destination)
        return AcceptingView(answers, copies, extra_bytes)

    def copies(self) -> Mapping[str, tuple[int, int]]:
        """For each destination how many objects went as copies in another transfer syntax, and the bytes of that."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT destination, count(*) AS n, sum(copy_bytes - instance.size) AS bytes FROM delivery"
                " JOIN instance ON instance.id = delivery.instance WHERE copy_bytes IS NOT NULL GROUP BY destination"
            ).fetchall()
        return {row["destination"]: (row["n"], row["bytes"]) for row in rows}

    def _at(self, moment_us: int) -> datetime:
        return from_us(moment_us, zone_of(self._clock))
