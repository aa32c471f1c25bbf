"""Worklist: who is expected? And the button that opens a step on a device."""

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.opening import why_not_opened
from gateway.domain.requests import RequestKind
from gateway.domain.views import DeviceView, RecentPatientView, StepView
from gateway.web.forms import chosen_step, known_name
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.render import page, screen
from gateway.web.screens.looking_up import ASKED_BY, add_looking_up, last_look_up
from gateway.web.screens.orders import add_orders
from gateway.web.screens.sent import add_sent
from gateway.web.screens.switching import still_there
from gateway.web.words.text import person
from gateway.web.words.verdicts import worklist_verdict

_ROWS = 100
_LONGEST_SEARCH = 64


def worklist_pages() -> Blueprint:
    """The cached worklist, its search, its refresh, and opening a step."""
    pages = Blueprint("worklist", __name__)
    pages.add_url_rule("/worklist", "show", show, methods=["GET", "POST"])
    pages.add_url_rule("/worklist/open", "open", open_step, methods=["POST"])
    pages.add_url_rule("/worklist/refresh", "refresh", refresh, methods=["POST"])
    add_orders(pages)
    add_looking_up(pages)
    add_sent(pages)
    return pages


def show() -> Response:
    """The steps; a search comes by POST, because a patient's name must not stand in an address.

    With ``device`` in the address only that device is offered to open a step on.
    """
    reader = house().reader
    devices = [device for device in reader.devices() if device.takes_patients]
    wanted = request.args.get("device", "")
    chosen = [device for device in devices if device.name == wanted]
    search = request.form.get("search", "").strip()[:_LONGEST_SEARCH]
    providers = reader.providers()
    rows = reader.steps(search=search, limit=_ROWS + 1)
    expected = sum(provider.items for provider in providers)
    return screen(
        "worklist",
        worklist_verdict(providers, expected, house().now()),
        live=url_for("worklist.show", device=wanted if chosen else None),
        live_form="#search",
        rows=rows[:_ROWS],
        cut=len(rows) > _ROWS,
        search=search,
        providers=providers,
        devices=chosen or devices,
        wanted=wanted if chosen else "",
        looked_up=last_look_up(),
        asked_by=ASKED_BY,
    )


def open_step() -> BaseResponse:
    """Open a step on a device; asks first when pictures for somebody else arrived a moment ago."""
    devices = {row.name: row for row in house().reader.devices()}
    device = devices[known_name("device", list(devices))]
    if why := why_not_opened(device.name, device.rules):
        say(why)
        return redirect(url_for("worklist.show"), 303)
    step = chosen_step()
    if not step.usable:
        say("This step cannot be used: the worklist's answer about it is faulty.")
        return redirect(url_for("worklist.show"), 303)
    other = house().reader.recent_patient(device.name, step=step.number)
    unasked = (other and request.form.get("confirmed") != "yes") or (step.doubtful and not request.form.get("compared"))
    if unasked:
        return _ask_first(device, step, other)
    payload = {"device": device.name, "step": str(step.number)}
    if other or step.doubtful:
        payload["confirmed"] = "yes"
    ask(RequestKind.OPEN_STEP, payload)
    return redirect(url_for("now.show"), 303)


def refresh() -> BaseResponse:
    """Ask a worklist provider now."""
    provider = known_name("provider", [row.name for row in house().reader.providers()])
    ask(RequestKind.REFRESH, {"provider": provider})
    return redirect(url_for("worklist.show"), 303)


def _ask_first(device: DeviceView, step: StepView, other: RecentPatientView | None) -> Response:
    """Ask what the ledger would refuse: another patient's pictures came just now, or the worklist changed its mind."""
    why, fields = [], [("device", device.name), ("step", str(step.number)), ("confirmed", "yes")]
    if other:
        why.append(still_there(other, device))
    if step.doubtful:
        why.append(f"{' '.join(step.faults)} Compare name, birth date and ID with the patient's papers first.")
        fields.append(("compared", "yes"))
    return page(
        "confirm.html",
        question=f"Open {person(step.patient_name)} on {device.name}?",
        why=" ".join(why),
        action=url_for("worklist.open"),
        fields=fields,
        yes="Open this patient",
        back=url_for("now.show"),
    )
