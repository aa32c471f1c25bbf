"""Whether an acquisition belongs to the unscheduled patient whom the operator has open: nothing may speak against."""

from collections.abc import Sequence

from gateway.domain.acquisition import Hint
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Hold, MatchRule, Step, StepKey
from gateway.worklist.agreement import NAMES, contradictions, disagreement_among

_REMEDY = "Assign it to the right step, or send it as unscheduled."
BELONGS = "captured while this patient was open on the device, without an order"


def belongs(hints: Sequence[Hint], study: LocalStudy, rules: Sequence[MatchRule]) -> str | Hold:
    """Why an acquisition belongs to the open unscheduled patient, or why a person must look at it.

    A hint that names an order speaks against a patient without one, and so does a patient id that is not hers: the
    operator may have forgotten to close her.
    """
    if MatchRule.ACTIVE_STEP not in rules:
        return Hold("A patient without an order was open, but this device does not take patients from people.", _REMEDY)
    identifying = [hint for hint in hints if hint.kind in NAMES and hint.value.strip()]
    if quarrel := disagreement_among(identifying):
        return Hold(quarrel, _REMEDY)
    against = contradictions(identifying, _as_step(study))
    if against:
        said = against[0].text.replace("that of the step", "that of this patient")
        return Hold(f"A patient without an order was open, but {said}.", _REMEDY)
    return BELONGS


def _as_step(study: LocalStudy) -> Step:
    """The local study in the one form that the rules of agreement take."""
    return Step(
        key=StepKey("", "", ""),
        patient=study.patient,
        accession_number=study.accession_number,
        requested_procedure_id="",
        requested_procedure_description="",
        description="",
        modality="",
        station_ae_title="",
        start=None,
    )
