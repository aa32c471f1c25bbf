"""Rejection notes: Key Object Selection Documents that say which instances were made under a wrong worklist entry.

References: PS3.3 A.35.4 and C.17.6 (Key Object Selection Document), PS3.16 TID 2010 and CID 7010; IHE RAD-66 (Rejection
Note Stored) of Imaging Object Change Management.
"""

from typing import BinaryIO

from pydicom.dataset import Dataset

from gateway.domain.corrections import KEY_OBJECT_SELECTION, NoteOrder, RejectedSeries
from gateway.domain.errors import InvalidObject
from gateway.domain.frames import FrameFormat, PictureFacts
from gateway.domain.objects import ObjectOrder, ObjectProfile
from gateway.domain.procedure import Step
from gateway.objects import modules_patient, modules_study
from gateway.objects.answer import worklist_answer
from gateway.objects.build import set_character_set
from gateway.objects.coded import code_item
from gateway.objects.draft import Draft, Iod
from gateway.objects.modules_equipment import GATEWAY_MANUFACTURER, GATEWAY_MODEL
from gateway.objects.syntaxes import EXPLICIT_LITTLE_ENDIAN
from gateway.objects.values import da, description, offset, tm, uid
from gateway.objects.write import write_document

_TITLE = ("113038", "DCM", "Incorrect Modality Worklist Entry")
_DESCRIPTION = ("113012", "DCM", "Key Object Description")
_TEXT = "These instances were made under the wrong worklist entry and belong to another patient or order."
_IOD = Iod(
    "rejection-note", "Key Object Selection Document Storage", KEY_OBJECT_SELECTION, ("KO",), (), (), multi_frame=False
)
_NO_PIXELS = FrameFormat(0, 0, 1, 8, 8, signed=False, photometric_interpretation="MONOCHROME2")
"""The builders of patient and study, which notes share with images, read no pixels."""


def rejection_note(order: NoteOrder) -> Dataset:
    """Make the dataset of a rejection note; the same order gives the same dataset.

    Parameters
    ----------
    order
        Identity, the patient and study that the rejected objects name, and those objects by series.

    Returns
    -------
    Dataset
        A Key Object Selection Document with the title "Incorrect Modality Worklist Entry" (DCM 113038).

    Raises
    ------
    InvalidObject
        There is nothing to reject, or an identifier does not fit its VR; that of the rejected objects did.

    References
    ----------
    PS3.3 C.17.6.1, C.17.6.2, C.17.3; PS3.16 TID 2010.
    """
    if not order.rejected:
        raise InvalidObject("The rejection note names no object.")
    draft = _draft(order)
    modules_patient.patient(draft)
    modules_study.general_study(draft)
    _series(draft, order)
    _equipment(draft, order)
    _document(draft.dataset, order)
    _content(draft.dataset, order)
    dataset = draft.dataset
    dataset.SOPClassUID = KEY_OBJECT_SELECTION
    dataset.SOPInstanceUID = uid("SOPInstanceUID", order.identity.sop_instance_uid)
    dataset.TimezoneOffsetFromUTC = offset(order.made_at)
    set_character_set(dataset)
    return dataset


def write_rejection_note(order: NoteOrder, target: BinaryIO) -> str:
    """Write a rejection note as a Part 10 file and return its transfer syntax.

    Explicit VR Little Endian: every archive reads it, and a document of this size is not worth compressing.
    """
    write_document(rejection_note(order), EXPLICIT_LITTLE_ENDIAN, target)
    return EXPLICIT_LITTLE_ENDIAN


def _draft(order: NoteOrder) -> Draft:
    notes: list[str] = []
    answer = worklist_answer(order.subject, notes) if isinstance(order.subject, Step) else Dataset()
    placed = ObjectOrder(
        profile=ObjectProfile(_IOD.name),
        station=order.station,
        identity=order.identity,
        subject=order.subject,
        captured_at=order.made_at,
        study_started_at=order.study_started_at,
        transfer_syntax_uid=EXPLICIT_LITTLE_ENDIAN,
        format=_NO_PIXELS,
        planar_configuration=0,
        frame_count=0,
        facts=PictureFacts(),
    )
    return Draft(order=placed, iod=_IOD, answer=answer, notes=notes)


def _series(draft: Draft, order: NoteOrder) -> None:
    """Key Object Document Series (C.17.6.1): a series of its own; the performed step's reference is type 2."""
    dataset = draft.dataset
    dataset.Modality = "KO"
    dataset.SeriesInstanceUID = uid("SeriesInstanceUID", order.identity.series_instance_uid)
    dataset.SeriesNumber = order.identity.series_number
    dataset.SeriesDescription = "Rejection note"
    dataset.ReferencedPerformedProcedureStepSequence = []


def _equipment(draft: Draft, order: NoteOrder) -> None:
    """General Equipment (C.7.5.1): a note is the gateway's own, not the imaging device's."""
    dataset, station = draft.dataset, order.station
    dataset.Manufacturer = GATEWAY_MANUFACTURER
    for keyword, value in (
        ("ManufacturerModelName", GATEWAY_MODEL),
        ("DeviceSerialNumber", station.serial_number),
        ("SoftwareVersions", station.software_version),
        ("StationName", station.name),
        ("InstitutionName", station.institution),
    ):
        text = description(draft, keyword, value)
        if text:
            setattr(dataset, keyword, text)


def _document(dataset: Dataset, order: NoteOrder) -> None:
    """Key Object Document (C.17.6.2): when it was made, and every instance it names by study and series."""
    dataset.InstanceNumber = order.identity.instance_number
    dataset.ContentDate, dataset.ContentTime = da(order.made_at), tm(order.made_at)
    study = Dataset()
    study.StudyInstanceUID = dataset.StudyInstanceUID
    study.ReferencedSeriesSequence = [_evidence(series) for series in order.rejected]
    dataset.CurrentRequestedProcedureEvidenceSequence = [study]


def _evidence(series: RejectedSeries) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = uid("SeriesInstanceUID", series.series_instance_uid)
    item.ReferencedSOPSequence = [_reference(*pair) for pair in series.instances]
    return item


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = uid("ReferencedSOPClassUID", sop_class_uid)
    item.ReferencedSOPInstanceUID = uid("ReferencedSOPInstanceUID", sop_instance_uid)
    return item


def _content(dataset: Dataset, order: NoteOrder) -> None:
    """SR Document Content (C.17.3) by TID 2010: the title, one sentence, and each rejected instance."""
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = [code_item(*_TITLE)]
    dataset.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "2010"
    dataset.ContentTemplateSequence = [template]
    why = Dataset()
    why.RelationshipType = "CONTAINS"
    why.ValueType = "TEXT"
    why.ConceptNameCodeSequence = [code_item(*_DESCRIPTION)]
    why.TextValue = _TEXT
    pairs = [pair for series in order.rejected for pair in series.instances]
    dataset.ContentSequence = [why, *(_image(*pair) for pair in pairs)]


def _image(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "IMAGE"
    item.ReferencedSOPSequence = [_reference(sop_class_uid, sop_instance_uid)]
    return item
