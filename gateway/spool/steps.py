"""The worklist cache and the active steps: what providers said, when, and what has gone from their answers."""

import json
import sqlite3
from collections.abc import Sequence

from gateway.domain.errors import GatewayError
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.snapshots import step_from_text, step_to_text

_REST_OF_EXAM_US = 2 * 24 * 3_600_000_000
_CLOCK_STEP_US = 60_000_000


class StepLedger:
    """Worklist steps, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def configure(self, providers: Sequence[str], *, feeds: Sequence[str] = ()) -> None:
        """Make the ledger's providers those of the configuration; the steps of others count as vanished.

        `feeds` are the HL7 feeds. The list that people keep here needs no configuration and stays.
        """
        with self._database.write() as connection:
            names = json.dumps([*providers, *feeds])
            connection.execute(
                "DELETE FROM provider WHERE kind <> 'local' AND name NOT IN (SELECT value FROM json_each(?))", (names,)
            )
            connection.execute(
                "UPDATE step SET vanished = 1 WHERE vanished = 0 AND provider NOT IN (SELECT value FROM json_each(?))"
                " AND provider NOT IN (SELECT name FROM provider WHERE kind = 'local')",
                (names,),
            )
            kinds = [*((name, "query") for name in providers), *((name, "hl7") for name in feeds)]
            for position, (name, kind) in enumerate(kinds):
                connection.execute(
                    "INSERT INTO provider (name, position, kind) VALUES (?, ?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET position = excluded.position, kind = excluded.kind",
                    (name, position, kind),
                )

    def answered(self, provider: str, steps: Sequence[Step], *, complete: bool = True) -> bool:
        """Take over a provider's answer; what a complete one no longer names is marked vanished, never deleted.

        Returns whether anything changed that could let a held acquisition fit.
        """
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            changed = [take_step(connection, step, now) for step in steps]
            gone = leave_out(connection, provider, steps) if complete else 0
            connection.execute(
                "UPDATE provider SET answered_us = ?, failed_us = NULL, phase = '', error = '', remedy = ''"
                " WHERE name = ?",
                (now, provider),
            )
            if any(changed) or gone:
                write_journal(
                    connection, now, "forward", "worklist", f"provider {provider}", items=len(steps), gone=gone
                )
        return any(changed)

    def failed(self, provider: str, fault: GatewayError) -> None:
        """Remember why a provider did not answer; the cache stays usable and grows older."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE provider SET failed_us = CASE WHEN error = '' THEN ? ELSE failed_us END, phase = ?, error = ?,"
                " remedy = ? WHERE name = ?",
                (now, fault.phase.value, fault.message, fault.remedy, provider),
            )

    def candidates(self, device: str) -> list[Step]:
        """The steps an acquisition of `device` may be matched with.

        A step that has vanished from its provider counts only for a device that already has acquisitions tied to it,
        and for two days: providers drop a step once it has begun, and the rest of that exam still belongs to it.
        """
        since = to_us(self._clock.now()) - _REST_OF_EXAM_US
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT snapshot FROM step WHERE vanished = 0 UNION ALL"
                " SELECT snapshot FROM step WHERE vanished = 1 AND seen_us >= ? AND EXISTS"
                " (SELECT 1 FROM acquisition WHERE device = ? AND acquisition.step = step.id)",
                (since, device),
            ).fetchall()
        return [step_from_text(row["snapshot"]) for row in rows]

    def active(self, device: str) -> Step | None:
        """The step that is open on a device."""
        with self._database.read() as connection:
            row = connection.execute("SELECT snapshot FROM active_step WHERE device = ?", (device,)).fetchone()
        return step_from_text(row["snapshot"]) if row else None

    def expire(self) -> int:
        """Take heard orders off the worklist when their day is over by their own rule; how many were."""
        now = to_us(self._clock.now())
        with self._database.read() as connection:
            over = "SELECT count(*) FROM step WHERE vanished = 0 AND expires_us <= ?"
            if not connection.execute(over, (now,)).fetchone()[0]:
                return 0
        with self._database.write() as connection:
            gone = connection.execute(
                "UPDATE step SET vanished = 1 WHERE vanished = 0 AND expires_us <= ?", (now,)
            ).rowcount
            write_journal(connection, now, "assemble", "worklist", "orders over", gone=gone)
        return gone

    def close_idle(self, device: str, idle_limit_s: float) -> bool:
        """Close the active step of a device if nothing was captured under it for `idle_limit_s`; whether it was."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            # One that was used in the future is closed too: the clock was put back, and its idle time is unknown.
            closed = connection.execute(
                "DELETE FROM active_step WHERE device = ? AND (used_us < ? OR used_us > ?)",
                (device, now - int(idle_limit_s * 1_000_000), now + _CLOCK_STEP_US),
            ).rowcount
            if closed:
                write_journal(connection, now, "assemble", "step closed", f"device {device}", reason="idle")
        return closed > 0


def take_step(connection: sqlite3.Connection, step: Step, now: int) -> bool:
    """Insert or update one step; whether it is new or says something else than before."""
    key = (step.key.provider, step.key.study_instance_uid, step.key.step_id)
    snapshot = step_to_text(step)
    row = connection.execute(
        "SELECT id, snapshot, vanished FROM step WHERE provider = ? AND study_instance_uid = ? AND step_id = ?", key
    ).fetchone()
    values = (
        step.patient.patient_id,
        step.patient.name,
        step.accession_number,
        to_us(step.start) if step.start else None,
        int(step.usable),
        snapshot,
        now,
    )
    if row is None:
        connection.execute(
            "INSERT INTO step (provider, study_instance_uid, step_id, patient_id, patient_name, accession_number,"
            " start_us, usable, snapshot, seen_us, first_seen_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, *values, now),
        )
        return True
    connection.execute(
        "UPDATE step SET patient_id = ?, patient_name = ?, accession_number = ?, start_us = ?, usable = ?,"
        " snapshot = ?, seen_us = ?, vanished = 0 WHERE id = ?",
        (*values, row["id"]),
    )
    return bool(row["snapshot"] != snapshot or row["vanished"])


def leave_out(connection: sqlite3.Connection, provider: str, steps: Sequence[Step]) -> int:
    """Mark what an answer no longer names; told by its keys, because a clock may be put back between answers."""
    named = {(step.key.study_instance_uid, step.key.step_id) for step in steps}
    rows = connection.execute(
        "SELECT id, study_instance_uid, step_id FROM step WHERE vanished = 0 AND provider = ?", (provider,)
    ).fetchall()
    gone = [(row["id"],) for row in rows if (row["study_instance_uid"], row["step_id"]) not in named]
    connection.executemany("UPDATE step SET vanished = 1 WHERE id = ?", gone)
    return len(gone)
