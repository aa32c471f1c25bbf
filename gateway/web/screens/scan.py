"""A scanned code at the page: a keyboard wedge types it and ends with Enter; the box opens the one step it fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.requests import RequestKind
from gateway.domain.sent import ScanView
from gateway.domain.views import StepView
from gateway.web.forms import known_name
from gateway.web.house import house
from gateway.web.notices import ask, say

LONGEST_CODE = 128
_TOLD_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Scanned:
    """The last scan of a device that still matters: what came of it, whom it may mean, and who waits for a yes."""

    scan: ScanView
    candidates: Sequence[StepView]
    waiting: StepView | None


def scan_pages() -> Blueprint:
    """Taking a code."""
    pages = Blueprint("scan", __name__)
    pages.add_url_rule("/scan", "take", take, methods=["POST"])
    return pages


def take() -> BaseResponse:
    """File a code as it was typed; what it stands for is said by the scanners of the device."""
    device = known_name("device", [row.name for row in house().reader.devices()])
    code = request.form.get("code", "").strip()
    if not code or len(code) > LONGEST_CODE or not code.isprintable():
        say("No code was read. Put the cursor into the field and scan again.")
        return redirect(url_for("now.show"), 303)
    kind, value = house().read_code(device, code)
    ask(RequestKind.SCAN, {"device": device, "code": value, "kind": kind})
    return redirect(url_for("now.show"), 303)


def recent_scans() -> list[Scanned]:
    """The scans of the last minutes that opened nobody, for a person to go on with."""
    reader, now = house().reader, house().now()
    found = []
    for scan in house().sent.scans():
        if scan.ok or now - scan.at > _TOLD_FOR:
            continue
        waits = scan.waiting_step is not None and scan.waiting_until is not None and now <= scan.waiting_until
        waiting = reader.step(scan.waiting_step) if waits and scan.waiting_step is not None else None
        found.append(Scanned(scan, [] if waiting else reader.step_of(scan.candidates), waiting))
    return found
