"""Opening a step on a device, by number or by a scanned code, and accepting one whose patient has changed."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gateway.domain.procedure import Patient, Step
from gateway.domain.requests import Request, RequestKind
from gateway.spool.changed import identity_of, without_marks
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.request_fields import RequestRefused, number_of, text_of
from gateway.spool.snapshots import keys_to_text, step_from_text, step_to_text

Verb = Callable[[sqlite3.Connection, Request, int], str]

STILL_BUSY = "Pictures of the patient who is open came a moment ago. Confirm, if that one is done."
BUSY_S = 120
"""Pictures that came so shortly ago say that the patient who is open may still be examined."""
_SECOND_US = 1_000_000
_OPENING_LIFE_US = 5 * 60 * _SECOND_US
_SCAN_LIFE_US = 60 * _SECOND_US
_AGAIN_US = 30 * _SECOND_US
_BOUNCE_US = 1 * _SECOND_US
_LONGEST_CODE = 128
_MOST_CANDIDATES = 10
_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "": ("accession_number", "patient_id", "step_id"),
        "accession_number": ("accession_number",),
        "patient_id": ("patient_id",),
        "step_id": ("step_id",),
    }
)
_UNREAD = "The code does not have the form that the scanner's pattern expects."
_ISSUE_SUGGESTION = "Open the right step on the page, or look the order up if the worklist does not have it."


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of a scan; `candidates` are keys as text, `waiting` the step that waits to be confirmed."""

    outcome: str
    ok: bool = False
    candidates: str = "[]"
    waiting: int | None = None


def open_step(connection: sqlite3.Connection, request: Request, now: int) -> str:
    """Make a step the active one of a device."""
    device, number = text_of(request, "device"), number_of(request, "step")
    row = connection.execute("SELECT id, snapshot, usable FROM step WHERE id = ?", (number,)).fetchone()
    if row is None or not row["usable"]:
        raise RequestRefused("That worklist entry cannot be opened; look at its faults on the worklist page.")
    if now - to_us(request.filed_at) > _OPENING_LIFE_US:
        raise RequestRefused("That was asked too long ago to be safe now: the patient may have changed. Open it again.")
    step = step_from_text(row["snapshot"])
    if request.payload.get("confirmed") != "yes":
        if step.doubtful:
            raise RequestRefused(f"{step.faults[0]} Accept the entry first, or confirm.")
        if is_busy_with_another(connection, device, step.patient, now):
            raise RequestRefused(STILL_BUSY)
    elif step.doubtful:
        _accept(connection, request, now, number, step)
    _make_active(connection, request, now, device, number)
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


def scan(connection: sqlite3.Connection, request: Request, now: int) -> str:
    """Open the one step that a scanned code fits; whatever comes of it stands at the device until the next scan."""
    device, code = text_of(request, "device"), text_of(request, "code")
    last = connection.execute("SELECT * FROM scan WHERE device = ?", (device,)).fetchone()
    if last is not None and last["code"] == code and 0 <= now - last["at_us"] < _BOUNCE_US:
        return _bounced(connection, device, now, last)
    kind = request.payload.get("kind", "")
    found = _fitting(connection, kind, code) if kind in _COLUMNS else []
    try:
        outcome = _opened(connection, request, now, found, last)
    except RequestRefused as refusal:
        keys = keys_to_text(tuple(step.key for _, step in found[:_MOST_CANDIDATES]))
        result = _Result(str(refusal), candidates=keys, waiting=refusal.waiting_step)
        refusal.record = lambda: _remember(connection, request, now, result)
        raise
    _remember(connection, request, now, _Result(outcome, ok=True))
    return outcome


def _bounced(connection: sqlite3.Connection, device: str, now: int, last: sqlite3.Row) -> str:
    """Say the same again; a scanner that never stops reading one code is not somebody who scans it once more."""

    def record() -> None:
        connection.execute("UPDATE scan SET at_us = ? WHERE device = ?", (now, device))

    if last["ok"]:
        record()
        return str(last["outcome"])
    refusal = RequestRefused(str(last["outcome"]))
    refusal.record = record
    raise refusal


def is_busy_with_another(connection: sqlite3.Connection, device: str, patient: Patient | None, now: int) -> bool:
    """Whether somebody other than `patient` is open on a device and had pictures within the last two minutes."""
    recent = connection.execute(
        "SELECT 1 FROM acquisition WHERE device = ? AND captured_us >= ?", (device, now - BUSY_S * _SECOND_US)
    ).fetchone()
    if not recent:
        return False
    row = connection.execute("SELECT snapshot FROM active_step WHERE device = ?", (device,)).fetchone()
    if row is not None:
        opened = step_from_text(row["snapshot"]).patient
        return patient is None or (opened.patient_id, opened.issuer) != (patient.patient_id, patient.issuer)
    local = connection.execute("SELECT 1 FROM active_local_study WHERE device = ?", (device,)).fetchone()
    return local is not None


