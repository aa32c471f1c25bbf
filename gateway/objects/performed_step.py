"""N-CREATE and N-SET of the Modality Performed Procedure Step: two datasets from domain values, nothing else.

What images and the performed step must say alike (protocol, description, operators) is said here for both.

References: PS3.4 Annex F.7.2, PS3.3 C.4.13 to C.4.16, PS3.17 Annex J; CID 9300 for the reasons.
"""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from gateway.domain.identifiers import Uid
from gateway.domain.objects import LocalStudy, ObjectProfile
from gateway.domain.performed_case import PerformedCase
from gateway.domain.performed_step import DISCONTINUATION_REASONS, PerformedResult, PerformedSeries
from gateway.domain.procedure import Step
from gateway.objects import coded
from gateway.objects.answer import worklist_answer
from gateway.objects.iods import iod_of
from gateway.objects.notes import NoteList, Notes
from gateway.objects.values import da, date_text, description, identifier, person_name, tm, uid

_UTF8 = "ISO_IR 192"
_TEXT_VRS = frozenset({"SH", "LO", "ST", "LT", "PN", "UT", "UC"})
_SEXES = frozenset({"M", "F", "O"})
_NOT_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.{suffix}." for suffix in ("9", "11", "88", "104"))
"""Waveforms, presentation states, reports and encapsulated documents; everything else that we make is an image."""

_SCHEDULED_TEXTS = (
    "AccessionNumber",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "ScheduledProcedureStepID",
    "ScheduledProcedureStepDescription",
)


def main_modality(profile: ObjectProfile, sop_class_uid: str) -> str:
    """Modality (0008,0060) of a device's objects of this class, which is that of its performed steps."""
    row = iod_of(sop_class_uid)
    return profile.modality or (row.modalities[0] if row else "OT")


def performed_description(subject: Step | LocalStudy) -> str:
    """Performed Procedure Step Description: that of the scheduled step, else of the procedure; empty if unknown."""
    if isinstance(subject, LocalStudy):
        return subject.description
    return subject.description or subject.requested_procedure_description


def protocol_name(subject: Step | LocalStudy, profile: ObjectProfile) -> str:
    """Protocol Name (0018,1030), which a performed series never leaves empty (PS3.3 C.4.16)."""
    return performed_description(subject) or profile.series_description or profile.sop_class.replace("-", " ")


def create_dataset(case: PerformedCase) -> Dataset:
    """The attribute list of N-CREATE.

    Parameters
    ----------
    case
        Identity, subject, station and moment of the performed step.

    Returns
    -------
    Dataset
        Every attribute that is type 1 or 2 for the SCU; those that only N-SET fills in are there without a value,
        because N-SET may not add any. Status is ``IN PROGRESS``.

    Raises
    ------
    InvalidObject
        When an identifier does not fit its VR: identifiers are never cut.

    References
    ----------
    PS3.4 table F.7.2-1.
    """
    notes = NoteList()
    answer = worklist_answer(case.subject, notes.texts) if isinstance(case.subject, Step) else Dataset()
    performed, dataset = case.performed, Dataset()
    _patient(dataset, case, answer, notes)
    dataset.ScheduledStepAttributesSequence = [_scheduled_step(case, answer, notes)]
    dataset.PerformedProcedureStepID = identifier("PerformedProcedureStepID", performed.id)
    dataset.PerformedStationAETitle = case.station.ae_title
    dataset.PerformedStationName = description(notes, "PerformedStationName", case.station.name)
    dataset.PerformedLocation = ""
    dataset.PerformedProcedureStepStartDate = da(performed.started_at)
    dataset.PerformedProcedureStepStartTime = tm(performed.started_at)
    dataset.PerformedProcedureStepStatus = "IN PROGRESS"
    dataset.PerformedProcedureStepEndDate = ""
    dataset.PerformedProcedureStepEndTime = ""
    dataset.PerformedProcedureStepDiscontinuationReasonCodeSequence = []
    dataset.Modality = case.modality
    dataset.StudyID = _study_id(case)
    dataset.PerformedSeriesSequence = []
    _what_was_done(dataset, case, answer, notes)
    if not _is_ascii(case, dataset, _performer(answer, notes)):
        dataset.SpecificCharacterSet = _UTF8
    return dataset


