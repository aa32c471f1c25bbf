"""Performed steps in the ledger: begun before the first object is built, closed by rule or by a person, then frozen.

A performed step is open, closing (its end is decided, its last acquisitions are awaited) or closed (its result is
frozen and owed to every peer that was told of its start). A closed one is never opened again: what comes later for the
same scheduled step begins a new one.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.domain.identifiers import AcquisitionId
from gateway.domain.performed_case import PerformedCase
from gateway.domain.performed_step import ReportKind
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import CLOCK_STEP_US, FILE_CLOCK_US, from_us, to_us, zone_of
from gateway.spool.performed_ends import COMPLETED, active_number, close_performed_step
from gateway.spool.performed_results import result_of
from gateway.spool.performed_snapshots import case_from_text, case_to_text, result_to_text
from gateway.spool.snapshots import step_from_text


@dataclass(frozen=True, slots=True)
class ClosingRules:
    """When performed steps of a device end by themselves, and how long the last acquisitions are awaited."""

    complete_after: timedelta
    settle: timedelta


class PerformedStepLedger:
    """Performed steps, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(
        self, acquisition: AcquisitionId, case: PerformedCase, *, peers: Sequence[str], captured_at: datetime
    ) -> tuple[int, PerformedCase]:
        """Let an acquisition join the performed step in progress for its scheduled step, or begin one as `case` says.

        Returns its number and what it is. Identity is minted once: a repetition after a crash finds the same step.
        """
        now, captured = to_us(self._clock.now()), to_us(captured_at)
        with self._database.write() as connection:
            device, active = _device_and_active(connection, acquisition, case)
            row = _frozen(connection, acquisition)
            if row is None:
                self._end_of_another(connection, device, case, now)
                row = _in_progress(connection, acquisition, device, case, captured)
            number = row["id"] if row else self._insert(connection, device, case, captured)
            if row is None:
                _owe(connection, number, ReportKind.CREATE, peers, now)
            connection.execute(
                "UPDATE performed_step SET used_us = ?, captured_us = max(captured_us, ?), active = max(active, ?)"
                " WHERE id = ?",
                (now, captured, active, number),
            )
            connection.execute("UPDATE acquisition SET performed_step = ? WHERE id = ?", (number, acquisition))
            text = connection.execute("SELECT snapshot FROM performed_step WHERE id = ?", (number,)).fetchone()[0]
        return number, case_from_text(text)

    @staticmethod
    def _end_of_another(connection: sqlite3.Connection, device: str, case: PerformedCase, now: int) -> None:
        """End what is in progress under the same entry for another patient: the worklist gave the entry away since."""
        rows = connection.execute(
            "SELECT id, snapshot FROM performed_step WHERE state = 'open' AND device = ? AND provider = ?"
            " AND study_instance_uid = ? AND step_id = ?",
            (device, case.key.provider, case.key.study_instance_uid, case.key.step_id),
        ).fetchall()
        for row in rows:
            if not _is_of(row, case):
                close_performed_step(connection, now, row["id"], COMPLETED, actor="assemble")

    def of_acquisition(self, acquisition: AcquisitionId) -> PerformedCase | None:
        """The performed step to which an acquisition's instance refers; None where none is reported."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT snapshot FROM performed_step WHERE id = (SELECT performed_step FROM acquisition WHERE id = ?)",
                (acquisition,),
            ).fetchone()
        return case_from_text(row["snapshot"]) if row else None

    def _insert(self, connection: sqlite3.Connection, device: str, case: PerformedCase, captured: int) -> int:
        now = to_us(self._clock.now())
        key = (device, case.key.provider, case.key.study_instance_uid, case.key.step_id)
        completed = connection.execute(
            "SELECT snapshot FROM performed_step WHERE device = ? AND provider = ? AND study_instance_uid = ?"
            " AND step_id = ? AND outcome = 'completed'",
            key,
        ).fetchall()
        append = isinstance(case.subject, Step) and any(_is_of(row, case) for row in completed)
        connection.execute(
            "INSERT OR IGNORE INTO study (study_instance_uid, started_us) VALUES (?, ?)",
            (case.study_instance_uid, to_us(case.study_started_at)),
        )
        started_us = connection.execute(
            "SELECT started_us FROM study WHERE study_instance_uid = ?", (case.study_instance_uid,)
        ).fetchone()[0]
        case = replace(
            case,
            performed=replace(case.performed, append=append),
            study_started_at=from_us(started_us, zone_of(self._clock)),
        )
        cursor = connection.execute(
            "INSERT INTO performed_step (device, provider, study_instance_uid, step_id, sop_instance_uid, state,"
            " active, begun_us, used_us, captured_us, snapshot) VALUES (?, ?, ?, ?, ?, 'open', 0, ?, ?, ?, ?)",
            (*key, case.performed.sop_instance_uid, now, now, captured, case_to_text(case)),
        )
        number = cursor.lastrowid or 0
        write_journal(
            connection, now, "assemble", "performed step begun", f"performed step {number}", device=device,
            sop_instance_uid=case.performed.sop_instance_uid, append=int(append),
        )  # fmt: skip
        return number

    def unfinished_devices(self) -> list[str]:
        """The devices that have performed steps which are not closed, whether or not they are still configured."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT DISTINCT device FROM performed_step WHERE state <> 'closed'").fetchall()
        return [row["device"] for row in rows]

    # -- the end ------------------------------------------------------------------------------------------------

    def close_left(self, device: str, rules: ClosingRules) -> int:
        """Complete what is over on a device: its step is no longer the open one, or nothing came for a long time.

        Returns how many. A step that an operator still has open is in progress, however long nothing comes.
        """
        now = to_us(self._clock.now())
        idle_since = now - rules.complete_after // timedelta(microseconds=1)
        with self._database.write() as connection:
            # The clock was put back: how long nothing came is unknown, so it is counted from now.
            connection.execute(
                "UPDATE performed_step SET used_us = ? WHERE device = ? AND state = 'open' AND used_us > ?",
                (now, device, now + CLOCK_STEP_US),
            )
            opened = active_number(connection, device)
            rows = connection.execute(
                "SELECT id, active, used_us FROM performed_step WHERE device = ? AND state = 'open'", (device,)
            ).fetchall()
            over = [
                row["id"] for row in rows if row["id"] != opened and (row["active"] or row["used_us"] <= idle_since)
            ]
            for number in over:
                close_performed_step(connection, now, number, COMPLETED, actor="assemble")
        return len(over)

    def finish_closing(self, device: str, rules: ClosingRules) -> int:
        """Freeze the result of steps whose last acquisitions are through, and owe it to the peers; returns how many."""
        now = to_us(self._clock.now())
        settled = now - rules.settle // timedelta(microseconds=1)
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT id FROM performed_step WHERE device = ? AND state = 'closing'"
                " AND (max(used_us, closing_us) <= ? OR max(used_us, closing_us) > ?)",
                (device, settled, now + CLOCK_STEP_US),
            ).fetchall()
        return sum(self._finish(row["id"], now) for row in found)

    def _finish(self, number: int, now: int) -> bool:
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT * FROM performed_step WHERE id = ? AND state = 'closing'", (number,)
            ).fetchone()
            if row is None or _still_awaited(connection, row):
                return False
            result = result_of(connection, row, zone_of(self._clock))
            connection.execute(
                "UPDATE performed_step SET state = 'closed', outcome = ?, reason = ?, result = ? WHERE id = ?",
                (result.closing.outcome.value, result.closing.reason, result_to_text(result), number),
            )
            told = connection.execute(
                "SELECT peer FROM performed_step_report WHERE performed_step = ? AND kind = 'create'", (number,)
            ).fetchall()
            _owe(connection, number, ReportKind.SET, [one["peer"] for one in told], now)
            write_journal(
                connection, now, "assemble", "performed step closed", f"performed step {number}",
                outcome=result.closing.outcome.value, reason=result.closing.reason,
                instances=sum(len(one.instances) for one in result.series),
            )  # fmt: skip
        return True


