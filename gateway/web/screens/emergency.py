"""Opening a patient without an order on a device: an emergency in one tap, or with what is known."""

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.opening import why_not_opened
from gateway.domain.requests import RequestKind
from gateway.domain.views import DeviceView, RecentPatientView
from gateway.web.forms import known_name
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.render import page
from gateway.web.screens.switching import still_there
from gateway.web.screens.unscheduled import FIELDS, SEXES, Identity, typed_identity

UNKNOWN = (("", "Unknown patient"), ("F", "Unknown woman"), ("M", "Unknown man"))
_BAD_REQUEST = 400
_NOBODY = Identity("", "", "", "", "")


def emergency_pages() -> Blueprint:
    """The form and its filing."""
    pages = Blueprint("emergency", __name__)
    pages.add_url_rule("/emergency", "show", show)
    pages.add_url_rule("/emergency/open", "open", open_patient, methods=["POST"])
    return pages


def show() -> BaseResponse:
    """The form for the device that the address names."""
    devices = {row.name: row for row in house().reader.devices()}
    device = devices.get(request.args.get("device", "")) or abort(404)
    return _not_here(device) or _form(device.name, _NOBODY)


def open_patient() -> BaseResponse:
    """Check and file it; asks first when pictures of somebody else came a moment ago."""
    devices = {row.name: row for row in house().reader.devices()}
    device = devices[known_name("device", list(devices))]
    if refused := _not_here(device):
        return refused
    unknown = request.form.get("unknown")
    identity = typed_identity(house().now().date(), id_needed=False, name_needed=unknown is None)
    if unknown is not None:
        known_sex = unknown if unknown in dict(UNKNOWN) else ""
        identity = Identity("", "", "", "", known_sex, identity.age, faults=identity.only_fault("age"))
    if identity.faults:
        return _form(device.name, identity, _BAD_REQUEST)
    recent = house().reader.recent_patient(device.name, patient_id=identity.patient_id)
    if recent and request.form.get("confirmed") != "yes":
        return _ask_first(device, recent)
    answer = {"confirmed": "yes"} if request.form.get("confirmed") == "yes" else {}
    ask(RequestKind.OPEN_UNSCHEDULED, {"device": device.name, **identity.payload(), **answer})
    return redirect(url_for("now.show"), 303)


def _not_here(device: DeviceView) -> BaseResponse | None:
    """Back, with the reason, where an opened patient would get no picture."""
    why = why_not_opened(device.name, device.rules)
    if not why:
        return None
    say(why)
    return redirect(url_for("now.show"), 303)


def _form(device: str, identity: Identity, status: int = 200) -> Response:
    return page(
        "emergency.html",
        status,
        device=device,
        identity=identity,
        sexes=SEXES,
        unknown=UNKNOWN,
        next_id=house().local_studies.next_id(),
    )


def _ask_first(device: DeviceView, recent: RecentPatientView) -> Response:
    again = [(name, request.form[name]) for name in (*FIELDS, "unknown") if name in request.form]
    return page(
        "confirm.html",
        question=f"Open a patient without an order on {device.name}?",
        why=still_there(recent, device),
        action=url_for("emergency.open"),
        fields=[("device", device.name), *again, ("confirmed", "yes")],
        yes="Open this patient",
        back=url_for("now.show"),
    )
