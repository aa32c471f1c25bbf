"""Performed steps for people: each with its end and what became of its reports. Reads only."""

import sqlite3
from collections.abc import Sequence

from gateway.domain.performed_step import PerformedResult
from gateway.domain.views import PerformedStepView, ReportView
from gateway.spool.performed_snapshots import case_from_text, result_from_text
from gateway.spool.short_reads import ShortReads


class PerformedView(ShortReads):
    """Performed steps of the ledger in `spool`; every call opens its own short read."""

    def steps(self, *, unfinished: bool = False, limit: int = 100) -> Sequence[PerformedStepView]:
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

    def _line(self, connection: sqlite3.Connection, row: sqlite3.Row) -> PerformedStepView:
        case = case_from_text(row["snapshot"])
        reports = connection.execute(
            "SELECT * FROM performed_step_report WHERE performed_step = ? ORDER BY id", (row["id"],)
        ).fetchall()
        result = result_from_text(row["result"]) if row["result"] else None
        return PerformedStepView(
            number=row["id"],
            device=row["device"],
            state=row["state"],
            outcome=row["outcome"],
            reason=row["reason"],
            sop_instance_uid=row["sop_instance_uid"],
            id=case.performed.id,
            started_at=case.performed.started_at,
            ended_at=result.ended_at if result else None,
            patient_name=case.subject.patient.name,
            patient_id=case.subject.patient.patient_id,
            accession_number=getattr(case.subject, "accession_number", ""),
            description=case.performed.description,
            append=case.performed.append,
            instances=_instances(connection, row["id"]) if result is None else _listed(result),
            reports=tuple(self._report(one) for one in reports),
        )

    def _report(self, row: sqlite3.Row) -> ReportView:
        return ReportView(
            number=row["id"],
            peer=row["peer"],
            kind=row["kind"],
            state=row["state"],
            since=self._at(row["since_us"]),
            attempts=row["attempts"],
            status=row["status"],
            error=row["error"],
            remedy=row["remedy"],
        )


def _instances(connection: sqlite3.Connection, number: int) -> int:
    """How many instances a step in progress has until now."""
    row = connection.execute(
        "SELECT count(*) FROM acquisition JOIN instance ON instance.acquisition = acquisition.id"
        " WHERE acquisition.performed_step = ? AND instance.built_us IS NOT NULL AND instance.part = 0"
        " AND acquisition.rejected_us IS NULL",
        (number,),
    ).fetchone()
    return int(row[0])


def _listed(result: PerformedResult) -> int:
    return sum(len(one.instances) for one in result.series)