def _accept(connection: sqlite3.Connection, request: Request, now: int, number: int, step: Step) -> None:
    connection.execute(
        "UPDATE step SET snapshot = ?, accepted = ? WHERE id = ?",
        (step_to_text(without_marks(step)), identity_of(step), number),
    )
    write_journal(connection, now, request.filed_by, "accept_step", f"step {number}")


def _make_active(connection: sqlite3.Connection, request: Request, now: int, device: str, number: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO active_step SELECT ?, id, snapshot, ?, ?, ? FROM step WHERE id = ?",
        (device, now, request.filed_by, now, number),
    )
    connection.execute("DELETE FROM issue WHERE key = ?", (f"scan.{device}",))
    write_journal(connection, now, request.filed_by, "step opened", f"device {device}", step=number)


def _fitting(connection: sqlite3.Connection, kind: str, code: str) -> list[tuple[int, Step]]:
    wanted = " OR ".join(f"{column} = :code" for column in _COLUMNS[kind])
    rows = connection.execute(
        f"SELECT id, snapshot FROM step WHERE vanished = 0 AND ({wanted}) ORDER BY start_us, id",  # noqa: S608 - names of columns
        {"code": code},
    ).fetchall()
    return [(row["id"], step_from_text(row["snapshot"])) for row in rows]


def _opened(
    connection: sqlite3.Connection,
    request: Request,
    now: int,
    found: Sequence[tuple[int, Step]],
    last: sqlite3.Row | None,
) -> str:
    device = text_of(request, "device")
    number, step = _one(request, now, found)
    current = connection.execute("SELECT step FROM active_step WHERE device = ?", (device,)).fetchone()
    if current is not None and current["step"] == number:
        return "This step is open already."
    if not is_busy_with_another(connection, device, step.patient, now) or _is_repeated(last, request, now, number):
        _make_active(connection, request, now, device, number)
        return "opened"
    refusal = RequestRefused(
        "Pictures of the patient who is open came a moment ago. Scan the code again within "
        f"{_AGAIN_US // _SECOND_US} s to open the other one, or confirm on the page."
    )
    refusal.waiting_step = number
    raise refusal


def _one(request: Request, now: int, found: Sequence[tuple[int, Step]]) -> tuple[int, Step]:
    """The only step that a code fits, if it may be opened; else why nothing opens."""
    if len(request.payload.get("code", "")) > _LONGEST_CODE:
        raise RequestRefused("The code is longer than any accession number or id.")
    if now - to_us(request.filed_at) > _SCAN_LIFE_US:
        raise RequestRefused("The code was scanned too long ago to be safe now. Scan it again.")
    if request.payload.get("kind", "") not in _COLUMNS:
        raise RequestRefused(_UNREAD)
    if not found:
        raise RequestRefused("The code fits no step of the worklist.")
    if len(found) > 1:
        people = {(step.patient.patient_id, step.patient.issuer) for _, step in found}
        of_whom = "of one patient" if len(people) == 1 else "of different patients"
        raise RequestRefused(f"The code fits {len(found)} steps {of_whom}. Open the right one by hand.")
    number, step = found[0]
    if not step.usable or step.doubtful:
        why = step.faults[0] if step.faults else "It is faulty."
        raise RequestRefused(f"The step that the code fits is not opened: {why}")
    return number, step


def _is_repeated(last: sqlite3.Row | None, request: Request, now: int, number: int) -> bool:
    """Whether a person confirms: by scanning the same code once more in time, or on the page."""
    if last is None or last["waiting_step"] != number or last["request"] == request.id:
        return False
    return bool(last["code"] == request.payload["code"].strip() and now <= last["waiting_until_us"])


def _remember(connection: sqlite3.Connection, request: Request, now: int, result: _Result) -> None:
    device, code = text_of(request, "device"), text_of(request, "code")
    until = None if result.waiting is None else now + _AGAIN_US
    connection.execute(
        "INSERT OR REPLACE INTO scan VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device, request.id, now, code[:_LONGEST_CODE], int(result.ok), result.outcome, result.candidates,
            result.waiting, until,
        ),
    )  # fmt: skip
    if result.ok or result.waiting is not None:
        connection.execute("DELETE FROM issue WHERE key = ?", (f"scan.{device}",))
        return
    text = f"The last code scanned for {device} opened nobody. {result.outcome}"
    connection.execute(
        "INSERT INTO issue VALUES (?, 'attention', ?, ?, ?) ON CONFLICT (key) DO UPDATE SET text = excluded.text",
        (f"scan.{device}", now, text, _ISSUE_SUGGESTION),
    )
    write_journal(connection, now, request.filed_by, "scan refused", f"device {device}", reason=result.outcome)


STEP_VERBS: Mapping[RequestKind, Verb] = MappingProxyType(
    {RequestKind.OPEN_STEP: open_step, RequestKind.ACCEPT_STEP: accept_step, RequestKind.SCAN: scan}
)
"""The verbs about steps that are open or in doubt."""
