"""One list of steps from the answers to several queries; an entry that is given twice must say the same."""

from collections.abc import Iterable
from dataclasses import replace

from gateway.domain.procedure import Step, StepKey
from gateway.worklist.agreement import Verdict, names_verdict
from gateway.worklist.doubts import same_patient

_TWICE = "Its provider gives this step with two different patients or accession numbers."


def merged(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps, each key once, in the order of first appearance.

    Queries overlap, so an entry may come twice; the later answer counts. If two answers of one key name different
    patients (be it by id, birth date, sex or name) or accession numbers, one of them is wrong and nobody knows which:
    the step becomes unusable.
    """
    found: dict[StepKey, Step] = {}
    for step in steps:
        known = found.get(step.key)
        found[step.key] = step if known is None or _agree(known, step) else _doubtful(step)
    return tuple(found.values())


def _agree(known: Step, step: Step) -> bool:
    """Whether two answers may be of one entry; a step that is in doubt once stays so."""
    if _TWICE in known.faults or _identity(known) != _identity(step) or not same_patient(known, step):
        return False
    return names_verdict(known.patient.name, step.patient.name) is not Verdict.CONTRADICTS


def _identity(step: Step) -> tuple[str, str, str]:
    return step.patient.patient_id, step.patient.issuer, step.accession_number


def _doubtful(step: Step) -> Step:
    return replace(step, usable=False, faults=(*step.faults, _TWICE))
