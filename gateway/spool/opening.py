"""Opening a step on a device by its number, and accepting one whose patient has changed."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.domain.opening import why_not_opened
from gateway.domain.procedure import Step
from gateway.domain.requests import Request
from gateway.spool.changed import identity_of, without_marks
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.recent_patient import another_recently
from gateway.spool.request_fields import RequestRefused, number_of, text_of
from gateway.spool.snapshots import step_from_text, step_to_text

Verb = Callable[[sqlite3.Connection, Request, int], str]

STILL_BUSY = "Pictures of the patient before came a moment ago. Confirm, if that examination is over."
TOO_LATE = "That was asked too long ago to be safe now: the patient may have changed. Open it again."
OPENING_LIFE_US = 5 * 60_000_000


@dataclass(frozen=True, slots=True)
class OpeningRules:
    """By which rules the pictures of each device find their patient; None where that is not known."""

    devices: Mapping[str, tuple[str, ...]] | None = None

    def refuse(self, device: str) -> None:
        """Refuse a device on which an opened patient would get no picture: whoever opens one relies on it."""
        if self.devices is None:
            return
        if device not in self.devices:
            raise RequestRefused(f"There is no device {device}, so nobody was opened.")
        if why := why_not_opened(device, self.devices[device]):
            raise RequestRefused(why)


def open_step(connection: sqlite3.Connection, request: Request, now: int, rules: OpeningRules) -> str:
    """Make a step the active one of a device."""
    device, number = text_of(request, "device"), number_of(request, "step")
    rules.refuse(device)
    row = connection.execute("SELECT id, snapshot, usable FROM step WHERE id = ?", (number,)).fetchone()
    if row is None or not row["usable"]:
        raise RequestRefused("That worklist entry cannot be opened; look at its faults on the worklist page.")
    if now - to_us(request.filed_at) > OPENING_LIFE_US:
        raise RequestRefused(TOO_LATE)
    step = step_from_text(row["snapshot"])
    if request.payload.get("confirmed") != "yes":
        if step.doubtful:
            raise RequestRefused(f"{step.faults[0]} Accept the entry first, or confirm.")
        if another_recently(connection, device, step.patient, now):
            raise RequestRefused(STILL_BUSY)
    elif step.doubtful:
        _accept(connection, request, now, number, step)
    make_active(connection, request, now, device, number)
    return "opened"


def accept_step(connection: sqlite3.Connection, request: Request, now: int) -> str:
    """Settle the doubts about a step: a person has compared its patient and found it right."""
    number = number_of(request, "step")
    row = connection.execute("SELECT snapshot FROM step WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise RequestRefused("That step is no longer in the worklist cache.")
    step = step_from_text(row["snapshot"])
    if not step.usable or not step.doubtful:
        raise RequestRefused("There is nothing to accept: that entry is not in doubt.")
    _accept(connection, request, now, number, step)
    # what was held because of the doubt may fit now
    connection.execute("UPDATE acquisition SET rematch = 1 WHERE state = 'held' AND candidates = '[]'")
    return "accepted"


def make_active(connection: sqlite3.Connection, request: Request, now: int, device: str, number: int) -> None:
    """Open a step on a device, in the place of whoever was open there."""
    connection.execute(
        "INSERT OR REPLACE INTO active_step SELECT ?, id, snapshot, ?, ?, ? FROM step WHERE id = ?",
        (device, now, request.filed_by, now, number),
    )
    connection.execute("DELETE FROM issue WHERE key = ?", (f"scan.{device}",))
    write_journal(connection, now, request.filed_by, "step opened", f"device {device}", step=number)


def _accept(connection: sqlite3.Connection, request: Request, now: int, number: int, step: Step) -> None:
    connection.execute(
        "UPDATE step SET snapshot = ?, accepted = ? WHERE id = ?",
        (step_to_text(without_marks(step)), identity_of(step), number),
    )
    write_journal(connection, now, request.filed_by, "accept_step", f"step {number}")
