"""What to ask of a worklist provider: query identifiers with the full key set, and the same filter applied here."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from pydicom import Dataset, Sequence

from gateway.domain.procedure import Step

_STEP_KEYS = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledStationName",
    "ScheduledProcedureStepLocation",
    "ScheduledProcedureStepID",
    "PreMedication",
    "RequestedContrastAgent",
    "ScheduledProcedureStepStatus",
    "CommentsOnTheScheduledProcedureStep",
)
_KEYS = (
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "RequestedProcedurePriority",
    "PatientTransportArrangements",
    "ReasonForTheRequestedProcedure",
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "RequestingPhysician",
    "RequestingService",
    "ReferringPhysicianName",
    "AdmissionID",
    "CurrentPatientLocation",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientSize",
    "PatientWeight",
    "ConfidentialityConstraintOnPatientDataDescription",
    "PatientState",
    "PregnancyStatus",
    "MedicalAlerts",
    "Allergies",
    "SpecialNeeds",
    "PatientComments",
)
_NO_WORD = re.compile(r"[*?^=,\s]+")
_CODE = ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
_REFERENCE = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")
_ENTITY = ("LocalNamespaceEntityID", "UniversalEntityID", "UniversalEntityIDType")
_SEQUENCES = (
    ("RequestedProcedureCodeSequence", _CODE),
    ("ReasonForRequestedProcedureCodeSequence", _CODE),
    ("ReferencedStudySequence", _REFERENCE),
    ("ReferencedPatientSequence", _REFERENCE),
    ("IssuerOfAccessionNumberSequence", _ENTITY),
    ("IssuerOfAdmissionIDSequence", _ENTITY),
    ("IssuerOfPatientIDQualifiersSequence", ("UniversalEntityID", "UniversalEntityIDType", "IdentifierTypeCode")),
    ("OtherPatientIDsSequence", ("PatientID", "IssuerOfPatientID", "TypeOfPatientID")),
)


@dataclass(frozen=True, slots=True)
class WorklistFilter:
    """Which steps a station wants to see; an empty part does not restrict.

    `days_back` and `days_ahead` span whole days around today; None on both sides asks for any date, as a search for
    one patient or one order does. `patient_name` may hold the wildcards * and ?.
    """

    station_ae_titles: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    days_back: int | None = 0
    days_ahead: int | None = 0
    patient_id: str = ""
    accession_number: str = ""
    requested_procedure_id: str = ""
    patient_name: str = ""

    def date_range(self, today: date) -> str:
        """The matching value for the start date: one day, a closed or an open range, or empty."""
        first = "" if self.days_back is None else f"{today - timedelta(days=self.days_back):%Y%m%d}"
        last = "" if self.days_ahead is None else f"{today + timedelta(days=self.days_ahead):%Y%m%d}"
        if first == last:
            return first
        return f"{first}-{last}"


def query_identifiers(wanted: WorklistFilter, today: date) -> tuple[Dataset, ...]:
    """The identifiers to send, one for each pair of station AE title and modality.

    Parameters
    ----------
    wanted
        The filter; C-FIND has single-value matching for these keys, so several values need several queries.
    today
        The date in the station's time zone.

    Returns
    -------
    tuple of Dataset
        Each with every key of table K.6-1 that the gateway uses; keys that do not match have no value. Merge their
        answers on (Study Instance UID, Scheduled Procedure Step ID).

    References
    ----------
    PS3.4 Annex K.6.1.2, table K.6-1.
    """
    stations = wanted.station_ae_titles or ("",)
    modalities = wanted.modalities or ("",)
    return tuple(_identifier(wanted, station, modality, today) for station in stations for modality in modalities)


def admits(wanted: WorklistFilter, step: Step, today: date, zone: tzinfo) -> bool:
    """Whether `step` fits the filter: providers may ignore keys and return more than was asked.

    A value that the provider left empty does not exclude a step; one that differs does.
    """
    stations = set(step.station_ae_title.split("\\")) - {""}
    if wanted.station_ae_titles and stations and not stations & set(wanted.station_ae_titles):
        return False
    pairs: Iterable[tuple[tuple[str, ...], str]] = (
        (wanted.modalities, step.modality),
        (_one(wanted.patient_id), step.patient.patient_id),
        (_one(wanted.accession_number), step.accession_number),
        (_one(wanted.requested_procedure_id), step.requested_procedure_id),
    )
    if any(allowed and value and value not in allowed for allowed, value in pairs):
        return False
    if not _name_fits(wanted.patient_name, step.patient.name):
        return False
    if step.start is None:
        return True
    return _in_days(wanted, step.start.astimezone(zone).date(), today)


def _in_days(wanted: WorklistFilter, day: date, today: date) -> bool:
    distance = (day - today).days
    early = wanted.days_back is not None and distance < -wanted.days_back
    late = wanted.days_ahead is not None and distance > wanted.days_ahead
    return not (early or late)


def _name_fits(wanted: str, name: str) -> bool:
    """Whether every word that is asked for stands in the name; providers fold case and accents in ways of their own."""
    words = [_folded(word) for word in _NO_WORD.split(wanted) if word]
    return all(word in _folded(name) for word in words)


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _identifier(wanted: WorklistFilter, station: str, modality: str, today: date) -> Dataset:
    query = _empty(_KEYS)
    for keyword, keys in _SEQUENCES:
        setattr(query, keyword, Sequence([_empty(keys)]))
    step = _empty(_STEP_KEYS)
    step.ScheduledProtocolCodeSequence = Sequence([_empty(_CODE)])
    step.ScheduledStationAETitle = station
    step.Modality = modality
    step.ScheduledProcedureStepStartDate = wanted.date_range(today)
    query.ScheduledProcedureStepSequence = Sequence([step])
    query.PatientID = wanted.patient_id
    query.AccessionNumber = wanted.accession_number
    query.RequestedProcedureID = wanted.requested_procedure_id
    query.PatientName = wanted.patient_name
    asked = (wanted.patient_id, wanted.accession_number, wanted.requested_procedure_id, wanted.patient_name)
    if not all(text.isascii() for text in asked):
        query.SpecificCharacterSet = "ISO_IR 192"
    return query


def _empty(keywords: Iterable[str]) -> Dataset:
    dataset = Dataset()
    for keyword in keywords:
        setattr(dataset, keyword, None if keyword == "PregnancyStatus" else "")
    return dataset
