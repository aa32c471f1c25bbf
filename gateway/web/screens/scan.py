"""A scanned code at the page: a keyboard wedge types it and ends with Enter; the box opens the one step it fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.requests import RequestKind
from gateway.domain.sent import ScanView
from gateway.domain.views import StepView
from gateway.web.forms import known_name
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.screens.looking_up import LONGEST_TEXT

LONGEST_CODE = 128
_TOLD_FOR = timedelta(minutes=5)
_LOOKED_UP_BY: Mapping[str, str] = MappingProxyType(
    {"accession_number": "as accession number", "patient_id": "as patient ID"}
)


@dataclass(frozen=True, slots=True)
class Scanned:
    """The last scan of a device that still matters: what came of it, whom it may mean, and who waits for a yes.

    `asked_by` are the ways in which a provider can be asked for the code, where no step has it.
    """

    scan: ScanView
    candidates: Sequence[StepView]
    waiting: StepView | None
    asked_by: Sequence[tuple[str, str]] = ()
    nobody_to_ask: bool = False


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
        candidates = [] if waiting else reader.step_of(scan.candidates)
        can_be_asked = any(row.kind == "query" for row in reader.providers())
        asked_by = _asked_by(scan) if scan.unknown and can_be_asked else []
        found.append(Scanned(scan, candidates, waiting, asked_by, scan.unknown and not can_be_asked))
    return found


def _asked_by(scan: ScanView) -> list[tuple[str, str]]:
    """By what a code may be looked up: what it stands for, or whatever it may be; providers are not asked for steps."""
    if len(scan.code) > LONGEST_TEXT:
        return []
    return [(kind, word) for kind, word in _LOOKED_UP_BY.items() if scan.kind in ("", kind)]
