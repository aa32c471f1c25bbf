"""Orders from elsewhere than a worklist SCP, as steps: through the same reading, and so with the same strictness."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from gateway.domain.identifiers import Uid
from gateway.domain.procedure import Step
from gateway.worklist.charsets import UTF_8
from gateway.worklist.merging import merged
from gateway.worklist.response import parse_response

Values = Mapping[str, str]
"""An order: attribute keywords of the standard to text, empty ones left out or not."""

OF_THE_STEP = frozenset(
    {
        "Modality",
        "ScheduledPerformingPhysicianName",
        "ScheduledProcedureStepDescription",
        "ScheduledProcedureStepID",
        "ScheduledProcedureStepLocation",
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
        "ScheduledStationAETitle",
        "ScheduledStationName",
    }
)
"""Keywords that stand in the Scheduled Procedure Step Sequence (PS3.4 table K.6-1)."""

_FIRST_STEP = "1"
_UUID_VERSION, _UUID_VARIANT = 0x8 << 76, 0x2 << 62


def step_of(values: Values, *, provider: str, zone: tzinfo, seed: bytes, faults: Iterable[str] = ()) -> Step:
    """The step of one order.

    Parameters
    ----------
    values
        What the order says. Without a Study Instance UID one is minted (see `stable_uid`), without a Scheduled
        Procedure Step ID it is "1".
    provider
        Name of the list or feed, part of the step's key.
    zone
        Time zone of the station.
    seed
        Bytes that belong to this box alone.
    faults
        What is wrong beyond single values, in sentences; each makes the step unusable.

    Returns
    -------
    Step
        As `parse_response` makes it: shown with its faults, and unusable if its identity cannot be trusted.

    References
    ----------
    PS3.4 table K.6-1.
    """
    filled = {keyword: text for keyword, text in values.items() if text}
    filled.setdefault("StudyInstanceUID", stable_uid(seed, provider, filled))
    filled.setdefault("ScheduledProcedureStepID", _FIRST_STEP)
    dataset = _dataset({keyword: text for keyword, text in filled.items() if keyword not in OF_THE_STEP})
    item = _dataset({keyword: text for keyword, text in filled.items() if keyword in OF_THE_STEP})
    dataset.ScheduledProcedureStepSequence = Items([item])
    step = parse_response(dataset, provider=provider, zone=zone, assumed_character_set=None)
    more = tuple(faults)
    return replace(step, faults=(*more, *step.faults), usable=step.usable and not more)


def stable_uid(seed: bytes, provider: str, values: Values) -> Uid:
    """A Study Instance UID for an order without one: the same whenever the same order comes again.

    It hangs on the patient id with its issuer and on the accession number; without an accession number on the
    requested procedure, and else on the scheduled moment. Another patient under the same accession number is thus
    another study. `seed` keeps the orders of two boxes apart, whose numbers may be alike.

    References
    ----------
    PS3.5 Annex B.2; RFC 9562 section 5.8 (UUID version 8).
    """
    named = next(
        ([key, values[key]] for key in ("AccessionNumber", "RequestedProcedureID") if values.get(key)),
        [values.get(f"ScheduledProcedureStepStart{part}", "") for part in ("Date", "Time")],
    )
    about = [provider, values.get("PatientID", ""), values.get("IssuerOfPatientID", ""), *named]
    if not values.get("PatientID"):
        about += [f"{key}={text}" for key, text in sorted(values.items())]
    digest = hashlib.sha256(seed + b"\0".join(part.encode("utf-8", "replace") for part in about)).digest()
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | _UUID_VERSION
    return Uid(f"2.25.{number & ~(0x3 << 62) | _UUID_VARIANT}")


def cross_checked(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps, each key once; those that give one number to two patients, or one patient two faces, unusable.

    A list is typed by people: nobody can tell which of two lines that contradict each other is right.
    """
    found = merged(steps)
    for sentence, group, content in _RULES:
        found = _marked(found, sentence, group, content)
    return found


def _marked(
    steps: Sequence[Step], sentence: str, group: Callable[[Step], Hashable], content: Callable[[Step], Hashable]
) -> tuple[Step, ...]:
    said: dict[Hashable, set[Hashable]] = {}
    for step in steps:
        said.setdefault(group(step), set()).add(content(step))
    return tuple(
        replace(step, usable=False, faults=(*step.faults, sentence))
        if group(step) is not None and len(said[group(step)]) > 1
        else step
        for step in steps
    )


def _patient(step: Step) -> Hashable:
    return step.patient.patient_id, step.patient.issuer


def _face(step: Step) -> Hashable:
    return step.patient.name.casefold(), step.patient.birth_date, step.patient.sex


_RULES: tuple[tuple[str, Callable[[Step], Hashable], Callable[[Step], Hashable]], ...] = (
    ("Its accession number is given to two patients.", lambda step: step.accession_number or None, _patient),
    ("Its study is given to two patients.", lambda step: step.key.study_instance_uid or None, _patient),
    (
        "Its patient ID comes with two names, birth dates or sexes.",
        lambda step: _patient(step) if step.patient.patient_id else None,
        _face,
    ),
)


def _dataset(values: Values) -> Dataset:
    """Values as a worklist SCP would send them: bytes, in UTF-8."""
    dataset = Dataset()
    for keyword, text in {"SpecificCharacterSet": UTF_8, **values}.items():
        number = tag_for_keyword(keyword)
        if number is None:
            raise ValueError(f"{keyword} is no attribute of the standard")
        tag = Tag(number)
        data = text.encode("utf-8", "replace")
        dataset[tag] = RawDataElement(
            tag, dictionary_VR(tag), len(data), data, 0, is_implicit_VR=False, is_little_endian=True
        )
    return dataset
