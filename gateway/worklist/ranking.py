"""Which steps a person would most likely choose for an acquisition that is held."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.procedure import Step, StepKey
from gateway.worklist.agreement import NAMES, agreements, contradictions
from gateway.worklist.doubts import looks_like_its_own

_MOST_CANDIDATES = 10
_WEIGHTS: Mapping[HintKind, int] = MappingProxyType(
    {
        HintKind.ACCESSION_NUMBER: 16,
        HintKind.STUDY_INSTANCE_UID: 16,
        HintKind.PATIENT_ID: 8,
        HintKind.REQUESTED_PROCEDURE_ID: 8,
        HintKind.BIRTH_DATE: 4,
        HintKind.PATIENT_NAME: 4,
        HintKind.ISSUER_OF_PATIENT_ID: 1,
        HintKind.SEX: 1,
    }
)


def candidates(
    *, hints: Sequence[Hint], steps: Sequence[Step], active: Step | None, captured_at: datetime, modality: str = ""
) -> tuple[StepKey, ...]:
    """The usable steps that a person would most likely choose from, best first, at most ten."""
    identifying = [hint for hint in hints if hint.kind in NAMES and hint.value.strip()]

    def rank(step: Step) -> tuple[int, int, int, float, str, str]:
        agreed = sum(_WEIGHTS[kind] for kind in agreements(identifying, step))
        agreed += sum(_WEIGHTS[hint.kind] // 2 for hint in identifying if looks_like_its_own(hint, step))
        against = len(contradictions(identifying, step))
        is_active = active is not None and step.key == active.key
        other_modality = int(bool(modality and step.modality and step.modality != modality))
        distance = float("inf") if step.start is None else abs((captured_at - step.start).total_seconds())
        return (-agreed, against, other_modality - is_active, distance, step.key.study_instance_uid, step.key.step_id)

    usable = [step for step in with_active(steps, active) if step.usable]
    return tuple(step.key for step in sorted(usable, key=rank)[:_MOST_CANDIDATES])


def with_active(steps: Sequence[Step], active: Step | None) -> tuple[Step, ...]:
    """The steps of the worklist and the open one, which need not be among them any more."""
    if active is None or any(step.key == active.key for step in steps):
        return tuple(steps)
    return (*steps, active)
