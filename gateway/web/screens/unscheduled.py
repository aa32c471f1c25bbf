"""Sending held pictures without an order: the form for the patient's identity, checked before it is filed."""

from dataclasses import dataclass, field
from datetime import date

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.acquisition import HintKind
from gateway.domain.requests import RequestKind
from gateway.domain.views import AcquisitionView
from gateway.web.house import house
from gateway.web.notices import ask
from gateway.web.picked import joined, nothing_picked, picked
from gateway.web.render import page

SEXES = (("", "Not known"), ("F", "Female"), ("M", "Male"), ("O", "Other"))
_LONGEST_ID = 64
_LONGEST_NAME = 31
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Identity:
    """What was typed: `born` as a browser's date field gives it."""

    patient_id: str
    family: str
    given: str
    born: str
    sex: str
    faults: dict[str, str] = field(default_factory=dict)


def add_unscheduled(pages: Blueprint) -> None:
    """Add the form and its filing to the holds."""
    pages.add_url_rule("/holds/unscheduled", "unscheduled", show, methods=["POST"])
    pages.add_url_rule("/holds/unscheduled/send", "send", send, methods=["POST"])


def show() -> BaseResponse:
    """The form, filled with what the device said."""
    pictures = picked()
    if not pictures:
        return nothing_picked()
    return page("unscheduled.html", pictures=pictures, identity=_hinted(pictures), sexes=SEXES)


def send() -> BaseResponse:
    """Check what was typed and file it, or show the form again with what is wrong."""
    pictures = picked()
    if not pictures:
        return nothing_picked()
    identity = typed_identity(house().now().date())
    if identity.faults:
        return page("unscheduled.html", _BAD_REQUEST, pictures=pictures, identity=identity, sexes=SEXES)
    payload = {
        "acquisitions": joined(pictures),
        "patient_id": identity.patient_id,
        "patient_name": f"{identity.family}^{identity.given}".rstrip("^"),
        "birth_date": identity.born.replace("-", ""),
        "sex": identity.sex,
    }
    ask(RequestKind.UNSCHEDULED, payload)
    return redirect(url_for("holds.show"), 303)


def _hinted(pictures: list[AcquisitionView]) -> Identity:
    first: dict[str, str] = {}
    for picture in pictures:
        for kind, value, _ in picture.hints:
            first.setdefault(kind, value.strip())
    family, given, *_ = [*first.get(HintKind.PATIENT_NAME.value, "").split("=")[0].split("^"), "", ""]
    born = first.get(HintKind.BIRTH_DATE.value, "")
    if len(born) == len("YYYYMMDD") and born.isascii() and born.isdigit():
        born = f"{born[:4]}-{born[4:6]}-{born[6:]}"
    sex = first.get(HintKind.SEX.value, "").upper()
    known = sex if sex in dict(SEXES) else ""
    return Identity(first.get(HintKind.PATIENT_ID.value, ""), family.strip(), given.strip(), born, known)


def typed_identity(today: date) -> Identity:
    """The identity that the form of this request gives, with what is wrong in it."""
    values = {name: request.form.get(name, "").strip() for name in ("patient_id", "family", "given", "born", "sex")}
    faults = {
        "patient_id": _id_fault(values["patient_id"]),
        "family": _name_fault(values["family"]) or ("" if values["family"] else "The family name is needed."),
        "given": _name_fault(values["given"]),
        "born": _date_fault(values["born"], today),
        "sex": "" if values["sex"] in dict(SEXES) else "Choose one of the list.",
    }
    return Identity(**values, faults={name: fault for name, fault in faults.items() if fault})


def _id_fault(text: str) -> str:
    if not text:
        return "The patient ID is needed."
    if len(text) > _LONGEST_ID:
        return f"A patient ID has at most {_LONGEST_ID} characters."
    return "" if text.isprintable() and "\\" not in text else "A patient ID has no backslash and no control character."


def _name_fault(text: str) -> str:
    # The separators of PN would turn one part of a name into another (PS3.5 section 6.2.1).
    if any(character in text for character in "^=\\") or not text.isprintable():
        return "A name has none of the signs ^ = and \\."
    return "" if len(text) <= _LONGEST_NAME else f"This part of the name has at most {_LONGEST_NAME} characters here."


def _date_fault(text: str, today: date) -> str:
    if not text:
        return ""
    try:
        born = date.fromisoformat(text)
    except ValueError:
        return "Write the date as year-month-day, for example 1971-04-02."
    if born.isoformat() != text:
        return "Write the date as year-month-day, for example 1971-04-02."
    return "" if born <= today else "The date of birth lies in the future."
