"""Which order may be that of something which was sent without one: suggestions with their reasons, never decisions.

The order often turns up later, under the patient's true identity. What is known of the local study is compared with
each cached step: one that anything contradicts is never suggested, and a person confirms or refuses the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.procedure import Patient, Step, StepKey
from gateway.worklist.agreement import NAMES, Verdict, agreements, contradictions, judge
from gateway.worklist.values import parse_date

TYPED = "typed by a person"
"""Origin of what a person said of a local study."""
_MOST_SUGGESTIONS = 10
_AGE_MARGIN_YEARS = 3.0
_AGE_MARGIN_SHARE = 0.3
"""An age estimated by looking at somebody may be wrong by three years and a third of it, and not by more."""
_DAYS_OF_AGE: Mapping[str, float] = MappingProxyType({"D": 1.0, "W": 7.0, "M": 30.44, "Y": 365.25})
_YEAR_DAYS = 365.25
_ORDER = (HintKind.ACCESSION_NUMBER, HintKind.STUDY_INSTANCE_UID, HintKind.REQUESTED_PROCEDURE_ID)
TELLING = frozenset({*_ORDER, HintKind.PATIENT_ID, HintKind.BIRTH_DATE})
"""What tells an order or a patient from others; a step with none of it is not looked at more closely."""


class Ground(Enum):
    """Why a step is suggested, strongest first."""

    ORDER = "order"
    PATIENT_ID = "patient_id"
    PERSON = "person"
    CIRCUMSTANCE = "circumstance"


@dataclass(frozen=True, slots=True)
class LocalCase:
    """What is known of a local study: the identity as entered, what came with its pictures, where and when.

    `given` says that this box made the patient id up, so that it tells nothing; `patient.name` is empty for a patient
    whom nobody could name. `hints` are those of its acquisitions. `begun_at` and `ended_at` are aware.
    """

    patient: Patient
    given: bool
    begun_at: datetime
    ended_at: datetime
    age: str = ""
    accession_number: str = ""
    hints: tuple[Hint, ...] = ()
    modality: str = ""
    station_ae_titles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A step that may be the order; `reason` is for the person who decides, without name and birth date."""

    step: StepKey
    ground: Ground
    reason: str


def suggest(case: LocalCase, steps: Sequence[Step], *, order_within: timedelta) -> tuple[Suggestion, ...]:
    """The steps that may be the order of a local study, best first, at most ten.

    Parameters
    ----------
    case
        The local study.
    steps
        The cached worklist; steps that cannot be used are never suggested.
    order_within
        For a patient of whom nothing is known: how far the start of a step may lie from the study.

    Returns
    -------
    tuple of Suggestion
        None of them is contradicted by anything that is known (`objections` is empty for each).
    """
    found = []
    known = known_of(case)
    for step in steps:
        if not step.usable or step.doubtful or not _is_near(case, known, step, order_within) or objections(case, step):
            continue
        ground = _ground(case, known, step, order_within)
        if ground is not None:
            found.append((step, ground))
    shared = {ground: sum(1 for _, other in found if other is ground) for _, ground in found}
    found.sort(key=lambda pair: _rank(case, *pair))
    return tuple(
        Suggestion(step.key, ground, _words(case, step, ground, shared[ground]))
        for step, ground in found[:_MOST_SUGGESTIONS]
    )


def objections(case: LocalCase, step: Step) -> tuple[str, ...]:
    """What speaks against a step, in words without names and birth dates; empty if nothing does."""
    against = tuple(f"{one.text[0].upper()}{one.text[1:]}" for one in contradictions(known_of(case), step))
    if _age_is_off(case, step):
        against = (*against, "The estimated age is far from that of the step's patient")
    return tuple(f"{text}." for text in against)


