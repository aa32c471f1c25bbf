"""Patient and Patient Study: who was imaged, copied from the worklist answer or as a person entered it.

References: PS3.3 C.7.1.1, C.7.2.2.
"""

import re
from math import inf

from pydicom.multival import MultiValue

from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Step
from gateway.objects import coded
from gateway.objects.draft import Draft
from gateway.objects.values import (
    date_text,
    decimal_string,
    described,
    description,
    identifier,
    person_name,
    spare_identifier,
)

_SEXES = frozenset({"M", "F", "O"})
_STUDY_TEXTS = ("MedicalAlerts", "Allergies", "ServiceEpisodeDescription")
_STUDY_IDENTIFIERS = ("AdmissionID", "ServiceEpisodeID")
_STUDY_DESIGNATORS = ("IssuerOfAdmissionIDSequence", "IssuerOfServiceEpisodeIDSequence")
_STUDY_NUMBERS = ("PatientSize", "PatientWeight")
_PREGNANCY_MAX = 4
_AGE = re.compile(r"[0-9]{3}[DWMY]")


def patient(draft: Draft) -> None:
    """Fill in Patient (PS3.3 C.7.1.1): type 2 attributes always, issuer and references when the worklist gave them."""
    subject = draft.order.subject
    who = subject.patient
    dataset = draft.dataset
    dataset.PatientName = person_name(draft, "PatientName", who.name, refuse_long=True)
    dataset.PatientID = identifier("PatientID", who.patient_id)
    issuer = identifier("IssuerOfPatientID", who.issuer)
    if issuer:
        dataset.IssuerOfPatientID = issuer
    dataset.PatientBirthDate = _or_empty(draft, "PatientBirthDate", who.birth_date, date_text(who.birth_date))
    sex = who.sex.strip()
    dataset.PatientSex = _or_empty(draft, "PatientSex", sex, sex if sex in _SEXES else "")
    if isinstance(subject, Step):
        _from_answer(draft)


def patient_study(draft: Draft) -> None:
    """Fill in Patient Study (PS3.3 C.7.2.2): size, weight, alerts, admission, as far as the worklist gave them."""
    subject = draft.order.subject
    if isinstance(subject, LocalStudy) and _AGE.fullmatch(subject.age):
        draft.dataset.PatientAge = subject.age
    for keyword in _STUDY_TEXTS:
        _set(draft, keyword, [description(draft, keyword, v) for v in _values(draft.answer.get(keyword))])
    for keyword in _STUDY_IDENTIFIERS:
        _set(draft, keyword, spare_identifier(draft, keyword, draft.answer.get(keyword)))
    for keyword in _STUDY_DESIGNATORS:
        coded.copied(draft, draft.answer, draft.dataset, keyword, coded.designator)
    for keyword in _STUDY_NUMBERS:
        number = draft.answer.get(keyword)
        # some providers send 0 for "not known"
        if isinstance(number, float) and 0 < number < inf:
            _set(draft, keyword, decimal_string(number))
    pregnancy = draft.answer.get("PregnancyStatus")
    if isinstance(pregnancy, int) and 1 <= pregnancy <= _PREGNANCY_MAX:
        draft.dataset.PregnancyStatus = pregnancy


def _from_answer(draft: Draft) -> None:
    copied = coded.copied
    answer, dataset = draft.answer, draft.dataset
    copied(draft, answer, dataset, "IssuerOfPatientIDQualifiersSequence", coded.issuer_qualifiers)
    copied(draft, answer, dataset, "OtherPatientIDsSequence", coded.other_patient_id)
    copied(draft, answer, dataset, "ReferencedPatientSequence", coded.reference)


def _or_empty(draft: Draft, keyword: str, given: str, usable: str) -> str:
    if given.strip() and not usable:
        draft.note(f"{described(keyword)} has a value that the standard does not allow; it was left empty.")
    return usable


def _values(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, MultiValue) else [value]


def _set(draft: Draft, keyword: str, value: str | list[str]) -> None:
    if value:
        setattr(draft.dataset, keyword, value)
