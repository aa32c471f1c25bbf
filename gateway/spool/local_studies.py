"""Local studies in the ledger: identities that this box gives, each patient id once, and whom a device has open."""

import sqlite3
from dataclasses import replace
from datetime import datetime

from gateway.domain.identifiers import Uid, mint_uid
from gateway.domain.local_identity import LocalIdentities
from gateway.domain.objects import LocalStudy
from gateway.domain.ports import Clock
from gateway.domain.procedure import Patient, StepKey
from gateway.spool.database import Database
from gateway.spool.idle import close_idle
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.snapshots import local_study_to_text, step_from_text


def make_local_study(
    connection: sqlite3.Connection,
    now_us: int,
    moment: datetime,
    study: LocalStudy,
    *,
    identities: LocalIdentities,
    actor: str,
) -> tuple[int, LocalStudy, Uid]:
    """Keep a new local study with a Study Instance UID of its own; a patient without an id gets one of this box.

    `moment` is `now_us` in the station's zone. Returns its number, the study as it is kept, and its UID.
    """
    given = not study.patient.patient_id
    if given:
        study = replace(study, patient=_identified(connection, now_us, moment, study, identities))
    if not study.patient.name.strip("^ "):
        study = replace(study, patient=replace(study.patient, name=identities.unknown_name))
    cursor = connection.execute(
        "INSERT INTO local_study (study_instance_uid, snapshot, created_us, given, made_by) VALUES (?, ?, ?, ?, ?)",
        (uid := mint_uid(), local_study_to_text(study), now_us, int(given), actor),
    )
    number = cursor.lastrowid or 0
    write_journal(
        connection, now_us, actor, "local study", f"local study {number}",
        patient_id=study.patient.patient_id, given=int(given), study_instance_uid=uid,
    )  # fmt: skip
    return number, study, uid


def _identified(
    connection: sqlite3.Connection, now_us: int, moment: datetime, study: LocalStudy, identities: LocalIdentities
) -> Patient:
    while True:
        patient_id = identities.make(_next_number(connection, identities), moment)
        taken = connection.execute(
            "INSERT OR IGNORE INTO local_patient_id VALUES (?, ?)", (patient_id, now_us)
        ).rowcount
        if taken:
            return replace(study.patient, patient_id=patient_id, issuer=identities.issuer)


def _next_number(connection: sqlite3.Connection, identities: LocalIdentities) -> int:
    """A number that was never used: it counts for ever, whatever clock and pattern do."""
    if not identities.counts:
        return 0
    row = connection.execute(
        "UPDATE local_number SET last = max(last + 1, ?) RETURNING last", (identities.first_number,)
    ).fetchone()
    return int(row["last"])


def open_local_study(connection: sqlite3.Connection, now_us: int, device: str, number: int, *, actor: str) -> None:
    """Open an unscheduled patient on a device, in the place of whoever was open there."""
    connection.execute(
        "INSERT OR REPLACE INTO active_local_study VALUES (?, ?, ?, ?, ?)", (device, number, now_us, actor, now_us)
    )
    write_journal(connection, now_us, actor, "unscheduled patient opened", f"device {device}", local_study=number)


def leave_active(connection: sqlite3.Connection, now_us: int, device: str, *, actor: str) -> None:
    """Close whoever is open on a device, with an order or without."""
    closed = connection.execute("DELETE FROM active_step WHERE device = ?", (device,)).rowcount
    closed += connection.execute("DELETE FROM active_local_study WHERE device = ?", (device,)).rowcount
    if closed:
        write_journal(connection, now_us, actor, "step closed", f"device {device}")


def active_key(connection: sqlite3.Connection, device: str) -> StepKey | None:
    """What tells the performed steps of whoever is open on a device apart; None if nobody is."""
    row = connection.execute("SELECT snapshot FROM active_step WHERE device = ?", (device,)).fetchone()
    if row is not None:
        return step_from_text(row["snapshot"]).key
    row = connection.execute(
        "SELECT study_instance_uid FROM active_local_study AS active JOIN local_study"
        " ON local_study.id = active.local_study WHERE device = ?",
        (device,),
    ).fetchone()
    return None if row is None else StepKey("", row["study_instance_uid"], "")


class LocalStudyLedger:
    """Open unscheduled patients, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def close_idle(self, device: str, idle_limit_s: float) -> bool:
        """Close the unscheduled patient of a device if nothing was captured under it for so long; whether it was."""
        now = to_us(self._clock.now())
        return close_idle(self._database, "active_local_study", device, now, idle_limit_s)