def _owe(connection: sqlite3.Connection, number: int, kind: ReportKind, peers: Sequence[str], now: int) -> None:
    connection.executemany(
        "INSERT INTO performed_step_report (performed_step, peer, kind, state, since_us, due_us)"
        " VALUES (?, ?, ?, 'pending', ?, ?)",
        [(number, peer, kind.value, now, now) for peer in peers],
    )


def _device_and_active(connection: sqlite3.Connection, acquisition: int, case: PerformedCase) -> tuple[str, int]:
    """The device of an acquisition, and whether it was captured under the very step that it now belongs to."""
    row = connection.execute(
        "SELECT acquisition.device, active_snapshot, study_instance_uid AS open_uid FROM acquisition"
        " LEFT JOIN local_study ON local_study.id = active_local_study WHERE acquisition.id = ?",
        (acquisition,),
    ).fetchone()
    text, opened = row["active_snapshot"], row["open_uid"] is not None and not isinstance(case.subject, Step)
    under = step_from_text(text).key == case.key if text else opened and row["open_uid"] == case.study_instance_uid
    return row["device"], int(under)


def _frozen(connection: sqlite3.Connection, acquisition: int) -> sqlite3.Row | None:
    """The step to which the built instance of an acquisition refers: it is never another one, whatever its state."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT performed_step AS id FROM acquisition WHERE id = ? AND performed_step IS NOT NULL AND EXISTS"
        " (SELECT 1 FROM instance WHERE instance.acquisition = acquisition.id AND built_us IS NOT NULL)",
        (acquisition,),
    ).fetchone()
    return row


def _is_of(row: sqlite3.Row, case: PerformedCase) -> bool:
    """Whether a performed step is of the patient of `case`."""
    patient, other = case_from_text(row["snapshot"]).subject.patient, case.subject.patient
    return (patient.patient_id, patient.issuer) == (other.patient_id, other.issuer)


def _in_progress(
    connection: sqlite3.Connection, acquisition: int, device: str, case: PerformedCase, captured: int
) -> sqlite3.Row | None:
    """The step to join: the open one, or one that is closing if this was captured before its end."""
    rows = connection.execute(
        "SELECT id, snapshot FROM performed_step"
        " WHERE device = ? AND provider = ? AND study_instance_uid = ? AND step_id = ?"
        " AND (state = 'open' OR (state = 'closing' AND (closing_us >= ? OR id ="
        " (SELECT performed_step FROM acquisition WHERE id = ?)))) ORDER BY state DESC, id DESC",
        (
            device,
            case.key.provider,
            case.key.study_instance_uid,
            case.key.step_id,
            captured - FILE_CLOCK_US,
            acquisition,
        ),
    ).fetchall()
    return next((row for row in rows if _is_of(row, case)), None)


def _still_awaited(connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether an acquisition that may belong to the step is still on its way to an instance."""
    return (
        connection.execute(
            "SELECT 1 FROM acquisition INDEXED BY acquisition_open WHERE state IN ('captured', 'matched', 'held')"
            " AND state <> 'held' AND (performed_step = ? OR (device = ? AND captured_us <= ?)) LIMIT 1",
            (row["id"], row["device"], row["closing_us"] + FILE_CLOCK_US),
        ).fetchone()
        is not None
    )
