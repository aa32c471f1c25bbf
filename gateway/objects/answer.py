"""The worklist answer of a step as a dataset, read attribute by attribute so that one bad value spoils nothing else."""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset

from gateway.domain.errors import InvalidObject
from gateway.domain.procedure import Step

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_LEFT_OUT = "{} of the worklist answer cannot be read and was left out."


def worklist_answer(step: Step, notes: list[str]) -> Dataset:
    """Read `step.identifier`, DICOM JSON (PS3.18 Annex F), into a dataset.

    Parameters
    ----------
    step
        The step with its answer, already decoded to Unicode.
    notes
        Receives a sentence for every attribute that cannot be read and is left out.

    Returns
    -------
    Dataset
        The answer; values are as the provider sent them, not yet fit for an object.

    Raises
    ------
    InvalidObject
        When the answer is not DICOM JSON at all.
    """
    try:
        model = json.loads(step.identifier)
    except json.JSONDecodeError as error:
        raise _unreadable() from error
    if not isinstance(model, dict):
        raise _unreadable()
    dataset = Dataset()
    # pydicom would put an unfit value, which may be patient data, into a warning; values are made to fit on copying
    with disable_value_validation():
        for tag, element in _sound_items(model, notes).items():
            try:
                dataset.update(Dataset.from_json({tag: element}))
            except (ValueError, TypeError, OverflowError):
                notes.append(_LEFT_OUT.format(keyword_for_tag(tag)))
    return dataset


def _sound_items(model: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The standard elements of a dataset in JSON that have the VR and kind of values that the standard gives them."""
    sound = {}
    for tag, element in model.items():
        if not _TAG.fullmatch(tag) or not keyword_for_tag(tag):
            continue
        values = _sound_values(tag, element, notes)
        if values is None:
            notes.append(_LEFT_OUT.format(keyword_for_tag(tag)))
        else:
            sound[tag] = {"vr": element["vr"], "Value": values}
    return sound


def _sound_values(tag: str, element: object, notes: list[str]) -> list[Any] | None:
    if not isinstance(element, dict) or element.get("vr") not in dictionary_VR(tag).split(" or "):
        return None
    values = element.get("Value", [])
    if not isinstance(values, list):
        return None
    if element["vr"] == "SQ":
        return [_sound_items(item, notes) for item in values if isinstance(item, dict)]
    return values if all(value is None or _is_kind(element["vr"], value) for value in values) else None


def _is_kind(vr: str, value: object) -> bool:
    if vr == "PN":
        return isinstance(value, dict) and all(isinstance(part, str) for part in value.values())
    if vr in {"US", "SS", "UL", "SL"}:
        return isinstance(value, int)
    return isinstance(value, str) or (vr in {"DS", "IS", "FL", "FD"} and isinstance(value, int | float))


def _unreadable() -> InvalidObject:
    return InvalidObject(
        "The worklist answer kept with the step is not in the DICOM JSON model.",
        remedy="Refresh the worklist and assign the acquisition again.",
    )
