"""The end of performed steps as it is decided: by rule, by a person, or anew while no peer can have heard of it."""

import sqlite3

from gateway.domain.performed_step import PerformedClosing, PerformedOutcome
from gateway.spool.journal import write_journal
from gateway.spool.local_studies import active_key

COMPLETED = PerformedClosing(PerformedOutcome.COMPLETED)


def close_performed_step(
    connection: sqlite3.Connection, now_us: int, number: int, closing: PerformedClosing, *, actor: str
) -> None:
    """Decide the end of an open performed step, inside the caller's transaction."""
    connection.execute(
        "UPDATE performed_step SET state = 'closing', outcome = ?, reason = ?, closing_us = ?"
        " WHERE id = ? AND state = 'open'",
        (closing.outcome.value, closing.reason, now_us, number),
    )
    write_journal(
        connection, now_us, actor, "performed step ends", f"performed step {number}",
        outcome=closing.outcome.value, reason=closing.reason,
    )  # fmt: skip


def take_back_untold_end(connection: sqlite3.Connection, number: int) -> bool:
    """Let the list of a closed step be made anew if no peer can have heard of its end; whether that is so.

    Inside the caller's transaction: a report is counted before it is sent, so that one on its way is seen here.
    """
    if connection.execute(
        "SELECT 1 FROM performed_step_report WHERE performed_step = ? AND kind = 'set'"
        " AND (attempts > 0 OR state <> 'pending')",
        (number,),
    ).fetchone():
        return False
    connection.execute("DELETE FROM performed_step_report WHERE performed_step = ? AND kind = 'set'", (number,))
    changed = connection.execute(
        "UPDATE performed_step SET state = 'closing', result = NULL WHERE id = ? AND state = 'closed'", (number,)
    ).rowcount
    return changed > 0


def steps_to_close(connection: sqlite3.Connection, device: str) -> list[int]:
    """What a person means who closes the step of a device: the one open there, else all that are in progress."""
    opened = active_number(connection, device)
    if opened is not None:
        return [opened]
    if active_key(connection, device) is not None:
        return []
    rows = connection.execute(
        "SELECT id FROM performed_step WHERE device = ? AND state = 'open' ORDER BY id", (device,)
    ).fetchall()
    return [row["id"] for row in rows]


def active_number(connection: sqlite3.Connection, device: str) -> int | None:
    """The performed step in progress for the step that is open on a device."""
    key = active_key(connection, device)
    if key is None:
        return None
    row = connection.execute(
        "SELECT id FROM performed_step WHERE device = ? AND provider = ? AND study_instance_uid = ? AND step_id = ?"
        " AND state = 'open'",
        (device, key.provider, key.study_instance_uid, key.step_id),
    ).fetchone()
    return int(row["id"]) if row else None
