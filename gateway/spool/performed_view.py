"""Performed steps for people: each with its end and what became of its reports. Reads only."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.moments import from_us, zone_of
from gateway.spool.performed_snapshots import case_from_text, result_from_text


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One report of a performed step; `number` names it on the command line."""

    number: int
    peer: str
    kind: str
    state: str
    since: datetime
    attempts: int
    status: str
    error: str
    remedy: str


@dataclass(frozen=True, slots=True)
class PerformedLine:
    """One performed step; `reason` is the code of a discontinuation."""

    number: int
    device: str
    state: str
    outcome: str
    reason: str
    sop_instance_uid: str
    id: str
    started_at: datetime
    patient_id: str
    accession_number: str
    description: str
    instances: int
    reports: tuple[ReportLine, ...]


class PerformedView:
    """Performed steps of the ledger in `spool`; every call opens its own short read."""

    def __init__(self, spool: Path, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock

    def steps(self, *, unfinished: bool = False, limit: int = 100) -> Sequence[PerformedLine]:
        """Newest first; with `unfinished` only those in progress or with a report that no peer has taken yet."""
        only = (
            "WHERE state <> 'closed' OR EXISTS (SELECT 1 FROM performed_step_report AS report"
            " WHERE report.performed_step = performed_step.id AND report.state <> 'done')"
        )
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT * FROM performed_step {only if unfinished else ''} ORDER BY id DESC LIMIT ?",  # noqa: S608 - the inserted text is the constant above
                (limit,),
            ).fetchall()
            return [self._line(connection, row) for row in rows]

    def _line(self, connection: sqlite3.Connection, row: sqlite3.Row) -> PerformedLine:
        case = case_from_text(row["snapshot"])
        reports = connection.execute(
            "SELECT * FROM performed_step_report WHERE performed_step = ? ORDER BY id", (row["id"],)
        ).fetchall()
        series = result_from_text(row["result"]).series if row["result"] else ()
        return PerformedLine(
            number=row["id"],
            device=row["device"],
            state=row["state"],
            outcome=row["outcome"],
            reason=row["reason"],
            sop_instance_uid=row["sop_instance_uid"],
            id=case.performed.id,
            started_at=case.performed.started_at,
            patient_id=case.subject.patient.patient_id,
            accession_number=getattr(case.subject, "accession_number", ""),
            description=case.performed.description,
            instances=sum(len(one.instances) for one in series),
            reports=tuple(self._report(one) for one in reports),
        )

    def _report(self, row: sqlite3.Row) -> ReportLine:
        return ReportLine(
            number=row["id"],
            peer=row["peer"],
            kind=row["kind"],
            state=row["state"],
            since=from_us(row["since_us"], zone_of(self._clock)),
            attempts=row["attempts"],
            status=row["status"],
            error=row["error"],
            remedy=row["remedy"],
        )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        database = Database(self._spool, read_only=True)
        try:
            with database.read() as connection:
                yield connection
        finally:
            database.close()
