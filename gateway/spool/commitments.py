"""Proof beyond "stored": transactions kept before the peer is asked, and what its report makes of each delivery.

A report is matched by its Transaction UID alone, whenever and however it comes. What it proves counts even when the
transaction was given up meanwhile, unless the peer has denied the instance since or it is owed to another one; what it
denies counts only while the transaction is open.
"""

import sqlite3
from collections.abc import Mapping

from gateway.domain.commitment import (
    CLASS_CONFLICT,
    NO_SUCH_INSTANCE,
    NOT_NAMED,
    ProofItem,
    ProofReport,
    ProofRequest,
    reason_text,
)
from gateway.domain.errors import GatewayError, Phase
from gateway.domain.identifiers import DestinationName, Uid, mint_uid
from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import DAY_US, LONGEST_WAIT_US, NEVER_US, SECOND_US, to_us
from gateway.spool.proof_outcomes import ProofPace, denied, forget_transaction, proven

_PATIENCE = 10
"""A steady stream of instances puts off asking for no longer than this many idle times."""
_UNTOLD = frozenset({Phase.CONFIGURE, Phase.RESOLVE, Phase.CONNECT, Phase.TLS, Phase.NEGOTIATE})
"""Where a fault means that the peer never heard of the transaction."""
_REMEMBERED_US = 30 * DAY_US
_FORGOTTEN_AT_ONCE = 20
_IN_VAIN = (
    "SELECT id FROM commitment WHERE destination = ? AND ended_us <= ? AND NOT EXISTS (SELECT 1 FROM commitment_item"
    " WHERE commitment_item.commitment = commitment.id AND outcome = 'committed') ORDER BY id LIMIT ?"
)
_DUE = (
    "SELECT delivery.id, delivery.stored_us, series.study_instance_uid, series.series_instance_uid,"
    " instance.sop_class_uid, instance.sop_instance_uid FROM delivery"
    " JOIN instance ON instance.id = delivery.instance JOIN series ON series.id = instance.series"
    " WHERE delivery.destination = ? AND delivery.state = 'stored' AND delivery.due_us <= ? AND instance.kept = 1"
    " AND delivery.rejected_us IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM commitment_item JOIN commitment ON commitment.id = commitment_item.commitment"
    " WHERE commitment_item.delivery = delivery.id AND commitment.ended_us IS NULL)"
    " ORDER BY delivery.due_us, delivery.id LIMIT ?"
)
_ITEMS = (
    "SELECT commitment_item.delivery, instance.sop_class_uid, instance.sop_instance_uid, delivery.state,"
    " delivery.stored_us, delivery.proof_rounds, delivery.rejected_us, EXISTS (SELECT 1 FROM commitment_item AS said"
    " WHERE said.delivery = delivery.id AND said.commitment >= :commitment AND said.outcome IN (:missing, :conflict))"
    " AS denied_since FROM commitment_item"
    " JOIN delivery ON delivery.id = commitment_item.delivery JOIN instance ON instance.id = delivery.instance"
    " WHERE commitment_item.commitment = :commitment AND delivery.destination = :destination"
)
"""What of a transaction is still owed to the peer that was asked. What that peer denied since was perhaps stored anew,
and an older word says nothing of that."""


