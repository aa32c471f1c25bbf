"""To whom wrong pictures are to go: a step, a patient without an order, or nobody whom this box can build them for."""

from dataclasses import dataclass

from flask import request

from gateway.domain.local_views import LocalStudyView
from gateway.domain.views import AcquisitionView, StepView
from gateway.web.forms import chosen_step, number_field
from gateway.web.house import house
from gateway.web.screens.unscheduled import FIELDS, Identity, typed_identity
from gateway.web.words.candidates import unfit_words
from gateway.web.words.identities import age_words
from gateway.web.words.text import birth_date, person

_MOST = 12
_SEX_WORDS = {"F": "Female", "M": "Male", "O": "Other sex"}


@dataclass(frozen=True, slots=True)
class Target:
    """The right patient as the question shows her, and as form and request carry her; `step` if she has an order."""

    payload: dict[str, str]
    fields: tuple[tuple[str, str], ...]
    name: str = ""
    facts: tuple[str, ...] = ()
    step: StepView | None = None
    fault: str = ""
    identity: Identity | None = None


def named_target() -> Target | None:
    """Whom the form of this request names; None if nobody. With `identity` set, something in it is wrong."""
    if request.form.get("note_only") == "yes":
        return Target({"note_only": "yes"}, (("note_only", "yes"),))
    if request.form.get("local_study"):
        return _known()
    if request.form.get("unscheduled") == "yes":
        return _typed()
    if not request.form.get("step"):
        return None
    step = chosen_step()
    number = str(step.number)
    born = (birth_date(step.birth_date),) if step.birth_date else ()
    facts = (f"ID {step.patient_id or 'not known'}", *born)
    return Target({"step": number}, (("step", number),), person(step.patient_name), facts, step, unfit_words(step))


def known_patients(view: AcquisitionView) -> list[LocalStudyView]:
    """The patients without an order who may be meant: who is open on a device, and who was sent lately."""
    local_studies = house().local_studies
    opened = (study for study, _ in local_studies.opened().values())
    sent = (one.study for one in local_studies.to_reconcile())
    found = {study.number: study for study in (*opened, *sent)}
    return [study for study in found.values() if not _is_hers(view, study)][:_MOST]


def _is_hers(view: AcquisitionView, study: LocalStudyView) -> bool:
    return view.id in study.acquisitions


def _known() -> Target:
    study = house().local_studies.local_study(number_field("local_study"))
    if study is None or study.settled == "reconciled":
        return Target({}, (), fault="That patient has an order now, or is not known here any more. Choose again.")
    number = str(study.number)
    facts = _facts(study.patient_id, study.birth_date, study.sex, study.age)
    return Target(
        {"unscheduled": "yes", "local_study": number}, (("local_study", number),), person(study.patient_name), facts
    )


def _typed() -> Target:
    unknown = request.form.get("unknown") == "yes"
    typed = typed_identity(house().now().date(), id_needed=False, name_needed=not unknown)
    if unknown:
        wrong = typed.only_fault("age") | typed.only_fault("sex")
        typed = Identity("", "", "", "", typed.sex, typed.age, typed.accession_number, faults=wrong)
    payload = {"unscheduled": "yes", **typed.payload()}
    fields = [("unscheduled", "yes"), *((name, getattr(typed, name)) for name in FIELDS)]
    if unknown:
        fields.append(("unknown", "yes"))
    given = typed.patient_id or f"of this box ({house().local_studies.next_id()})"
    facts = _facts(given, payload["birth_date"], typed.sex, typed.age)
    name = person(payload["patient_name"]) if typed.family else "Unknown patient"
    return Target(payload, tuple(fields), name, facts, identity=typed if typed.faults else None)


def _facts(patient_id: str, born: str, sex: str, age: str) -> tuple[str, ...]:
    words = (
        f"ID {patient_id}",
        birth_date(born) if born else "",
        _SEX_WORDS.get(sex, ""),
        age_words(f"{age}Y" if age.isdigit() else age.upper()) if age else "",
        "without an order",
    )
    return tuple(word for word in words if word)
