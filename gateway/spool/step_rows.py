"""Rows of the worklist cache: how a step is taken over, when it is over, and what an answer leaves out."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from gateway.domain.procedure import Step
from gateway.spool.moments import to_us
from gateway.spool.snapshots import step_from_text, step_to_text


def expiry(step: Step, moment: datetime, keep_days: int) -> datetime:
    """When a step is over: at midnight after its scheduled day, or after today if that is later, and the days more."""
    scheduled = scheduled_day(step, moment)
    return midnight_after(max(scheduled, moment.date()), moment.tzinfo, keep_days)


def scheduled_day(step: Step, moment: datetime) -> date:
    """The day a step is scheduled on in the zone of `moment`; that of `moment` where it names none."""
    return (step.start.astimezone(moment.tzinfo) if step.start else moment).date()


def midnight_after(day: date, zone: tzinfo | None, keep_days: int) -> datetime:
    """The end of `day` in `zone`, and the days for which a step is kept beyond it."""
    return datetime.combine(day, time(), zone) + timedelta(days=1 + keep_days)


def take_step(
    connection: sqlite3.Connection, step: Step, now: int, *, expires: int | None = None, looked_up: bool = False
) -> bool:
    """Insert or update one step; whether it is new or says something else than before."""
    key = (step.key.provider, step.key.study_instance_uid, step.key.step_id)
    row = connection.execute(
        "SELECT id, snapshot, vanished, expires_us FROM step"
        " WHERE provider = ? AND study_instance_uid = ? AND step_id = ?",
        key,
    ).fetchone()
    if looked_up and row is not None and expires is not None:
        expires = max(expires, row["expires_us"] or 0)  # what the broad question had stays as long as it gave it
    values = _values(step, now, expires, looked_up=looked_up)
    if row is None:
        connection.execute(
            "INSERT INTO step (provider, study_instance_uid, step_id, patient_id, patient_name, accession_number,"
            " start_us, usable, snapshot, seen_us, expires_us, looked_up, first_seen_us)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, *values, now),
        )
        return True
    connection.execute(
        "UPDATE step SET patient_id = ?, patient_name = ?, accession_number = ?, start_us = ?, usable = ?,"
        " snapshot = ?, seen_us = ?, expires_us = coalesce(?, expires_us), looked_up = ?, vanished = 0 WHERE id = ?",
        (*values, row["id"]),
    )
    return bool(row["snapshot"] != step_to_text(step) or row["vanished"])


def _values(step: Step, now: int, expires: int | None, *, looked_up: bool) -> tuple[str | int | None, ...]:
    """What a row says of a step beside its key."""
    return (
        step.patient.patient_id,
        step.patient.name,
        step.accession_number,
        to_us(step.start) if step.start else None,
        int(step.usable),
        step_to_text(step),
        now,
        expires,
        int(looked_up),
    )


def leave_out(
    connection: sqlite3.Connection,
    provider: str,
    steps: Sequence[Step],
    covers: Callable[[Step], bool] | None = None,
) -> int:
    """Mark what an answer no longer names; told by its keys, because a clock may be put back between answers."""
    named = {(step.key.study_instance_uid, step.key.step_id) for step in steps}
    rows = connection.execute(
        "SELECT id, study_instance_uid, step_id, looked_up, snapshot FROM step WHERE vanished = 0 AND provider = ?",
        (provider,),
    ).fetchall()
    gone = [
        (row["id"],)
        for row in rows
        if (row["study_instance_uid"], row["step_id"]) not in named
        and (not row["looked_up"] or covers is None or covers(step_from_text(row["snapshot"])))
    ]
    connection.executemany("UPDATE step SET vanished = 1 WHERE id = ?", gone)
    return len(gone)


def note_answer(connection: sqlite3.Connection, provider: str, now: int) -> None:
    """Remember that a provider spoke now; what it failed with before is over."""
    connection.execute(
        "UPDATE provider SET answered_us = ?, failed_us = NULL, phase = '', error = '', remedy = '' WHERE name = ?",
        (now, provider),
    )
