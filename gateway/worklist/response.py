"""From a worklist answer to a step: total, so that a bad answer is shown with its faults and never matched."""

import json
from datetime import UTC, datetime, tzinfo
from typing import Any

from pydicom import Dataset

from gateway.domain.identifiers import is_valid_uid
from gateway.domain.procedure import Patient, Step, StepKey
from gateway.worklist import values
from gateway.worklist.identifier import IDENTITY_KEYS, Identifier, Model, read_identifier, tag_key


def parse_response(
    dataset: Dataset,
    *,
    provider: str,
    zone: tzinfo,
    assumed_character_set: str | None,
    assumed_zone: tzinfo | None = None,
) -> Step:
    """Make a step of one answer.

    Parameters
    ----------
    dataset
        The identifier of a pending C-FIND response, its values still in bytes.
    provider
        Name of the worklist provider, part of the step's key.
    zone
        Time zone of the station; `Step.start` is given in it.
    assumed_character_set
        Defined term to assume where the answer names none, None to assume nothing; see `read_identifier`.
    assumed_zone
        Time zone of dates and times where the answer names no offset (Timezone Offset From UTC); None: the station's.

    Returns
    -------
    Step
        With `usable` false if its identity cannot be trusted: no patient id, no valid Study Instance UID, an id that
        is too long, has several values or is not decodable, or not exactly one Scheduled Procedure Step.

    References
    ----------
    PS3.4 table K.6-1 (attributes of the worklist), PS3.5 section 6 (values).
    """
    identifier = read_identifier(dataset, assumed_character_set)
    model = identifier.model
    sps = _scheduled_step(identifier)
    step_id = _text(sps, "ScheduledProcedureStepID")
    if not step_id:
        identifier.note("It has no Scheduled Procedure Step ID.")
    patient = _patient(identifier)
    usable = _is_identified(identifier, sps is not None)
    return Step(
        key=StepKey(provider, _text(model, "StudyInstanceUID"), step_id),
        patient=patient,
        accession_number=_text(model, "AccessionNumber"),
        requested_procedure_id=_text(model, "RequestedProcedureID"),
        requested_procedure_description=_text(model, "RequestedProcedureDescription"),
        description=_text(sps, "ScheduledProcedureStepDescription"),
        modality=_text(sps, "Modality"),
        station_ae_title=_all(sps, "ScheduledStationAETitle"),
        start=_start(identifier, sps or {}, zone, assumed_zone or zone),
        priority=_text(model, "RequestedProcedurePriority"),
        identifier=json.dumps(model, ensure_ascii=False, sort_keys=True),
        faults=tuple(identifier.faults),
        usable=usable,
    )


def _scheduled_step(identifier: Identifier) -> Model | None:
    items = identifier.model.get(tag_key("ScheduledProcedureStepSequence"), {}).get("Value", [])
    if len(items) == 1:
        first: Model = items[0]
        return first
    identifier.note("It does not have exactly one Scheduled Procedure Step.")
    return None


def _patient(identifier: Identifier) -> Patient:
    model = identifier.model
    name = _values(model, "PatientName")
    groups: dict[str, str] = name[0] if name else {}
    if not groups:
        identifier.note("It has no Patient's Name.")
    text = "=".join(groups.get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")
    return Patient(
        patient_id=_text(model, "PatientID"),
        issuer=_text(model, "IssuerOfPatientID"),
        name=text,
        birth_date=_text(model, "PatientBirthDate"),
        sex=_text(model, "PatientSex"),
    )


def _is_identified(identifier: Identifier, has_step: bool) -> bool:
    usable = has_step and not identifier.damaged & IDENTITY_KEYS
    if not _text(identifier.model, "PatientID"):
        identifier.note("It has no Patient ID.")
        usable = False
    if not is_valid_uid(_text(identifier.model, "StudyInstanceUID")):
        identifier.note("It has no valid Study Instance UID.")
        usable = False
    return usable


def _start(identifier: Identifier, sps: Model, zone: tzinfo, assumed: tzinfo) -> datetime | None:
    day = values.parse_date(_text(sps, "ScheduledProcedureStepStartDate"))
    clock = values.parse_time(_text(sps, "ScheduledProcedureStepStartTime"))
    if day is None or clock is None:
        identifier.note("It has no usable start date and time.")
        return None
    stated = _text(identifier.model, "TimezoneOffsetFromUTC")
    offset = values.parse_offset(stated)
    if stated and offset is None:
        identifier.note("Its time zone offset is invalid; the configured zone was assumed.")
    try:
        return _on_the_clock(identifier, datetime.combine(day, clock, offset or assumed)).astimezone(zone)
    except (OverflowError, ValueError):
        identifier.note("Its start is outside the calendar.")
        return None


def _on_the_clock(identifier: Identifier, local: datetime) -> datetime:
    """A wall clock time as a moment in UTC; where daylight saving leaves it out or repeats it, that is noted."""
    moment = local.astimezone(UTC)
    if local.replace(fold=1).utcoffset() != local.utcoffset():
        if moment.astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
            identifier.note("Its start falls into the time that the clocks leave out; it was moved on by that time.")
        else:
            identifier.note("Its start falls into the time that the clocks repeat; the first of the two was taken.")
    return moment


def _values(model: Model | None, keyword: str) -> list[Any]:
    found: list[Any] = (model or {}).get(tag_key(keyword), {}).get("Value", [])
    return found


def _text(model: Model | None, keyword: str) -> str:
    found = _values(model, keyword)
    return str(found[0]) if found else ""


def _all(model: Model | None, keyword: str) -> str:
    return "\\".join(str(value) for value in _values(model, keyword))
