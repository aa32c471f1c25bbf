"""Acquisitions move only along the lifecycle table, inside the caller's transaction, and each move is journaled."""

import sqlite3

from gateway.domain.lifecycle import AcquisitionEvent, AcquisitionState, next_acquisition_state
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Match, Step
from gateway.spool.journal import write_journal
from gateway.spool.snapshots import local_study_to_text, step_to_text


def move_acquisition(
    connection: sqlite3.Connection, now_us: int, number: int, event: AcquisitionEvent, *, actor: str, reason: str = ""
) -> None:
    """Move an acquisition along the lifecycle table and journal it, inside the caller's transaction."""
    row = connection.execute("SELECT state FROM acquisition WHERE id = ?", (number,)).fetchone()
    state = next_acquisition_state(AcquisitionState(row["state"]), event)
    connection.execute("UPDATE acquisition SET state = ?, since_us = ? WHERE id = ?", (state.value, now_us, number))
    write_journal(connection, now_us, actor, state.value, f"acquisition {number}", move=event.value, reason=reason)


def tie_to_step(
    connection: sqlite3.Connection, now_us: int, number: int, match: Match, step: Step, *, actor: str
) -> None:
    """Tie an acquisition to `step` inside the caller's transaction; a held one is thereby assigned."""
    held = _is_held(connection, number)
    move_acquisition(
        connection, now_us, number, AcquisitionEvent.ASSIGN if held else AcquisitionEvent.MATCH, actor=actor
    )
    connection.execute(
        "UPDATE acquisition SET step_snapshot = ?, local_study = NULL, rule = ?, reason = ?, remedy = '', phase = '',"
        " candidates = '[]', unfinished_claims = 0, due_us = 0, rematch = 0, step ="
        " (SELECT id FROM step WHERE provider = ? AND study_instance_uid = ? AND step_id = ?) WHERE id = ?",
        (
            step_to_text(step),
            match.rule.value,
            match.reason,
            step.key.provider,
            step.key.study_instance_uid,
            step.key.step_id,
            number,
        ),
    )


def tie_to_local_study(
    connection: sqlite3.Connection, now_us: int, number: int, study: LocalStudy, study_uid: str, *, actor: str
) -> None:
    """Send an acquisition without an order, under a local study, inside the caller's transaction."""
    held = _is_held(connection, number)
    move_acquisition(
        connection, now_us, number, AcquisitionEvent.ASSIGN if held else AcquisitionEvent.MATCH, actor=actor
    )
    connection.execute(
        "INSERT OR IGNORE INTO local_study (study_instance_uid, snapshot, created_us) VALUES (?, ?, ?)",
        (study_uid, local_study_to_text(study), now_us),
    )
    connection.execute(
        "UPDATE acquisition SET step_snapshot = NULL, step = NULL, rematch = 0, rule = 'unscheduled', reason = ?,"
        " remedy = '', phase = '', candidates = '[]', unfinished_claims = 0, due_us = 0,"
        " local_study = (SELECT id FROM local_study WHERE study_instance_uid = ?) WHERE id = ?",
        (f"sent without an order by {actor}", study_uid, number),
    )


def _is_held(connection: sqlite3.Connection, number: int) -> bool:
    row = connection.execute("SELECT state FROM acquisition WHERE id = ?", (number,)).fetchone()
    return row is not None and row["state"] == AcquisitionState.HELD.value
