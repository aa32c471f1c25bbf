"""Opening a patient without an order on a device: an emergency in one tap, or with what is known."""

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.requests import RequestKind
from gateway.domain.views import DeviceView
from gateway.web.forms import known_name
from gateway.web.house import house
from gateway.web.notices import ask
from gateway.web.render import page
from gateway.web.screens.switching import is_busy
from gateway.web.screens.unscheduled import SEXES, Identity, typed_identity
from gateway.web.words.text import count, when

UNKNOWN = (("", "Unknown patient"), ("F", "Unknown woman"), ("M", "Unknown man"))
_BAD_REQUEST = 400
_NOBODY = Identity("", "", "", "", "")
_FIELDS = ("patient_id", "family", "given", "born", "sex", "age", "accession_number")


def emergency_pages() -> Blueprint:
    """The form and its filing."""
    pages = Blueprint("emergency", __name__)
    pages.add_url_rule("/emergency", "show", show)
    pages.add_url_rule("/emergency/open", "open", open_patient, methods=["POST"])
    return pages


def show() -> Response:
    """The form for the device that the address names."""
    names = [row.name for row in house().reader.devices()]
    device = request.args.get("device", "")
    return _form(device if device in names else abort(404), _NOBODY)


def open_patient() -> BaseResponse:
    """Check and file it; asks first when pictures of somebody else came a moment ago."""
    devices = {row.name: row for row in house().reader.devices()}
    device = devices[known_name("device", list(devices))]
    unknown = request.form.get("unknown")
    identity = typed_identity(house().now().date(), id_needed=False, name_needed=unknown is None)
    if unknown is not None:
        known_sex = unknown if unknown in dict(UNKNOWN) else ""
        identity = Identity("", "", "", "", known_sex, identity.age, faults=identity.only_fault("age"))
    if identity.faults:
        return _form(device.name, identity, _BAD_REQUEST)
    if is_busy(device) and request.form.get("confirmed") != "yes":
        return _ask_first(device)
    answer = {"confirmed": "yes"} if request.form.get("confirmed") == "yes" else {}
    ask(RequestKind.OPEN_UNSCHEDULED, {"device": device.name, **identity.payload(), **answer})
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


def _ask_first(device: DeviceView) -> Response:
    again = [(name, request.form[name]) for name in (*_FIELDS, "unknown") if name in request.form]
    return page(
        "confirm.html",
        question=f"Open a patient without an order on {device.name}?",
        why=f"A picture arrived {when(device.last_captured_at, house().now())} "
        f"({count(device.captured_today, 'picture')} on this device today). Pictures that come after you open another "
        "patient belong to the new one. Make sure that the examination is finished.",
        action=url_for("emergency.open"),
        fields=[("device", device.name), *again, ("confirmed", "yes")],
        yes="Open this patient",
        back=url_for("now.show"),
    )
