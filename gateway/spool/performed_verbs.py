"""What a person may do with performed steps: end them as completed or discontinued, and have a report tried again."""

import sqlite3
from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.domain.performed_step import DISCONTINUATION_REASONS, PerformedClosing, PerformedOutcome
from gateway.domain.requests import Request, RequestKind
from gateway.spool.local_studies import active_key, leave_active
from gateway.spool.performed_ends import COMPLETED, close_performed_step, steps_to_close
from gateway.spool.performed_reports import retry_report
from gateway.spool.request_fields import RequestRefused, number_of, text_of

Verb = Callable[[sqlite3.Connection, Request, int], str]


def _close_step(connection: sqlite3.Connection, request: Request, now: int) -> str:
    """Close the step that is open on a device, and end its performed step; without an open one, end what goes on."""
    device, closing = text_of(request, "device"), _closing(request)
    if request.payload.get("performed", "").strip():
        return _close_one(connection, request, now, closing)
    numbers = steps_to_close(connection, device)
    if active_key(connection, device) is None and not numbers:
        raise RequestRefused("No step is open on that device.")
    if closing.reason:
        _one_only(connection, device, numbers)
    leave_active(connection, now, device, actor=request.filed_by)
    for number in numbers:
        close_performed_step(connection, now, number, closing, actor=request.filed_by)
    if closing.reason and not numbers:
        return "closed; nothing was captured under it, so there is nothing to report"
    return "closed"


def _close_one(connection: sqlite3.Connection, request: Request, now: int, closing: PerformedClosing) -> str:
    number, device = number_of(request, "performed"), text_of(request, "device")
    row = connection.execute(
        "SELECT 1 FROM performed_step WHERE id = ? AND device = ? AND state = 'open'", (number, device)
    ).fetchone()
    if row is None:
        raise RequestRefused(f"Performed step {number} is not in progress on that device.")
    if number in steps_to_close(connection, device):
        leave_active(connection, now, device, actor=request.filed_by)
    close_performed_step(connection, now, number, closing, actor=request.filed_by)
    return f"performed step {number} closed"


def _closing(request: Request) -> PerformedClosing:
    reason = request.payload.get("discontinue", "").strip()
    if not reason:
        return COMPLETED
    if reason not in DISCONTINUATION_REASONS:
        known = "; ".join(f"{code} {meaning}" for code, meaning in DISCONTINUATION_REASONS.items())
        raise RequestRefused(f"{reason} is no reason for discontinuing. Known are: {known}.")
    return PerformedClosing(PerformedOutcome.DISCONTINUED, reason)


def _one_only(connection: sqlite3.Connection, device: str, numbers: list[int]) -> None:
    """A reason is about one patient: never let it reach a second one, nor one whose pictures are still on their way."""
    if len(numbers) > 1:
        named = ", ".join(str(number) for number in numbers)
        raise RequestRefused(f"Several performed steps are in progress on that device ({named}); name one of them.")
    on_the_way = connection.execute(
        "SELECT 1 FROM acquisition WHERE device = ? AND state IN ('captured', 'matched') LIMIT 1", (device,)
    ).fetchone()
    if not numbers and on_the_way:
        raise RequestRefused("Its pictures are still being assembled; ask again in a moment.")


def _retry_report(connection: sqlite3.Connection, request: Request, now: int) -> str:
    number = number_of(request, "report")
    if not retry_report(connection, number, now):
        raise RequestRefused("There is no such report, or it was taken already.")
    return "due now"


PERFORMED_VERBS: Mapping[RequestKind, Verb] = MappingProxyType(
    {RequestKind.CLOSE_STEP: _close_step, RequestKind.RETRY_REPORT: _retry_report}
)
