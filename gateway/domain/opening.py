"""On which devices a person may open a patient: where the pictures are matched by who is open, and nowhere else."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.domain.procedure import MatchRule

_FOUND_BY: Mapping[str, str] = MappingProxyType(
    {
        MatchRule.ACCESSION_NUMBER.value: "accession number",
        MatchRule.PATIENT_ID.value: "patient ID",
        MatchRule.SINGLE_IN_WINDOW.value: "scheduled time",
    }
)


def takes_patients(rules: Sequence[str]) -> bool:
    """Whether the patient whom a person opens on a device with these rules gets its pictures."""
    return MatchRule.ACTIVE_STEP.value in rules


def how_found(rules: Sequence[str]) -> str:
    """How the pictures of a device on which nobody is opened find their patient, to follow "its pictures"."""
    how = " or ".join(_FOUND_BY[rule] for rule in rules if rule in _FOUND_BY)
    return f"find their patient by {how} alone" if how else "all wait for a person"


def why_not_opened(device: str, rules: Sequence[str]) -> str:
    """Why nobody can be opened on a device, and what to change if people are to do so; empty if somebody can."""
    if takes_patients(rules):
        return ""
    return (
        f"Nobody can be opened on {device}: its pictures {how_found(rules)}, so it would change nothing. "
        f'If people are to open patients there, add "active_step" to match.rules in devices/{device}.toml.'
    )