def set_dataset(case: PerformedCase, result: PerformedResult) -> Dataset:
    """The modification list of the final N-SET.

    Parameters
    ----------
    case
        The performed step as it was created.
    result
        How and when it ended, with at least one series.

    Returns
    -------
    Dataset
        Status, end, reason and the whole Performed Series Sequence, in the character set of the N-CREATE: an
        operator's name that cannot be written in that is left out.

    Raises
    ------
    InvalidObject
        When a UID is malformed.
    ValueError
        When there is no series, or the reason is none of CID 9300.

    References
    ----------
    PS3.4 table F.7.2-1, column for the final state; PS3.4 F.7.2.2.2 for the character set.
    """
    if not result.series:
        raise ValueError("a performed step ends with at least one series")
    notes = NoteList()
    answer = worklist_answer(case.subject, notes.texts) if isinstance(case.subject, Step) else Dataset()
    created, dataset = create_dataset(case), Dataset()
    if "SpecificCharacterSet" in created:
        dataset.SpecificCharacterSet = created.SpecificCharacterSet
    closing = result.closing
    dataset.PerformedProcedureStepStatus = closing.outcome.name
    dataset.PerformedProcedureStepEndDate = da(result.ended_at)
    dataset.PerformedProcedureStepEndTime = tm(result.ended_at)
    if closing.reason:
        meaning = DISCONTINUATION_REASONS.get(closing.reason)
        if meaning is None:
            raise ValueError(f"{closing.reason} is no reason of CID 9300")
        reason = coded.code_item(closing.reason, "DCM", meaning)
        dataset.PerformedProcedureStepDiscontinuationReasonCodeSequence = [reason]
    _what_was_done(dataset, case, answer, notes)
    ascii_only = "SpecificCharacterSet" not in created
    dataset.PerformedSeriesSequence = [
        _series(one, case, answer, notes, ascii_only=ascii_only) for one in result.series
    ]
    return dataset


def _patient(dataset: Dataset, case: PerformedCase, answer: Dataset, notes: Notes) -> None:
    patient = case.subject.patient
    dataset.PatientName = person_name(notes, "PatientName", patient.name, refuse_long=True)
    dataset.PatientID = identifier("PatientID", patient.patient_id)
    dataset.PatientBirthDate = date_text(patient.birth_date)
    dataset.PatientSex = patient.sex if patient.sex in _SEXES else ""
    dataset.ReferencedPatientSequence = []
    coded.copied(notes, answer, dataset, "ReferencedPatientSequence", coded.reference)
    if patient.issuer:
        dataset.IssuerOfPatientID = identifier("IssuerOfPatientID", patient.issuer)
    coded.copied(notes, answer, dataset, "IssuerOfPatientIDQualifiersSequence", coded.issuer_qualifiers)
    _add_text(dataset, "AdmissionID", answer, notes)
    coded.copied(notes, answer, dataset, "IssuerOfAdmissionIDSequence", coded.designator)


def _scheduled_step(case: PerformedCase, answer: Dataset, notes: Notes) -> Dataset:
    """The item of Scheduled Step Attributes Sequence; unscheduled it has the study and nothing else."""
    item = Dataset()
    item.StudyInstanceUID = uid("StudyInstanceUID", case.study_instance_uid)
    for keyword in ("ReferencedStudySequence", "ScheduledProtocolCodeSequence"):
        setattr(item, keyword, [])
    for keyword in _SCHEDULED_TEXTS:
        setattr(item, keyword, "")
    if isinstance(case.subject, LocalStudy):
        return item
    step = case.subject
    item.AccessionNumber = identifier("AccessionNumber", step.accession_number)
    item.RequestedProcedureID = identifier("RequestedProcedureID", step.requested_procedure_id)
    item.RequestedProcedureDescription = description(
        notes, "RequestedProcedureDescription", step.requested_procedure_description
    )
    coded.copied(notes, answer, item, "ReferencedStudySequence", coded.reference)
    coded.copied(notes, answer, item, "IssuerOfAccessionNumberSequence", coded.designator)
    coded.copied(notes, answer, item, "RequestedProcedureCodeSequence", coded.code)
    _add_text(item, "PlacerOrderNumberImagingServiceRequest", answer, notes)
    _add_text(item, "FillerOrderNumberImagingServiceRequest", answer, notes)
    if not case.performed.append:
        item.ScheduledProcedureStepID = identifier("ScheduledProcedureStepID", step.key.step_id)
        item.ScheduledProcedureStepDescription = description(
            notes, "ScheduledProcedureStepDescription", step.description
        )
        coded.copied(notes, _step_item(answer), item, "ScheduledProtocolCodeSequence", coded.code)
    return item


