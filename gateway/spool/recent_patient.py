"""Whose pictures a device has just made: the one rule by which everybody asks before another patient is opened there.

It does not matter whether that patient is still open: somebody who was closed a moment ago may still sit at the
device, and a picture that is on its way then belongs to whoever is open when it comes.
"""

import sqlite3
from dataclasses import dataclass

from gateway.domain.procedure import Patient
from gateway.spool.snapshots import local_study_from_text, step_from_text

BUSY_S = 120
"""A picture that was taken in so shortly ago says that its patient may still be examined."""
_LOOKED_AT = 2000
"""More rows than all devices make in that time, and few enough to look at."""
_RECENT = (
    "SELECT coalesce(recorded_us, captured_us) AS at_us, active_snapshot, step_snapshot,"
    " tied.snapshot AS local_snapshot, opened.snapshot AS open_local_snapshot FROM acquisition NOT INDEXED"
    " LEFT JOIN local_study AS tied ON tied.id = acquisition.local_study"
    " LEFT JOIN local_study AS opened ON opened.id = acquisition.active_local_study"
    " WHERE acquisition.id > (SELECT coalesce(max(id), 0) FROM acquisition) - ?"
    " AND device = ? AND at_us >= ? ORDER BY acquisition.id DESC"
)
_OPEN = (
    "SELECT opened_us, snapshot AS step_snapshot, NULL AS local_snapshot FROM active_step WHERE device = :device"
    " UNION ALL SELECT opened_us, NULL, local_study.snapshot FROM active_local_study"
    " JOIN local_study ON local_study.id = local_study WHERE device = :device"
)


@dataclass(frozen=True, slots=True)
class RecentPatient:
    """Who had pictures on a device, and when the newest of them was taken in."""

    patient: Patient
    at_us: int


def another_recently(
    connection: sqlite3.Connection, device: str, patient: Patient | None, now: int
) -> RecentPatient | None:
    """Who had the newest pictures of the last two minutes on a device, if that is not `patient`.

    Whose a picture is, is told by what it was tied to, else by who was open when it was captured, else by who was
    open when it came. One of nobody does not count. `patient` is None for somebody whom nothing is known of.
    """
    opened = connection.execute(_OPEN, {"device": device}).fetchone()
    for row in connection.execute(_RECENT, (_LOOKED_AT, device, now - BUSY_S * 1_000_000)):
        whose = _patient(row["step_snapshot"], row["local_snapshot"]) or _patient(
            row["active_snapshot"], row["open_local_snapshot"]
        )
        if whose is None and opened is not None and opened["opened_us"] <= row["at_us"]:
            whose = _patient(opened["step_snapshot"], opened["local_snapshot"])
        if whose is not None:
            is_same = patient is not None and _is_one(whose, patient)
            return None if is_same else RecentPatient(whose, row["at_us"])
    return None


def _patient(step: str | None, local: str | None) -> Patient | None:
    if step:
        return step_from_text(step).patient
    return local_study_from_text(local).patient if local else None


def _is_one(known: Patient, other: Patient) -> bool:
    """Whether both are one patient: the same id of the same issuer, and not born on different days."""
    born = {known.birth_date, other.birth_date} - {""}
    return (known.patient_id, known.issuer) == (other.patient_id, other.issuer) and len(born) < 2  # noqa: PLR2004 - two days


def patient_named(
    connection: sqlite3.Connection, *, step: int | None = None, local_study: int | None = None, patient_id: str = ""
) -> Patient | None:
    """Who is to be opened: the patient of a step or local study, or one of whom the id alone is known."""
    for table, number in (("step", step), ("local_study", local_study)):
        if number is None:
            continue
        row = connection.execute(f"SELECT snapshot FROM {table} WHERE id = ?", (number,)).fetchone()  # noqa: S608 - names of tables
        if row is not None:
            return _patient(row["snapshot"], None) if table == "step" else _patient(None, row["snapshot"])
    return Patient(patient_id) if patient_id else None
