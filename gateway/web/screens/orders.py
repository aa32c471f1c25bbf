"""The list that people of this place keep: importing it, adding one order, taking one off."""

import base64

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.requests import RequestKind
from gateway.web.forms import chosen_step
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.render import page
from gateway.web.screens.unscheduled import SEXES, Identity, typed_identity

LARGEST_LIST_BYTES = 64 * 1024
_BAD_REQUEST = 400
_LONGEST = {"accession_number": 16, "description": 64, "modality": 16, "date": 10, "time": 5}
_NOBODY = Identity("", "", "", "", "")


def add_orders(pages: Blueprint) -> None:
    """Add the two forms and their filing to the worklist."""
    pages.add_url_rule("/worklist/orders", "orders", show)
    pages.add_url_rule("/worklist/orders/import", "import_orders", import_orders, methods=["POST"])
    pages.add_url_rule("/worklist/orders/add", "add_order", add_order, methods=["POST"])
    pages.add_url_rule("/worklist/orders/remove", "remove_order", remove_order, methods=["POST"])


def show() -> BaseResponse:
    """The forms, empty; the date is today."""
    return _forms(_NOBODY, {"date": f"{house().now():%Y-%m-%d}"})


def import_orders() -> BaseResponse:
    """File a list as it is: the box reads it, keeps what is safe, and says what is wrong with the rest."""
    upload = request.files.get("list")
    data = upload.read(LARGEST_LIST_BYTES + 1) if upload is not None else b""
    if not data or len(data) > LARGEST_LIST_BYTES:
        say(f"Choose a list in CSV that is not empty and not larger than {LARGEST_LIST_BYTES // 1024} KiB.")
        return redirect(url_for("worklist.show"), 303)
    whole = "yes" if request.form.get("whole") == "yes" else "no"
    ask(RequestKind.IMPORT_ORDERS, {"content": base64.b64encode(data).decode("ascii"), "whole": whole})
    return redirect(url_for("worklist.show"), 303)


def add_order() -> BaseResponse:
    """Check what was typed and file it, or show the form again with what is wrong."""
    identity = typed_identity(house().now().date())
    order = {name: request.form.get(name, "").strip() for name in _LONGEST}
    faults = {name: f"At most {most} characters." for name, most in _LONGEST.items() if len(order[name]) > most}
    if identity.faults or faults:
        return _forms(identity, order, faults)
    columns = {
        "patient_id": identity.patient_id,
        "family": identity.family,
        "given": identity.given,
        "birth_date": identity.born,
        "sex": identity.sex,
        **order,
    }
    ask(RequestKind.ADD_ORDER, columns)
    return redirect(url_for("worklist.show"), 303)


def remove_order() -> BaseResponse:
    """Take an order of this list off the worklist."""
    ask(RequestKind.REMOVE_ORDER, {"step": str(chosen_step().number)})
    return redirect(url_for("worklist.show"), 303)


def _forms(identity: Identity, order: dict[str, str], faults: dict[str, str] | None = None) -> BaseResponse:
    status = _BAD_REQUEST if identity.faults or faults else 200
    return page("orders.html", status, identity=identity, order=order, order_faults=faults or {}, sexes=SEXES)