def _what_was_done(dataset: Dataset, case: PerformedCase, answer: Dataset, notes: Notes) -> None:
    """What N-CREATE and N-SET both say: what was scheduled is taken as done; an appended step had no schedule."""
    dataset.PerformedProcedureStepDescription = description(
        notes, "PerformedProcedureStepDescription", case.performed.description
    )
    dataset.PerformedProcedureTypeDescription = ""
    requested = coded.usable_items(notes, answer, "RequestedProcedureCodeSequence", coded.code)
    dataset.ProcedureCodeSequence = requested
    scheduled = Dataset() if case.performed.append else _step_item(answer)
    performed = coded.usable_items(notes, scheduled, "ScheduledProtocolCodeSequence", coded.code)
    dataset.PerformedProtocolCodeSequence = performed


def _series(
    series: PerformedSeries, case: PerformedCase, answer: Dataset, notes: Notes, *, ascii_only: bool
) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = uid("SeriesInstanceUID", series.series_instance_uid)
    item.ProtocolName = description(notes, "ProtocolName", case.performed.protocol_name)
    item.SeriesDescription = description(notes, "SeriesDescription", case.series_description)
    item.PerformingPhysicianName = _performer(answer, notes)
    names = [person_name(notes, "OperatorsName", name) for name in series.operators]
    item.OperatorsName = [name for name in names if name.isascii() or not ascii_only] or ""
    item.RetrieveAETitle = ""
    item.ReferencedImageSequence = _references(series.instances, images=True)
    item.ReferencedNonImageCompositeSOPInstanceSequence = _references(series.instances, images=False)
    return item


def _references(instances: Sequence[tuple[Uid, Uid]], *, images: bool) -> list[Dataset]:
    items = []
    for sop_class_uid, sop_instance_uid in instances:
        if sop_class_uid.startswith(_NOT_IMAGES) is images:
            continue
        item = Dataset()
        item.ReferencedSOPClassUID = uid("ReferencedSOPClassUID", sop_class_uid)
        item.ReferencedSOPInstanceUID = uid("ReferencedSOPInstanceUID", sop_instance_uid)
        items.append(item)
    return items


def _performer(answer: Dataset, notes: Notes) -> str:
    scheduled = _step_item(answer).get("ScheduledPerformingPhysicianName") or ""
    first = scheduled[0] if isinstance(scheduled, MultiValue) else scheduled
    return person_name(notes, "PerformingPhysicianName", first)


def _step_item(answer: Dataset) -> Dataset:
    items = answer.get("ScheduledProcedureStepSequence") or []
    return items[0] if items else Dataset()


def _add_text(target: Dataset, keyword: str, answer: Dataset, notes: Notes) -> None:
    text = description(notes, keyword, answer.get(keyword))
    if text:
        setattr(target, keyword, text)


def _study_id(case: PerformedCase) -> str:
    """Study ID as the images have it: the Requested Procedure's, or a local one for a study without an order."""
    if isinstance(case.subject, Step):
        return identifier("RequestedProcedureID", case.subject.requested_procedure_id)
    return case.study_started_at.astimezone(case.performed.started_at.tzinfo).strftime("%Y%m%d%H%M%S")


def _is_ascii(case: PerformedCase, dataset: Dataset, performer: str) -> bool:
    """Whether all text is ASCII, that of the series included, which N-SET must be able to write as well."""
    texts = [str(element.value) for element in dataset.iterall() if element.VR in _TEXT_VRS]
    return all(text.isascii() for text in (*texts, performer, case.performed.protocol_name, case.series_description))
