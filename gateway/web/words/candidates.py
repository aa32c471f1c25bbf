"""Why a step came into question for a picture, and what speaks against it, in words."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from gateway.domain.acquisition import HintKind
from gateway.domain.views import AcquisitionView, StepView
from gateway.web.words.text import birth_date, span_text

_SOON = timedelta(minutes=1)
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        HintKind.ACCESSION_NUMBER.value: "accession number",
        HintKind.PATIENT_ID.value: "patient ID",
        HintKind.BIRTH_DATE.value: "date of birth",
        HintKind.STUDY_INSTANCE_UID.value: "Study Instance UID",
    }
)


def candidate_words(picture: AcquisitionView, step: StepView) -> str:
    """What the device said that agrees with the step or contradicts it, and how far apart the times are."""
    told = {
        HintKind.ACCESSION_NUMBER.value: ("accession number", step.accession_number),
        HintKind.PATIENT_ID.value: ("patient ID", step.patient_id),
        HintKind.BIRTH_DATE.value: ("date of birth", step.birth_date),
        HintKind.STUDY_INSTANCE_UID.value: ("Study Instance UID", step.key.study_instance_uid),
    }
    facts = []
    for kind, value, _ in picture.hints:
        if kind in told and value.strip() and _comparable(kind, value.strip()):
            name, expected = told[kind]
            facts.append(f"same {name}" if value.strip() == expected else f"another {name}")
    if step.start is not None:
        apart = picture.captured_at - step.start
        side = "after" if apart >= timedelta() else "before"
        facts.append(
            "planned for that very time"
            if abs(apart) < _SOON
            else f"captured {span_text(abs(apart))} {side} it was planned"
        )
    return ", ".join(dict.fromkeys(facts))


def said_otherwise(pictures: Iterable[AcquisitionView], known: Mapping[HintKind, str]) -> list[str]:
    """What the device said of pictures that is not so of the patient or order in `known`, in words."""
    said = []
    for picture in pictures:
        for kind, value, _ in picture.hints:
            expected = next((text for one, text in known.items() if one.value == kind), "")
            if expected and value.strip() and value.strip() != expected and _comparable(kind, value.strip()):
                shown = birth_date(value.strip()) if kind == HintKind.BIRTH_DATE.value else value.strip()
                said.append(f"{_NAMES[kind]} {shown}")
    return list(dict.fromkeys(said))


def said_against(pictures: Iterable[AcquisitionView], step: StepView) -> list[str]:
    """What the device said of pictures that is not so of a step, in words."""
    known = {
        HintKind.PATIENT_ID: step.patient_id,
        HintKind.ACCESSION_NUMBER: step.accession_number,
        HintKind.BIRTH_DATE: step.birth_date,
    }
    return said_otherwise(pictures, known)


def unfit_words(step: StepView) -> str:
    """Why no picture may be given to a step now; empty if one may."""
    if not step.usable:
        return "This step cannot be used: the worklist's answer about it is faulty."
    if step.doubtful:
        return (
            "This step is in doubt: its patient or number has changed. Compare it on the worklist, and accept it there."
        )
    return ""


def _comparable(kind: str, value: str) -> bool:
    """Whether it is written as the worklist writes it: devices write dates in many ways, which say nothing here."""
    return kind != HintKind.BIRTH_DATE.value or (len(value) == len("YYYYMMDD") and value.isascii() and value.isdigit())