class CommitmentLedger:
    """Transactions of proof, for one thread; `paces` has one entry a destination that proves beyond "stored"."""

    def __init__(self, database: Database, clock: Clock, paces: Mapping[str, ProofPace]) -> None:
        self._database = database
        self._clock = clock
        self._paces = paces

    def begin(self, destination: str, limit: int) -> ProofRequest | None:
        """A new transaction for up to `limit` stored instances, durable before the peer is asked; None: not yet."""
        pace, now = self._paces[destination], to_us(self._clock.now())
        with self._database.read() as connection:
            if not self._ready(connection, destination, pace, now, limit):
                return None
        uid = mint_uid()
        with self._database.write() as connection:
            rows = connection.execute(_DUE, (destination, now, limit)).fetchall()
            if not rows:  # somebody was quicker: a report, or a person who corrected them
                return None
            number = connection.execute(
                "INSERT INTO commitment (transaction_uid, destination, state, made_us) VALUES (?, ?, 'asking', ?)",
                (uid, destination, now),
            ).lastrowid
            for row in rows:
                connection.execute(
                    "INSERT INTO commitment_item (commitment, delivery) VALUES (?, ?)", (number, row["id"])
                )
                # out of the way of the next search; whatever ends the transaction makes it due again
                connection.execute("UPDATE delivery SET due_us = ? WHERE id = ?", (NEVER_US, row["id"]))
            write_journal(
                connection, now, "forward", "proof asked", f"commitment {number}", to=destination, of=len(rows)
            )
        return ProofRequest(uid, DestinationName(destination), tuple(_item(row) for row in rows))

    @staticmethod
    def _ready(connection: sqlite3.Connection, destination: str, pace: ProofPace, now: int, limit: int) -> bool:
        """Whether enough waits, or what waits has waited long enough."""
        rows = connection.execute(_DUE, (destination, now, limit)).fetchall()
        if not rows or len(rows) == limit:
            return bool(rows)
        newest = connection.execute(
            "SELECT max(stored_us) FROM delivery WHERE destination = ? AND state = 'stored'", (destination,)
        ).fetchone()[0]
        idle_us = int(pace.idle_s * SECOND_US)
        still = not now - idle_us < newest <= now
        return still or min(row["stored_us"] for row in rows) <= now - _PATIENCE * idle_us

    def accepted(self, transaction_uid: str) -> None:
        """The peer has taken the request; its report may come from now on."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE commitment SET state = 'waiting' WHERE transaction_uid = ? AND state = 'asking'",
                (transaction_uid,),
            )

    def refused(self, transaction_uid: str, fault: GatewayError, *, wait_s: float, in_vain: bool) -> None:
        """Give up a transaction that the peer did not take; its instances are asked for again after `wait_s`.

        `in_vain` when the peer answered, so that it counts as a round; false for trouble of the link.
        """
        now = to_us(self._clock.now())
        due = now + int(wait_s * SECOND_US)
        with self._database.write() as connection:
            row = _open_one(connection, transaction_uid)
            if row is not None:
                _end(connection, row["id"], "refused", now, code=fault.code, text=fault.message)
                self._ask_again(connection, row["id"], due, fault.message, fault.remedy, in_vain=in_vain)
                if fault.phase in _UNTOLD:  # no report can come, and a link that is away for weeks fails often
                    forget_transaction(connection, row["id"])

    def is_open(self, transaction_uid: str) -> bool:
        """Whether a report of this transaction is still awaited."""
        with self._database.read() as connection:
            return _open_one(connection, transaction_uid) is not None

    def void_unanswered(self, destination: str) -> None:
        """At a role's start: what it was asking for when it died is asked for again, under a new Transaction UID."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT id FROM commitment WHERE destination = ? AND state = 'asking'", (destination,)
            ).fetchall()
            for row in rows:
                _end(connection, row["id"], "refused", now, text="the gateway was restarted while it asked")
                self._ask_again(connection, row["id"], now, "", "", in_vain=False)

    def expire(self, destination: str) -> int:
        """Give up transactions that had no report in time, or were made by a clock that was wrong; how many."""
        now, report_s = to_us(self._clock.now()), self._paces[destination].report_s
        late = (now - int(report_s * SECOND_US), now + LONGEST_WAIT_US)
        query = "SELECT id FROM commitment WHERE destination = ? AND ended_us IS NULL AND (made_us <= ? OR made_us > ?)"
        with self._database.read() as connection:
            rows = connection.execute(query, (destination, *late)).fetchall()
        if rows:
            text = f"There was no report within {report_s / 3600:g} h."
            with self._database.write() as connection:
                for row in connection.execute(query, (destination, *late)).fetchall():
                    _end(connection, row["id"], "expired", now, text=text)
                    self._ask_again(connection, row["id"], now, text, "", in_vain=True)
                    write_journal(connection, now, "forward", "no report", f"commitment {row['id']}", to=destination)
        return len(rows)

    def put_right(self, destination: str) -> None:
        """Make due what a wrong clock put off too far."""
        now = to_us(self._clock.now())
        late = "destination = ? AND state = 'stored' AND due_us > ? AND due_us < ?"
        values = (destination, now + DAY_US + LONGEST_WAIT_US, NEVER_US)
        with self._database.read() as connection:
            if connection.execute(f"SELECT 1 FROM delivery WHERE {late} LIMIT 1", values).fetchone() is None:  # noqa: S608 - the literal above
                return
        with self._database.write() as connection:
            connection.execute(f"UPDATE delivery SET due_us = ? WHERE {late}", (now, *values))  # noqa: S608 - as above

    def forget(self, destination: str) -> None:
        """Forget some of the transactions that ended long ago and proved nothing; their instances are asked for anew.

        A peer that never reports is asked every day for everything that it ever stored.
        """
        limit = to_us(self._clock.now()) - max(_REMEMBERED_US, 2 * int(self._paces[destination].report_s * SECOND_US))
        values = (destination, limit, _FORGOTTEN_AT_ONCE)
        with self._database.read() as connection:
            if connection.execute(_IN_VAIN, values).fetchone() is None:
                return
        with self._database.write() as connection:
            for row in connection.execute(_IN_VAIN, values).fetchall():
                forget_transaction(connection, row["id"])

    def report(self, report: ProofReport) -> bool:
        """Take a peer's report over, each instance by its own word in it; False if no such transaction was made."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            made = connection.execute(
                "SELECT * FROM commitment WHERE transaction_uid = ?", (report.transaction_uid,)
            ).fetchone()
            if made is None:
                return False
            for row in connection.execute(_ITEMS, _of_transaction(made)).fetchall():
                key = (row["sop_class_uid"], row["sop_instance_uid"])
                if key in report.committed and key not in report.failed:
                    if not row["denied_since"]:
                        proven(connection, made, row, now)
                elif made["ended_us"] is None:
                    reason, pace = report.failed.get(key, NOT_NAMED), self._pace(made["destination"])
                    denied(connection, made, row, reason=reason, pace=pace, now=now)
            if made["ended_us"] is None:
                _end(connection, made["id"], "reported", now)
        return True

    def _pace(self, destination: str) -> ProofPace:
        """The pace of a destination; that of a report which came after its policy changed is the default."""
        return self._paces.get(destination) or ProofPace()

    @staticmethod
    def _ask_again(
        connection: sqlite3.Connection, number: int, due: int, text: str, remedy: str, *, in_vain: bool
    ) -> None:
        connection.execute(
            "UPDATE delivery SET due_us = ?, proof_rounds = proof_rounds + ?, phase = 'commit', error = ?, remedy = ?"
            " WHERE state = 'stored' AND rejected_us IS NULL"
            " AND id IN (SELECT delivery FROM commitment_item WHERE commitment = ?)",
            (due, int(in_vain), text, remedy, number),
        )

    def unproven(self, destination: str, rounds: int) -> tuple[int, str, str]:
        """How many instances have seen `rounds` rounds in vain, and the latest reason and remedy among them."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT count(*) AS n, max(proof_rounds), error, remedy FROM delivery WHERE destination = ?"
                " AND proof_rounds >= ? AND proof_rounds > 0 AND state IN ('stored', 'pending', 'sending')",
                (destination, rounds),
            ).fetchone()
        return row["n"], row["error"] or "", row["remedy"] or ""


def _item(row: sqlite3.Row) -> ProofItem:
    return ProofItem(
        study_instance_uid=Uid(row["study_instance_uid"]),
        series_instance_uid=Uid(row["series_instance_uid"]),
        sop_class_uid=Uid(row["sop_class_uid"]),
        sop_instance_uid=Uid(row["sop_instance_uid"]),
    )


def _of_transaction(made: sqlite3.Row) -> dict[str, object]:
    denials = {"missing": reason_text(NO_SUCH_INSTANCE), "conflict": reason_text(CLASS_CONFLICT)}
    return {"commitment": made["id"], "destination": made["destination"], **denials}


def _open_one(connection: sqlite3.Connection, transaction_uid: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM commitment WHERE transaction_uid = ? AND ended_us IS NULL", (transaction_uid,)
    ).fetchone()
    return row


def _end(connection: sqlite3.Connection, number: int, state: str, now: int, *, code: str = "", text: str = "") -> None:
    connection.execute(
        "UPDATE commitment SET state = ?, ended_us = ?, code = ?, text = ? WHERE id = ?",
        (state, now, code, text, number),
    )
