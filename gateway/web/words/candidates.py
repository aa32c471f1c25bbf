"""Why a step came into question for a held picture, and what speaks against it, in words."""

from datetime import timedelta

from gateway.domain.acquisition import HintKind
from gateway.domain.views import AcquisitionView, StepView
from gateway.web.words.text import span_text

_SOON = timedelta(minutes=1)


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
        if kind in told and value.strip():
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
