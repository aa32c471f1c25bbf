"""Sending held pictures without an order: the form for the patient's identity, checked before it is filed."""

import re
from dataclasses import dataclass, field
from datetime import date

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.acquisition import HintKind
from gateway.domain.local_views import LocalStudyView
from gateway.domain.requests import RequestKind
from gateway.domain.views import AcquisitionView
from gateway.web.house import house
from gateway.web.notices import ask
from gateway.web.picked import joined, nothing_picked, picked
from gateway.web.render import page
from gateway.web.words.candidates import said_otherwise
from gateway.web.words.text import count, person

SEXES = (("", "Not known"), ("F", "Female"), ("M", "Male"), ("O", "Other"))
FIELDS = ("patient_id", "family", "given", "born", "sex", "age", "accession_number")
_LONGEST_ID = 64
_LONGEST_NAME = 31
_LONGEST_ACCESSION = 16
_AGE = re.compile(r"([0-9]{1,3}[DWMYdwmy]?)?")
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Identity:
    """What was typed: `born` as a browser's date field gives it."""

    patient_id: str
    family: str
    given: str
    born: str
    sex: str
    age: str = ""
    accession_number: str = ""
    faults: dict[str, str] = field(default_factory=dict)

    def payload(self) -> dict[str, str]:
        """The identity as a request takes it; what is not known is left out of it."""
        known = {
            "patient_id": self.patient_id,
            "patient_name": f"{self.family}^{self.given}".rstrip("^"),
            "birth_date": self.born.replace("-", ""),
            "sex": self.sex,
        }
        more = {"age": self.age, "accession_number": self.accession_number}
        return known | {name: value for name, value in more.items() if value}

    def only_fault(self, name: str) -> dict[str, str]:
        """What is wrong with one field, if anything is."""
        return {name: self.faults[name]} if name in self.faults else {}


def add_unscheduled(pages: Blueprint) -> None:
    """Add the form and its filing to the holds."""
    pages.add_url_rule("/holds/unscheduled", "unscheduled", show, methods=["POST"])
    pages.add_url_rule("/holds/unscheduled/send", "send", send, methods=["POST"])


def show() -> BaseResponse:
    """The form, filled with what the device said."""
    pictures = picked()
    if not pictures:
        return nothing_picked()
    return _form(pictures, hinted(pictures))


def send() -> BaseResponse:
    """Check what was typed and file it, or show the form again with what is wrong."""
    pictures = picked()
    if not pictures:
        return nothing_picked()
    before = _sent_before(pictures)
    if before is not None and request.form.get("local_study") == str(before.number):
        ask(RequestKind.UNSCHEDULED, {"acquisitions": joined(pictures), "local_study": str(before.number)})
        return redirect(url_for("holds.show"), 303)
    unknown = request.form.get("unknown") == "yes"
    identity = typed_identity(house().now().date(), id_needed=False, name_needed=not unknown)
    if unknown:
        faults = identity.only_fault("age") | identity.only_fault("sex")
        identity = Identity("", "", "", "", identity.sex, identity.age, identity.accession_number, faults=faults)
    if identity.faults:
        return _form(pictures, identity, _BAD_REQUEST)
    others = said_otherwise(pictures, _known(identity))
    if others and request.form.get("confirmed") != "yes":
        return _ask_first(pictures, identity, others)
    ask(RequestKind.UNSCHEDULED, {"acquisitions": joined(pictures), **identity.payload()})
    return redirect(url_for("holds.show"), 303)


def _known(identity: Identity) -> dict[HintKind, str]:
    born = identity.born.replace("-", "")
    return {
        HintKind.PATIENT_ID: identity.patient_id,
        HintKind.ACCESSION_NUMBER: identity.accession_number,
        HintKind.BIRTH_DATE: born,
    }


def _ask_first(pictures: list[AcquisitionView], identity: Identity, others: list[str]) -> BaseResponse:
    typed = [(name, request.form[name]) for name in FIELDS if name in request.form]
    who = f"{person(identity.payload()['patient_name'])} (ID {identity.patient_id or 'of this box'})"
    return page(
        "confirm.html",
        question=f"Send {count(len(pictures), 'picture')} as {who}?",
        why=f"The device says that they belong to {', '.join(others)}. "
        "A picture under the wrong patient is hard to take back from the PACS.",
        action=url_for("holds.send"),
        fields=[*(("acquisition", str(picture.id)) for picture in pictures), *typed, ("confirmed", "yes")],
        yes="Send all the same",
        back=url_for("holds.show"),
    )


def _form(pictures: list[AcquisitionView], identity: Identity, status: int = 200) -> BaseResponse:
    return page(
        "unscheduled.html",
        status,
        pictures=pictures,
        identity=identity,
        sexes=SEXES,
        before=_sent_before(pictures),
        next_id=house().local_studies.next_id(),
    )


def _sent_before(pictures: list[AcquisitionView]) -> LocalStudyView | None:
    """The local study to which earlier pictures of the same exam went."""
    exams = {(picture.device, picture.exam_key) for picture in pictures}
    return house().local_studies.of_exam(*exams.pop()) if len(exams) == 1 else None


def hinted(pictures: list[AcquisitionView]) -> Identity:
    """The identity that the device gave with these pictures, the first word of each kind."""
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


def typed_identity(today: date, *, id_needed: bool = True, name_needed: bool = True) -> Identity:
    """The identity that the form of this request gives, with what is wrong in it."""
    values = {name: request.form.get(name, "").strip() for name in FIELDS}
    nameless = "The family name is needed." if name_needed and not values["family"] else ""
    faults = {
        "patient_id": _id_fault(values["patient_id"]) if id_needed or values["patient_id"] else "",
        "family": _name_fault(values["family"]) or nameless,
        "given": _name_fault(values["given"]),
        "born": _date_fault(values["born"], today),
        "sex": "" if values["sex"] in dict(SEXES) else "Choose one of the list.",
        "age": "" if _AGE.fullmatch(values["age"]) else "Write the age in years, for example 40, or 6M for months.",
        "accession_number": _number_fault(values["accession_number"]),
    }
    return Identity(**values, faults={name: fault for name, fault in faults.items() if fault})


def _id_fault(text: str) -> str:
    if not text:
        return "The patient ID is needed."
    if len(text) > _LONGEST_ID:
        return f"A patient ID has at most {_LONGEST_ID} characters."
    return "" if text.isprintable() and "\\" not in text else "A patient ID has no backslash and no control character."


def _number_fault(text: str) -> str:
    if len(text) > _LONGEST_ACCESSION:
        return f"At most {_LONGEST_ACCESSION} characters."
    return "" if text.isprintable() and "\\" not in text else "It has no backslash and no control character."


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
