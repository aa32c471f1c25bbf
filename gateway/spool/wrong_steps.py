"""What a correction means for performed steps and open steps: those that hold nothing any more end as wrong."""

import sqlite3
from collections.abc import Sequence

from gateway.domain.performed_step import WRONG_ENTRY_REASON, PerformedClosing, PerformedOutcome
from gateway.spool.journal import write_journal
from gateway.spool.performed_ends import close_performed_step, take_back_untold_end


def leave_wrong_steps(
    connection: sqlite3.Connection, now_us: int, acquisitions: Sequence[int], *, actor: str
) -> list[str]:
    """End what was in progress for the wrong patient and holds nothing else; returns what a person must know of it."""
    remarks = []
    marks = ", ".join("?" for _ in acquisitions)
    steps = connection.execute(
        "SELECT DISTINCT performed_step.* FROM performed_step"  # noqa: S608 - only question marks are inserted
        f" JOIN acquisition ON acquisition.performed_step = performed_step.id WHERE acquisition.id IN ({marks})",
        tuple(acquisitions),
    ).fetchall()
    for step in steps:
        remarks += _end(connection, now_us, step, actor)
    opened = connection.execute(
        "SELECT DISTINCT active_step.device, active_step.step FROM active_step"  # noqa: S608 - as above
        " JOIN acquisition ON acquisition.device = active_step.device AND acquisition.step = active_step.step"
        f" WHERE acquisition.id IN ({marks})",
        tuple(acquisitions),
    ).fetchall()
    for active in opened:
        remarks += _close(connection, now_us, active, actor)
    return remarks + _leave_emergencies(connection, now_us, acquisitions, actor)


def _leave_emergencies(
    connection: sqlite3.Connection, now_us: int, acquisitions: Sequence[int], actor: str
) -> list[str]:
    """Close the wrong patient without an order where she is still open, if nothing else came under her."""
    marks = ", ".join("?" for _ in acquisitions)
    opened = connection.execute(
        "SELECT DISTINCT active.device, active.local_study FROM active_local_study AS active"  # noqa: S608 - only question marks are inserted
        " JOIN acquisition ON acquisition.device = active.device AND acquisition.local_study = active.local_study"
        f" WHERE acquisition.id IN ({marks})",
        tuple(acquisitions),
    ).fetchall()
    remarks = []
    for active in opened:
        device = active["device"]
        if connection.execute(
            "SELECT 1 FROM acquisition WHERE device = ? AND local_study = ? AND rejected_us IS NULL",
            (device, active["local_study"]),
        ).fetchone():
            remarks.append(f"The patient that they came under is still open on {device}, for other pictures are in it.")
            continue
        connection.execute("DELETE FROM active_local_study WHERE device = ?", (device,))
        write_journal(connection, now_us, actor, "step closed", f"device {device}", reason="it was the wrong entry")
        remarks.append(f"The wrong patient was still open on {device}; it is closed now.")
    return remarks


def _end(connection: sqlite3.Connection, now_us: int, step: sqlite3.Row, actor: str) -> list[str]:
    """End one performed step as the wrong entry, if its result is not final and nothing else was captured under it."""
    number, state = step["id"], step["state"]
    if state == "closed" and take_back_untold_end(connection, number):
        state = "closing"
    if connection.execute(
        "SELECT 1 FROM acquisition WHERE performed_step = ? AND rejected_us IS NULL", (number,)
    ).fetchone():
        if state != "closed":
            return [f"Performed step {number} stays, for other pictures are in it; its list will not name these."]
        listed = f"Performed step {number} was closed before, and its list names what is rejected now, which the"
        return [f"{listed} standard lets nobody change: tell the RIS."]
    if state == "closed":
        if step["reason"] == WRONG_ENTRY_REASON:
            return []
        final = (
            f"Performed step {number} was closed as {step['outcome']} before, which the standard lets nobody change:"
        )
        return [f"{final} tell the RIS that it was the wrong entry."]
    closing = PerformedClosing(PerformedOutcome.DISCONTINUED, WRONG_ENTRY_REASON)
    if state == "open":
        close_performed_step(connection, now_us, number, closing, actor=actor)
    else:
        connection.execute(
            "UPDATE performed_step SET outcome = ?, reason = ? WHERE id = ? AND state = 'closing'",
            (closing.outcome.value, closing.reason, number),
        )
        write_journal(
            connection, now_us, actor, "performed step ends", f"performed step {number}",
            outcome=closing.outcome.value, reason=closing.reason,
        )  # fmt: skip
    return [f"Performed step {number} ends as discontinued: incorrect worklist entry selected."]


def _close(connection: sqlite3.Connection, now_us: int, active: sqlite3.Row, actor: str) -> list[str]:
    """Close the wrong step where it is still open: the next picture would be the wrong patient's again."""
    device = active["device"]
    if connection.execute(
        "SELECT 1 FROM acquisition WHERE device = ? AND step = ? AND rejected_us IS NULL", (device, active["step"])
    ).fetchone():
        return [f"The step that they came under is still open on {device}, for other pictures are in it."]
    connection.execute("DELETE FROM active_step WHERE device = ?", (device,))
    write_journal(connection, now_us, actor, "step closed", f"device {device}", reason="it was the wrong entry")
    return [f"The wrong step was still open on {device}; it is closed now."]
