"""The worklist cache and the active steps: what providers said, when, and what has gone from their answers."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from gateway.domain.errors import GatewayError
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step, StepKey
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.snapshots import step_from_text, step_to_text


class StepLedger:
    """Worklist steps, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def configure(self, providers: Sequence[str]) -> None:
        """Make the ledger's providers those of the configuration."""
        with self._database.write() as connection:
            marks = ", ".join("?" * len(providers))
            connection.execute(f"DELETE FROM provider WHERE name NOT IN ({marks})", tuple(providers))  # noqa: S608 - only question marks are inserted
            for position, name in enumerate(providers):
                connection.execute(
                    "INSERT INTO provider (name, position) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                    (name, position),
                )

    def answered(self, provider: str, steps: Sequence[Step]) -> bool:
        """Take over a provider's whole answer; what it no longer names is marked vanished, never deleted.

        Returns whether anything changed that could let a held acquisition fit.
        """
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            changed = [self._take(connection, step, now) for step in steps]
            gone = connection.execute(
                "UPDATE step SET vanished = 1 WHERE provider = ? AND vanished = 0 AND seen_us < ?", (provider, now)
            ).rowcount
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

    @staticmethod
    def _take(connection: sqlite3.Connection, step: Step, now: int) -> bool:
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

    def failed(self, provider: str, fault: GatewayError) -> None:
        """Remember why a provider did not answer; the cache stays usable and grows older."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE provider SET failed_us = CASE WHEN error = '' THEN ? ELSE failed_us END, phase = ?, error = ?,"
                " remedy = ? WHERE name = ?",
                (now, fault.phase.value, fault.message, fault.remedy, provider),
            )

    def answered_since(self, moment: datetime) -> bool:
        """Whether every provider has answered after `moment`."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT 1 FROM provider WHERE answered_us IS NULL OR answered_us < ?", (to_us(moment),)
            ).fetchone()
        return row is None

    def candidates(self, device: str) -> list[Step]:
        """The steps an acquisition of `device` may be matched with.

        A step that has vanished from its provider counts only for a device that already has acquisitions tied to it:
        providers drop a step once it has begun, and the rest of that exam still belongs to it.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT snapshot FROM step WHERE vanished = 0 OR snapshot IN"
                " (SELECT step_snapshot FROM acquisition WHERE device = ? AND step_snapshot IS NOT NULL)",
                (device,),
            ).fetchall()
        return [step_from_text(row["snapshot"]) for row in rows]

    def find(self, key: StepKey) -> Step | None:
        """The cached step of a key."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT snapshot FROM step WHERE provider = ? AND study_instance_uid = ? AND step_id = ?",
                (key.provider, key.study_instance_uid, key.step_id),
            ).fetchone()
        return step_from_text(row["snapshot"]) if row else None

    def close_idle(self, idle_limit_s: float) -> list[str]:
        """Close active steps that nothing was captured under for `idle_limit_s`; the devices concerned."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            rows = connection.execute(
                "DELETE FROM active_step WHERE used_us < ? RETURNING device", (now - int(idle_limit_s * 1_000_000),)
            ).fetchall()
            for row in rows:
                write_journal(connection, now, "assemble", "step closed", f"device {row['device']}", reason="idle")
        return [row["device"] for row in rows]
