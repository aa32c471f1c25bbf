"""Sides and regions: what a hint or a profile calls them, in the standard's codes.

The regions are terms of PS3.16 Annex L (Body Part Examined) with their SNOMED CT codes and whether the part is paired.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.acquisition import HintKind, hint_values
from gateway.objects.draft import Draft

_SIDES = {
    "R": "R", "RIGHT": "R", "OD": "R", "RE": "R",
    "L": "L", "LEFT": "L", "OS": "L", "LE": "L",
    "B": "B", "BOTH": "B", "BILATERAL": "B", "OU": "B", "BE": "B",
    "U": "U", "UNPAIRED": "U",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Region:
    """One body part: SNOMED CT code, meaning, and whether there are two of it."""

    code: str
    meaning: str
    paired: bool


REGIONS = {
    "ABDOMEN": Region("818981001", "Abdomen", paired=False),
    "ANKLE": Region("70258002", "Ankle joint", paired=True),
    "BREAST": Region("76752008", "Breast", paired=True),
    "CHEST": Region("816094009", "Chest", paired=False),
    "EAR": Region("117590005", "Ear", paired=True),
    "EYE": Region("81745001", "Eye", paired=True),
    "FACE": Region("89545001", "Face", paired=False),
    "FOOT": Region("56459004", "Foot", paired=True),
    "HAND": Region("85562004", "Hand", paired=True),
    "HEAD": Region("69536005", "Head", paired=False),
    "HEART": Region("80891009", "Heart", paired=False),
    "HIP": Region("24136001", "Hip joint", paired=True),
    "KIDNEY": Region("64033007", "Kidney", paired=True),
    "KNEE": Region("72696002", "Knee", paired=True),
    "LIVER": Region("10200004", "Liver", paired=False),
    "NECK": Region("45048000", "Neck", paired=False),
    "NOSE": Region("45206002", "Nose", paired=False),
    "PELVIS": Region("816092008", "Pelvis", paired=False),
    "SHOULDER": Region("16982005", "Shoulder", paired=True),
    "WRIST": Region("74670003", "Wrist joint", paired=True),
}


def laterality_of(text: str) -> str:
    """Image Laterality (R, L, B, U for unpaired) that `text` names, for example ``OD``; empty when it names none."""
    return _SIDES.get(text.strip().upper(), "")


def image_laterality(draft: Draft) -> str:
    """The side shown: what the hints agree on, else the profile's; empty, with a note, when hints contradict."""
    sides = _understood(draft, hint_values(draft.order.hints, HintKind.LATERALITY))
    if len(sides) > 1:
        draft.note("The hints name different sides; Image Laterality was left out.")
        return ""
    return next(iter(sides), "") or laterality_of(draft.order.profile.laterality)


def region_of_hint(draft: Draft) -> Region | None:
    """The body part that the hints agree on, None when they name none that is known here."""
    named = hint_values(draft.order.hints, HintKind.BODY_PART)
    regions = {REGIONS[key] for name in named if (key := name.strip().upper()) in REGIONS}
    if named and len(regions) != 1:
        draft.note("The hints name no single known body part; Anatomic Region Sequence was not set from them.")
        return None
    return next(iter(regions), None)


def _understood(draft: Draft, values: Iterable[str]) -> set[str]:
    sides = {laterality_of(value) for value in values}
    if "" in sides:
        draft.note("A hint for laterality is none of R, L, B, U, OD, OS, OU; it was not used.")
    return sides - {""}
