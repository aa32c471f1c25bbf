"""Reports of performed steps in the ledger: owed to peers, sent strictly in order for each step, retried for ever."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.errors import GatewayError
from gateway.domain.performed_case import PerformedCase
from gateway.domain.performed_step import PerformedResult, ReportKind
from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import LONGEST_WAIT_US, SECOND_US, to_us
from gateway.spool.performed_snapshots import case_from_text, result_from_text

UNFINISHED_LIMIT = 5
"""Begun this often without any outcome, a report is parked: something about it kills its worker."""

_NEXT = (
    "SELECT report.*, step.snapshot, step.result FROM performed_step_report AS report"
    " JOIN performed_step AS step ON step.id = report.performed_step"
    " WHERE report.peer = :peer AND report.state = 'pending'"
    " AND (report.due_us <= :now OR report.due_us > :now + :longest)"
    " AND NOT EXISTS (SELECT 1 FROM mpps_peer WHERE name = :peer AND due_us > :now AND due_us <= :now + :longest)"
    " AND NOT EXISTS (SELECT 1 FROM performed_step_report AS earlier"
    " WHERE earlier.performed_step = report.performed_step AND earlier.peer = report.peer AND earlier.id < report.id"
    " AND earlier.state <> 'done')"
    " ORDER BY report.due_us, report.id LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Report:
    """One message that is due: its kind, what it is about, and what is known of earlier tries of it.

    `sent_before` is true after any earlier try; `maybe_taken` when one of them came to no known outcome.
    """

    number: int
    performed_step: int
    kind: ReportKind
    case: PerformedCase
    result: PerformedResult | None
    attempts: int
    sent_before: bool
    maybe_taken: bool


class PerformedReportLedger:
    """Reports, for one thread; `longest_s` is the longest back-off that its user gives them."""

    def __init__(self, database: Database, clock: Clock, *, longest_s: float = 0.0) -> None:
        self._database = database
        self._clock = clock
        self._longest_us = max(LONGEST_WAIT_US, int(longest_s * SECOND_US))

    def configure(self, peers: Mapping[str, str]) -> None:
        """Make the ledger's peers those of the configuration; all are tried at once.

        What was parked for a peer whose settings (fingerprint) changed is pending again: that may be the remedy.
        """
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            known = {row["name"]: row["fingerprint"] for row in connection.execute("SELECT * FROM mpps_peer")}
            for name in known.keys() - peers.keys():
                connection.execute("DELETE FROM mpps_peer WHERE name = ?", (name,))
            for name, fingerprint in peers.items():
                connection.execute(
                    "INSERT INTO mpps_peer (name, fingerprint) VALUES (?, ?) ON CONFLICT (name)"
                    " DO UPDATE SET fingerprint = excluded.fingerprint, due_us = 0",
                    (name, fingerprint),
                )
                connection.execute(
                    "UPDATE performed_step_report SET due_us = ?, state = 'pending',"
                    " unfinished = CASE state WHEN 'parked' THEN 0 ELSE unfinished END"
                    " WHERE peer = ? AND (state = 'pending' OR (state = 'parked' AND ?))",
                    (now, name, known.get(name) != fingerprint),
                )

    def next_due(self, peer: str) -> Report | None:
        """The oldest report that a peer is owed now; it is counted before the work, and never overtakes another."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            asked = {"peer": peer, "now": now, "longest": self._longest_us}
            while (row := connection.execute(_NEXT, asked).fetchone()) is not None:
                if row["unfinished"] < UNFINISHED_LIMIT:
                    break
                text = f"Sending this report was begun {UNFINISHED_LIMIT} times and never came to an end."
                self._settle(connection, row["id"], "parked", now)
                connection.execute(
                    "UPDATE performed_step_report SET error = ?, phase = 'transfer', remedy = ? WHERE id = ?",
                    (text, "Look at the log of gateway-forward, then retry it.", row["id"]),
                )
            if row is None:
                return None
            connection.execute(
                "UPDATE performed_step_report SET attempts = attempts + 1, unfinished = unfinished + 1 WHERE id = ?",
                (row["id"],),
            )
        return _report(row)

    def give_back(self, report: Report) -> None:
        """Return a report that was not begun: the peer could not be reached."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE performed_step_report SET attempts = attempts - 1, unfinished = unfinished - 1 WHERE id = ?",
                (report.number,),
            )

    def taken(self, report: Report, status: int, text: str) -> None:
        """Record the peer's own answer that it took the report."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE performed_step_report SET status = ?, unanswered = 0, phase = '', error = '', remedy = ''"
                " WHERE id = ?",
                (f"{status:04X}", report.number),
            )
            self._settle(connection, report.number, "done", now, status=f"{status:04X}", text=text)

    def failed(self, report: Report, fault: GatewayError, *, park: bool, due: datetime, unknown: bool) -> None:
        """Record a try that failed: parked for a person, or due again; `unknown` when it may have been taken."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE performed_step_report SET due_us = ?, unanswered = max(unanswered, ?), status = ?, phase = ?,"
                " error = ?, remedy = ? WHERE id = ?",
                (
                    to_us(due),
                    int(unknown),
                    fault.code,
                    fault.phase.value,
                    fault.message,
                    fault.remedy,
                    report.number,
                ),
            )
            state = "parked" if park else "pending"
            self._settle(connection, report.number, state, now, phase=fault.phase.value, code=fault.code)

    def create_again(self, report: Report) -> None:
        """The peer does not know the step of a final report: its creation is owed once more, and comes first."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE performed_step_report SET state = 'pending', since_us = ?, due_us = ?, status = ''"
                " WHERE performed_step = (SELECT performed_step FROM performed_step_report WHERE id = ?)"
                " AND peer = (SELECT peer FROM performed_step_report WHERE id = ?) AND kind = 'create'",
                (now, now, report.number, report.number),
            )
            # it was refused, so it has no unknown outcome any more
            connection.execute(
                "UPDATE performed_step_report SET unanswered = 0, due_us = ? WHERE id = ?", (now, report.number)
            )
            self._settle(connection, report.number, "pending", now, code="0112")

    @staticmethod
    def _settle(connection: sqlite3.Connection, number: int, state: str, now: int, **detail: str) -> None:
        row = connection.execute("SELECT * FROM performed_step_report WHERE id = ?", (number,)).fetchone()
        since = row["since_us"] if row["state"] == state else now
        connection.execute(
            "UPDATE performed_step_report SET state = ?, since_us = ?, unfinished = 0 WHERE id = ?",
            (state, since, number),
        )
        event = f"report {row['kind']} {state}"
        subject = f"performed step {row['performed_step']}"
        write_journal(connection, now, "forward", event, subject, to=row["peer"], **detail)

    # -- peers --------------------------------------------------------------------------------------------------

    def peer_failed(self, peer: str, due: datetime) -> None:
        """Let a peer rest until `due`."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE mpps_peer SET failures = failures + 1, due_us = ? WHERE name = ?", (to_us(due), peer)
            )

    def peer_answers(self, peer: str) -> bool:
        """Forget a peer's failures; whether it had any. What waited is due at once."""
        now = to_us(self._clock.now())
        with self._database.read() as connection:
            row = connection.execute("SELECT failures FROM mpps_peer WHERE name = ?", (peer,)).fetchone()
        if row is None or not row["failures"]:
            return False
        with self._database.write() as connection:
            connection.execute("UPDATE mpps_peer SET failures = 0, due_us = 0 WHERE name = ?", (peer,))
            connection.execute(
                "UPDATE performed_step_report SET due_us = ? WHERE peer = ? AND state = 'pending' AND due_us > ?"
                " AND status = ''",
                (now, peer, now),
            )
        return True

    def failures(self, peer: str) -> int:
        """How many times in a row a peer has failed."""
        with self._database.read() as connection:
            row = connection.execute("SELECT failures FROM mpps_peer WHERE name = ?", (peer,)).fetchone()
        return int(row["failures"]) if row else 0

    def refused_often(self, least: int) -> int:
        """How many reports were tried at least so often and are refused still."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT count(*) FROM performed_step_report WHERE state = 'pending' AND status <> '' AND attempts >= ?",
                (least,),
            ).fetchone()
        return int(row[0])

    def needing_people(self, peers: Sequence[str]) -> tuple[int, Mapping[str, int]]:
        """How many reports are parked, and how many are owed to peers that are not configured, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT peer, state, count(*) AS n FROM performed_step_report WHERE state <> 'done'"
                " GROUP BY peer, state"
            ).fetchall()
        orphans: dict[str, int] = {}
        for row in rows:
            if row["peer"] not in peers:
                orphans[row["peer"]] = orphans.get(row["peer"], 0) + row["n"]
        return sum(row["n"] for row in rows if row["state"] == "parked"), orphans


def retry_report(connection: sqlite3.Connection, number: int, now: int) -> bool:
    """Make a pending or parked report due now, inside the caller's transaction; whether there is one."""
    changed = connection.execute(
        "UPDATE performed_step_report SET state = 'pending', due_us = ?, unfinished = 0"
        " WHERE id = ? AND state IN ('pending', 'parked')",
        (now, number),
    ).rowcount
    connection.execute(
        "UPDATE mpps_peer SET due_us = 0 WHERE name = (SELECT peer FROM performed_step_report WHERE id = ?)", (number,)
    )
    return changed > 0


def _report(row: sqlite3.Row) -> Report:
    return Report(
        number=row["id"],
        performed_step=row["performed_step"],
        kind=ReportKind(row["kind"]),
        case=case_from_text(row["snapshot"]),
        result=result_from_text(row["result"]) if row["result"] else None,
        attempts=row["attempts"] + 1,
        sent_before=row["attempts"] > 0,
        maybe_taken=bool(row["unanswered"] or row["unfinished"]),
    )
