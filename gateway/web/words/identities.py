"""Two identities side by side: the one that was entered without an order, and the one of the order."""

from dataclasses import dataclass

from gateway.domain.local_views import LocalStudyView
from gateway.domain.views import StepView
from gateway.web.words.text import birth_date, person

_SEXES = {"F": "Female", "M": "Male", "O": "Other"}
_AGES = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute of both; `differs` when both are known and not the same."""

    name: str
    entered: str
    ordered: str
    differs: bool


def compared(study: LocalStudyView, step: StepView) -> list[Line]:
    """The lines that tell patients apart; an id of this box differs from every other by its nature."""
    given = f"{study.patient_id} (given by this box)" if study.given else study.patient_id
    pairs = (
        ("Name", person(study.patient_name), person(step.patient_name), not study.given),
        ("Patient ID", given, step.patient_id, not study.given),
        ("Date of birth", birth_date(study.birth_date), birth_date(step.birth_date), True),
        ("Sex", _SEXES.get(study.sex, ""), _SEXES.get(step.sex, step.sex), True),
        ("Accession number", study.accession_number, step.accession_number, True),
        ("Exam", study.description, step.description, False),
    )
    lines = [
        Line(name, entered, ordered, compares and bool(entered) and bool(ordered) and entered != ordered)
        for name, entered, ordered, compares in pairs
        if entered or ordered
    ]
    return [*lines, Line("Estimated age", age_words(study.age), "", differs=False)] if study.age else lines


def age_words(age: str) -> str:
    """An AS value in words."""
    unit = _AGES.get(age[-1:], "")
    return f"about {int(age[:-1])} {unit}" if unit and age[:-1].isdigit() else age