def known_of(case: LocalCase) -> tuple[Hint, ...]:
    """Everything that is known, in the one form that the rules of agreement take."""
    typed = {
        HintKind.PATIENT_ID: "" if case.given else case.patient.patient_id,
        HintKind.ISSUER_OF_PATIENT_ID: "" if case.given else case.patient.issuer,
        HintKind.PATIENT_NAME: case.patient.name.strip("^ "),
        HintKind.BIRTH_DATE: case.patient.birth_date,
        HintKind.SEX: case.patient.sex,
        HintKind.ACCESSION_NUMBER: case.accession_number,
    }
    said = tuple(Hint(kind, value, TYPED) for kind, value in typed.items() if value.strip())
    return (*said, *(hint for hint in case.hints if hint.kind in NAMES and hint.value.strip()))


def _is_near(case: LocalCase, known: Sequence[Hint], step: Step, order_within: timedelta) -> bool:
    """Whether any ground may hold; names, which cost most to compare, are left for those that pass."""
    if any(judge(hint, step) is Verdict.AGREES for hint in known if hint.kind in TELLING):
        return True
    return nobody_knows(known) and _may_be_then_and_there(case, step, order_within)


def _ground(case: LocalCase, known: Sequence[Hint], step: Step, order_within: timedelta) -> Ground | None:
    """The strongest reason for a step that nothing contradicts."""
    agreed = set(agreements(known, step))
    if agreed & set(_ORDER):
        return Ground.ORDER
    if HintKind.PATIENT_ID in agreed:
        return Ground.PATIENT_ID
    if {HintKind.PATIENT_NAME, HintKind.BIRTH_DATE} <= agreed:
        return Ground.PERSON
    meant = nobody_knows(known) and _may_be_then_and_there(case, step, order_within)
    return Ground.CIRCUMSTANCE if meant else None


def nobody_knows(known: Sequence[Hint]) -> bool:
    """Whether nothing is known but the sex."""
    return all(hint.kind is HintKind.SEX for hint in known)


def _may_be_then_and_there(case: LocalCase, step: Step, order_within: timedelta) -> bool:
    if step.start is None or not case.modality or step.modality != case.modality:
        return False
    titles = frozenset(step.station_ae_title.split("\\")) - {""}
    if case.station_ae_titles and titles and not titles & case.station_ae_titles:
        return False
    return _distance(case, step) <= order_within


def _distance(case: LocalCase, step: Step) -> timedelta:
    """How far the start of a step lies from the time of the study; zero inside of it."""
    if step.start is None:
        return timedelta.max
    return max(case.begun_at - step.start, step.start - case.ended_at, timedelta(0))


def _rank(case: LocalCase, step: Step, ground: Ground) -> tuple[int, int, timedelta, str, str]:
    place = list(Ground).index(ground)
    return (
        place,
        -len(agreements(known_of(case), step)),
        _distance(case, step),
        step.key.study_instance_uid,
        step.key.step_id,
    )


def _words(case: LocalCase, step: Step, ground: Ground, shared: int) -> str:
    known = known_of(case)
    agreed = sorted(agreements(known, step), key=list(NAMES).index)
    origins = {kind: next(hint.origin for hint in known if hint.kind is kind) for kind in agreed}
    same = ", ".join(f"{NAMES[kind]} ({origins[kind]})" for kind in agreed)
    if ground is Ground.CIRCUMSTANCE:
        text = "Nobody knows who it was; the kind of examination and the time fit"
        text += f", and the {same}" if same else ""
    else:
        text = f"The same {same}"
    return f"{text}. {shared} steps fit like this." if shared > 1 else f"{text}."


def _age_is_off(case: LocalCase, step: Step) -> bool:
    born = parse_date(step.patient.birth_date)
    if born is None or len(case.age) != len("040Y") or case.age[-1] not in _DAYS_OF_AGE or not case.age[:3].isdigit():
        return False
    guessed = int(case.age[:3]) * _DAYS_OF_AGE[case.age[-1]] / _YEAR_DAYS
    true = (case.begun_at.date() - born).days / _YEAR_DAYS
    return abs(true - guessed) > _AGE_MARGIN_YEARS + _AGE_MARGIN_SHARE * max(true, guessed)
