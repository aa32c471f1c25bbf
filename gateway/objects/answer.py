"""The worklist answer of a step as a dataset, read attribute by attribute so that one bad value spoils nothing else."""

import json

from pydicom.config import disable_value_validation
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from gateway.domain.errors import InvalidObject
from gateway.domain.procedure import Step


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
        for tag, element in model.items():
            try:
                dataset.update(Dataset.from_json({tag: element}))
            except (ValueError, TypeError, KeyError, OverflowError):
                notes.append(f"{keyword_for_tag(tag) or tag} of the worklist answer cannot be read and was left out.")
    return dataset


def _unreadable() -> InvalidObject:
    return InvalidObject(
        "The worklist answer kept with the step is not in the DICOM JSON model.",
        remedy="Refresh the worklist and assign the acquisition again.",
    )
