"""Why no order is suggested for something that was sent without one: in words, for the person who looks for it."""

from collections.abc import Sequence
from datetime import timedelta

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.procedure import Step
from gateway.worklist.agreement import NAMES, Verdict, disagreement_among, judge
from gateway.worklist.reconciliation import TELLING, LocalCase, known_of, nobody_knows, objections

_OWN = "Its own hints disagree"
_NAMED = (HintKind.ACCESSION_NUMBER, HintKind.STUDY_INSTANCE_UID, HintKind.REQUESTED_PROCEDURE_ID, HintKind.PATIENT_ID)
_SHOWN = 3


def why_unsuggested(case: LocalCase, steps: Sequence[Step], *, order_within: timedelta) -> str:
    """Why `suggest` finds none of `steps` for a local study; call it only then.

    Parameters
    ----------
    case
        The local study.
    steps
        The cached worklist.
    order_within
        As in `suggest`.

    Returns
    -------
    str
        One or more sentences without name and birth date.
    """
    known = known_of(case)
    if quarrel := disagreement_among(known):
        said = quarrel.replace(_OWN, "What is known of these pictures disagrees")
        return f"{said} No order can fit both, so none is suggested: compare, and choose it by Another order."
    near = [step for step in steps if _agreed(known, step)]
    if near:
        return " ".join(dict.fromkeys(_against(case, known, step) for step in near[:_SHOWN]))
    if nobody_knows(known):
        hours = order_within.total_seconds() / 3600
        return (
            f"Nobody knows who it was, and no order for this kind of examination and station is planned within"
            f" {hours:g} h of it."
        )
    named = [NAMES[kind] for kind in _NAMED if any(hint.kind is kind for hint in known)]
    if named:
        return f"No order on the worklist has its {' or '.join(named)}."
    return "Neither a number nor name and birth date of any order on the worklist are those of this patient."


def _agreed(known: Sequence[Hint], step: Step) -> list[str]:
    """What tells an order or a patient apart and agrees with the step."""
    kinds = dict.fromkeys(hint.kind for hint in known if hint.kind in TELLING and judge(hint, step) is Verdict.AGREES)
    return [NAMES[kind] for kind in kinds]


def _against(case: LocalCase, known: Sequence[Hint], step: Step) -> str:
    same = " and ".join(_agreed(known, step))
    if not step.usable:
        return f"An order has the same {same}, but its entry on the worklist cannot be used."
    if step.doubtful:
        return f"An order has the same {same}, but its entry is in doubt: accept it on the worklist first."
    if against := objections(case, step):
        return f"An order has the same {same}, but is not suggested: {' '.join(against)}"
    return f"An order has the same {same}, which alone is not enough to suggest it."
