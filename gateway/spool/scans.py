"""Opening by a scanned code: exactly one step must fit, or nothing opens and the device's place says why."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gateway.domain.procedure import Step
from gateway.domain.requests import Request
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.opening import OpeningRules, make_active
from gateway.spool.recent_patient import another_recently
from gateway.spool.request_fields import RequestRefused, text_of
from gateway.spool.snapshots import keys_to_text, step_from_text

_SECOND_US = 1_000_000
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
_UNKNOWN = "The code fits no step of the worklist{gone}. Look the order up, or open the patient by hand."
_ISSUE_SUGGESTION = "Open the right step on the page, or look the order up if the worklist does not have it."


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of a scan; `candidates` are keys as text, `waiting` the step that waits to be confirmed."""

    outcome: str
    ok: bool = False
    candidates: str = "[]"
    waiting: int | None = None
    unknown: bool = False


class _FitsNoStep(RequestRefused):
    """A code of the right form which the worklist does not have: a provider may know it."""


def scan(connection: sqlite3.Connection, request: Request, now: int, rules: OpeningRules) -> str:
    """Open the one step that a scanned code fits; whatever comes of it stands at the device until the next scan."""
    device, code = text_of(request, "device"), text_of(request, "code")
    last = connection.execute("SELECT * FROM scan WHERE device = ?", (device,)).fetchone()
    if last is not None and last["code"] == code and 0 <= now - last["at_us"] < _BOUNCE_US:
        return _bounced(connection, device, now, last)
    kind = request.payload.get("kind", "")
    found = _fitting(connection, kind, code) if kind in _COLUMNS else []
    try:
        rules.refuse(device)
        outcome = _opened(connection, request, now, found, last)
    except RequestRefused as refusal:
        keys = keys_to_text(tuple(step.key for _, step in found[:_MOST_CANDIDATES]))
        result = _Result(
            str(refusal), candidates=keys, waiting=refusal.waiting_step, unknown=isinstance(refusal, _FitsNoStep)
        )
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


def _fitting(connection: sqlite3.Connection, kind: str, code: str, *, vanished: bool = False) -> list[tuple[int, Step]]:
    wanted = " OR ".join(f"{column} = :code" for column in _COLUMNS[kind])
    rows = connection.execute(
        f"SELECT id, snapshot FROM step WHERE vanished = :gone AND ({wanted}) ORDER BY start_us, id",  # noqa: S608 - names of columns
        {"code": code, "gone": int(vanished)},
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
    number, step = _one(connection, request, now, found)
    current = connection.execute("SELECT step FROM active_step WHERE device = ?", (device,)).fetchone()
    if current is not None and current["step"] == number:
        return "This step is open already."
    if another_recently(connection, device, step.patient, now) is None or _is_repeated(last, request, now, number):
        make_active(connection, request, now, device, number)
        return "opened"
    refusal = RequestRefused(
        "Pictures of the patient before came a moment ago. Scan the code again within "
        f"{_AGAIN_US // _SECOND_US} s to open the other one, or confirm on the page."
    )
    refusal.waiting_step = number
    raise refusal


def _one(
    connection: sqlite3.Connection, request: Request, now: int, found: Sequence[tuple[int, Step]]
) -> tuple[int, Step]:
    """The only step that a code fits, if it may be opened; else why nothing opens."""
    if len(request.payload.get("code", "")) > _LONGEST_CODE:
        raise RequestRefused("The code is longer than any accession number or id.")
    if now - to_us(request.filed_at) > _SCAN_LIFE_US:
        raise RequestRefused("The code was scanned too long ago to be safe now. Scan it again.")
    if request.payload.get("kind", "") not in _COLUMNS:
        raise RequestRefused(_UNREAD)
    if not found:
        raise _no_step(connection, request)
    if len(found) > 1:
        people = {(step.patient.patient_id, step.patient.issuer) for _, step in found}
        of_whom = "of one patient" if len(people) == 1 else "of different patients"
        raise RequestRefused(f"The code fits {len(found)} steps {of_whom}. Open the right one by hand.")
    number, step = found[0]
    if not step.usable or step.doubtful:
        why = step.faults[0] if step.faults else "It is faulty."
        raise RequestRefused(f"The step that the code fits is not opened: {why}")
    return number, step


def _no_step(connection: sqlite3.Connection, request: Request) -> RequestRefused:
    """Why a code opens nobody that fits nothing which the worklist has now."""
    gone = _fitting(connection, request.payload.get("kind", ""), text_of(request, "code"), vanished=True)
    return _FitsNoStep(_UNKNOWN.format(gone=f", but {len(gone)} that it no longer has" if gone else ""))


def _is_repeated(last: sqlite3.Row | None, request: Request, now: int, number: int) -> bool:
    """Whether a person confirms: by scanning the same code once more in time, or on the page."""
    if last is None or last["waiting_step"] != number or last["request"] == request.id:
        return False
    return bool(last["code"] == request.payload["code"].strip() and now <= last["waiting_until_us"])


def _remember(connection: sqlite3.Connection, request: Request, now: int, result: _Result) -> None:
    device, code = text_of(request, "device"), text_of(request, "code")
    until = None if result.waiting is None else now + _AGAIN_US
    connection.execute(
        "INSERT OR REPLACE INTO scan (device, request, at_us, code, ok, outcome, candidates, waiting_step,"
        " waiting_until_us, kind, unknown) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device, request.id, now, code[:_LONGEST_CODE], int(result.ok), result.outcome, result.candidates,
            result.waiting, until, request.payload.get("kind", ""), int(result.unknown),
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
