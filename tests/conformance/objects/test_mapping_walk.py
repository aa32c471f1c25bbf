"""The walk along the mapping table: every attribute of a worklist answer, into image and MPPS or nowhere.

The table is a listing of this test's own: PS3.4 tables K.6-1 and F.7.2-1, PS3.17 Annex J, PS3.2 table B.8.1-31 and IHE
RAD TF-2 Appendix A. What is written is read back by pydicom and judged by dicom3tools.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydicom import Dataset, dcmread

from gateway.domain.identifiers import Uid
from gateway.domain.objects import LocalStudy, ObjectProfile
from gateway.domain.performed_case import PerformedCase
from gateway.domain.performed_step import PerformedClosing, PerformedOutcome, PerformedResult, PerformedSeries
from gateway.domain.procedure import Patient, Step
from gateway.objects.iods import IODS
from gateway.objects.performed_step import create_dataset, set_dataset
from gateway.stages.performing import new_case
from gateway.worklist.response import parse_response
from tests.conformance.objects.made import made, validator_findings
from tests.support.worklist_items import received
from tests.unit.objects.orders import CAPTURED_AT, GREY8, GREY16, RGB, STATION, order

STUDY = "1.2.826.0.1.3680043.8.498.4242"
LOCAL_STUDY = "2.25.4242"
SPS = "ScheduledProcedureStepSequence"
RAS = "RequestAttributesSequence"
SSAS = "ScheduledStepAttributesSequence"
SERIES = "PerformedSeriesSequence"


@dataclass(frozen=True)
class Row:
    """One attribute of the worklist: where its value stands in images, in N-CREATE (``SSAS.`` ...) or N-SET.

    `level` says what happens without it: ``step`` values are left out of what is appended to a completed step, all but
    ``patient`` values out of what nobody ordered.
    """

    source: str
    image: tuple[str, ...]
    create: tuple[str, ...] = ()
    final: tuple[str, ...] = ()
    level: str = "order"


TABLE = (
    Row("PatientName", ("PatientName",), ("PatientName",), level="patient"),
    Row("PatientID", ("PatientID",), ("PatientID",), level="patient"),
    Row("IssuerOfPatientID", ("IssuerOfPatientID",), ("IssuerOfPatientID",), level="patient"),
    Row("PatientBirthDate", ("PatientBirthDate",), ("PatientBirthDate",), level="patient"),
    Row("PatientSex", ("PatientSex",), ("PatientSex",), level="patient"),
    Row(
        "IssuerOfPatientIDQualifiersSequence",
        ("IssuerOfPatientIDQualifiersSequence",), ("IssuerOfPatientIDQualifiersSequence",),
    ),
    Row("OtherPatientIDsSequence", ("OtherPatientIDsSequence",)),
    Row("ReferencedPatientSequence", ("ReferencedPatientSequence",), ("ReferencedPatientSequence",)),
    Row("PatientSize", ("PatientSize",)),
    Row("PatientWeight", ("PatientWeight",)),
    Row("MedicalAlerts", ("MedicalAlerts",)),
    Row("Allergies", ("Allergies",)),
    Row("PregnancyStatus", ("PregnancyStatus",)),
    Row("AdmissionID", ("AdmissionID",), ("AdmissionID",)),
    Row("IssuerOfAdmissionIDSequence", ("IssuerOfAdmissionIDSequence",), ("IssuerOfAdmissionIDSequence",)),
    Row(
        "StudyInstanceUID",
        ("StudyInstanceUID", f"{RAS}.StudyInstanceUID"), (f"{SSAS}.StudyInstanceUID",), level="study",
    ),
    Row("StudyDate", ("StudyDate",)),
    Row("StudyTime", ("StudyTime",)),
    Row("ReferencedStudySequence", ("ReferencedStudySequence",), (f"{SSAS}.ReferencedStudySequence",)),
    Row("AccessionNumber", ("AccessionNumber", f"{RAS}.AccessionNumber"), (f"{SSAS}.AccessionNumber",)),
    Row(
        "IssuerOfAccessionNumberSequence",
        ("IssuerOfAccessionNumberSequence", f"{RAS}.IssuerOfAccessionNumberSequence"),
        (f"{SSAS}.IssuerOfAccessionNumberSequence",),
    ),
    Row("PlacerOrderNumberImagingServiceRequest", (), (f"{SSAS}.PlacerOrderNumberImagingServiceRequest",)),
    Row("FillerOrderNumberImagingServiceRequest", (), (f"{SSAS}.FillerOrderNumberImagingServiceRequest",)),
    Row(
        "RequestedProcedureID",
        (f"{RAS}.RequestedProcedureID", "StudyID"), (f"{SSAS}.RequestedProcedureID", "StudyID"),
    ),
    Row(
        "RequestedProcedureDescription",
        (f"{RAS}.RequestedProcedureDescription", "StudyDescription"),
        (f"{SSAS}.RequestedProcedureDescription",),
    ),
    Row(
        "RequestedProcedureCodeSequence",
        (f"{RAS}.RequestedProcedureCodeSequence", "ProcedureCodeSequence"),
        (f"{SSAS}.RequestedProcedureCodeSequence", "ProcedureCodeSequence"),
        ("ProcedureCodeSequence",),
    ),
    Row("ReasonForTheRequestedProcedure", (f"{RAS}.ReasonForTheRequestedProcedure",)),
    Row("ReasonForRequestedProcedureCodeSequence", (f"{RAS}.ReasonForRequestedProcedureCodeSequence",)),
    Row("ReferringPhysicianName", ("ReferringPhysicianName",)),
    Row("RequestingService", ("RequestingService",)),
    Row(
        f"{SPS}.ScheduledPerformingPhysicianName",
        ("PerformingPhysicianName",), (), (f"{SERIES}.PerformingPhysicianName",),
    ),
    Row(
        f"{SPS}.ScheduledProcedureStepID",
        (f"{RAS}.ScheduledProcedureStepID",), (f"{SSAS}.ScheduledProcedureStepID",), level="step",
    ),
    Row(
        f"{SPS}.ScheduledProcedureStepDescription",
        (f"{RAS}.ScheduledProcedureStepDescription",), (f"{SSAS}.ScheduledProcedureStepDescription",), level="step",
    ),
    Row(
        f"{SPS}.ScheduledProtocolCodeSequence",
        (f"{RAS}.ScheduledProtocolCodeSequence", "PerformedProtocolCodeSequence"),
        (f"{SSAS}.ScheduledProtocolCodeSequence", "PerformedProtocolCodeSequence"),
        ("PerformedProtocolCodeSequence",), level="step",
    ),
)  # fmt: skip
NOWHERE = {
    "ScheduledStationAETitle", "ScheduledStationName", "ScheduledProcedureStepLocation",
    "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime", "ScheduledProcedureStepStatus",
    "PreMedication", "RequestedContrastAgent", "CommentsOnTheScheduledProcedureStep", "RequestedProcedurePriority",
    "PatientTransportArrangements", "RequestingPhysician", "CurrentPatientLocation", "PatientState", "SpecialNeeds",
    "ConfidentialityConstraintOnPatientDataDescription",
}  # fmt: skip
"""For the operator's eyes, or about where and when it was planned: what was done is said by the box itself."""
ELSEWHERE = {"SpecificCharacterSet", "Modality", SPS}
"""The character set and the modality of an object are its own."""
TYPE_2_OF_IMAGES = {"AccessionNumber", "ReferringPhysicianName"}
"""Without an order they stand there without a value."""


OPTIONAL_IN_MPPS = {
    "IssuerOfPatientIDQualifiersSequence", "AdmissionID", "IssuerOfAdmissionIDSequence",
    "IssuerOfAccessionNumberSequence", "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest", "RequestedProcedureCodeSequence",
}  # fmt: skip
"""Type 3 for the SCU; everything else of the table that MPPS has at all is type 2 (PS3.4 table F.7.2-1)."""


def worklist_answer() -> Dataset:
    """An answer in which every attribute has a value of its own, some of them beyond ASCII."""
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle, step.ScheduledStationName = "OP", "PLANNED_AE", "PLANNED_STATION"
    step.ScheduledProcedureStepLocation, step.ScheduledProcedureStepStatus = "PLANNED_ROOM", "ARRIVED"
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = "20260228", "0715"
    step.ScheduledPerformingPhysicianName = "Perform^Paula"
    step.ScheduledProcedureStepID, step.ScheduledProcedureStepDescription = "SPS-77", "Beide Augen, Übersicht"
    step.ScheduledProtocolCodeSequence = [_code("PROT-1", "Seven fields")]
    step.PreMedication, step.RequestedContrastAgent = "Tropicamide", "Fluorescein sodium"
    step.CommentsOnTheScheduledProcedureStep = "second floor"
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.PatientName, item.PatientID = "शर्मा^सुनीता", "PAT-77"
    item.IssuerOfPatientID, item.PatientBirthDate, item.PatientSex = "RAMPUR", "19710402", "F"
    item.IssuerOfPatientIDQualifiersSequence = [_entity("1.2.3.77", "ISO")]
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = "NAT-77", "STATE", "TEXT"
    item.OtherPatientIDsSequence = [other]
    item.ReferencedPatientSequence = [_reference("1.2.840.10008.3.1.2.1.1", "1.2.3.77.1")]
    item.PatientSize, item.PatientWeight, item.PregnancyStatus = "1.63", "58.5", 2
    item.MedicalAlerts, item.Allergies = "Пейсмейкер", "Latex"
    item.AdmissionID, item.IssuerOfAdmissionIDSequence = "ADM-77", [_entity("1.2.3.78", "ISO")]
    item.StudyInstanceUID, item.StudyDate, item.StudyTime = STUDY, "20260227", "030405"
    item.ReferencedStudySequence = [_reference("1.2.840.10008.3.1.2.3.1", "1.2.3.77.2")]
    item.AccessionNumber, item.IssuerOfAccessionNumberSequence = "ACC-77", [_entity("1.2.3.79", "ISO")]
    item.PlacerOrderNumberImagingServiceRequest = "PLACER-77"
    item.FillerOrderNumberImagingServiceRequest = "FILLER-77"
    item.RequestedProcedureID, item.RequestedProcedureDescription = "RP-77", "Fundus, जाँच"
    item.RequestedProcedureCodeSequence = [_code("PROC-1", "Fundus photography")]
    item.ReasonForTheRequestedProcedure = "Диабет"
    item.ReasonForRequestedProcedureCodeSequence = [_code("REAS-1", "Diabetes")]
    item.RequestedProcedurePriority, item.PatientTransportArrangements = "HIGH", "wheelchair"
    item.ReferringPhysicianName, item.RequestingPhysician = "Refer^Rolf", "Request^Rita"
    item.RequestingService, item.CurrentPatientLocation = "Eye clinic", "WARD-7"
    item.PatientState, item.SpecialNeeds = "walks", "none"
    item.ConfidentialityConstraintOnPatientDataDescription = "STAFF ONLY"
    item.ScheduledProcedureStepSequence = [step]
    return item


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "99RAMPUR", meaning
    return item


def _entity(universal: str, kind: str) -> Dataset:
    item = Dataset()
    item.UniversalEntityID, item.UniversalEntityIDType = universal, kind
    return item


def _reference(sop_class: str, sop_instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
    return item


ANSWER = worklist_answer()
STEP = parse_response(
    received(worklist_answer()), provider="HIS", zone=ZoneInfo("Asia/Kolkata"), assumed_character_set=None
)
LOCAL = LocalStudy(Patient("LOCAL-1", "BOX", "Unknown^Emergency", "19600101", "M"), "Emergency")
CASES: dict[str, tuple[Step | LocalStudy, bool]] = {
    "scheduled": (STEP, False),
    "append": (STEP, True),
    "unscheduled": (LOCAL, False),
}
ORDERED = ("scheduled", "append")
SOP_CLASS = "ophthalmic-photography-8-bit"
FORMATS = {"multi-frame-grayscale-byte-sc": GREY8, "multi-frame-grayscale-word-sc": GREY16}


def case_of(name: str, sop_class: str = SOP_CLASS) -> PerformedCase:
    subject, append = CASES[name]
    study = STUDY if isinstance(subject, Step) else LOCAL_STUDY
    profile = ObjectProfile(sop_class, series_description="Fundus")
    made_case = new_case(STATION, profile, subject, study, CAPTURED_AT, sop_class_uid=IODS[sop_class].sop_class_uid)
    return replace(made_case, performed=replace(made_case.performed, append=append))


def image_of(name: str, folder: Path, sop_class: str = SOP_CLASS) -> Path:
    """The object of a case as a file."""
    about = order(sop_class, FORMATS.get(sop_class, RGB), CASES[name][0], {"series_description": "Fundus"})
    identity = replace(about.identity, study_instance_uid=Uid(STUDY if name in ORDERED else LOCAL_STUDY))
    case = case_of(name, sop_class)
    about = replace(about, identity=identity, performed=case.performed, study_started_at=case.study_started_at)
    return made(about, folder / f"{name}-{sop_class}.dcm")


@dataclass
class Made:
    """What was made of one case: the image as pydicom reads it, and the two messages."""

    image: Dataset
    create: Dataset
    final: Dataset


@pytest.fixture(scope="module")
def all_made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    folder = tmp_path_factory.mktemp("walk")
    result = PerformedResult(
        CAPTURED_AT,
        PerformedClosing(PerformedOutcome.COMPLETED),
        (PerformedSeries(Uid("1.2.3.4.1"), ((Uid(IODS[SOP_CLASS].sop_class_uid), Uid("1.2.3.4.1.1")),)),),
    )
    return {
        name: Made(dcmread(image_of(name, folder)), create_dataset(case_of(name)), set_dataset(case_of(name), result))
        for name in CASES
    }


def value_at(dataset: Dataset, path: str) -> object:
    """The value of an attribute as JSON; None where it is absent, an empty list where it has no value."""
    *sequences, keyword = path.split(".")
    for name in sequences:
        if name not in dataset:
            return None
        (dataset,) = dataset[name].value
    return dataset[keyword].to_json_dict(None, 0).get("Value", []) if keyword in dataset else None


def empty(found: object) -> bool:
    return found is None or found in ([], [""])


def test_the_answer_arrives_without_a_fault() -> None:
    assert (STEP.faults, STEP.usable) == ((), True)


def test_the_table_names_every_attribute_of_the_answer_once() -> None:
    in_answer = {element.keyword for element in ANSWER} | {element.keyword for element in ANSWER[SPS].value[0]}
    in_table = [row.source.rpartition(".")[2] for row in TABLE]
    assert len(in_table) == len(set(in_table))
    assert set(in_table) | NOWHERE | ELSEWHERE == in_answer
    assert not set(in_table) & NOWHERE


@pytest.mark.parametrize("name", ORDERED)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.source)
def test_what_was_ordered_stands_where_the_table_says(all_made: dict[str, Made], row: Row, name: str) -> None:
    expected = value_at(ANSWER, row.source)
    assert expected
    made_of = all_made[name]
    places = [
        *((made_of.image, path) for path in row.image),
        *((made_of.create, path) for path in row.create),
        *((made_of.final, path) for path in row.final),
    ]
    for dataset, path in places:
        if row.level == "step" and name == "append":
            assert empty(value_at(dataset, path)), path
        else:
            assert value_at(dataset, path) == expected, path
    for path in row.create:
        assert value_at(made_of.create, path) is not None, f"{path} is type 2 for the SCU"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.source)
def test_what_nobody_ordered_stands_nowhere(all_made: dict[str, Made], row: Row) -> None:
    made_of = all_made["unscheduled"]
    local = {
        "PatientName": LOCAL.patient.name, "PatientID": "LOCAL-1", "IssuerOfPatientID": "BOX",
        "PatientBirthDate": "19600101", "PatientSex": "M", "StudyInstanceUID": LOCAL_STUDY,
    }  # fmt: skip
    for dataset, paths in ((made_of.image, row.image), (made_of.create, row.create), (made_of.final, row.final)):
        for path in paths:
            found = value_at(dataset, path)
            if path.startswith(RAS):
                assert found is None
            elif row.source in local:
                text = [{"Alphabetic": local[row.source]}] if row.source == "PatientName" else [local[row.source]]
                assert found == text
            elif path.rpartition(".")[2] in {"StudyID", "StudyDate", "StudyTime"}:
                assert found, "this box says it"
                assert found != value_at(ANSWER, row.source)
            elif path == "StudyDescription":
                assert found == ["Emergency"]
            else:
                assert empty(found), path
                type_2 = path in TYPE_2_OF_IMAGES or dataset is not made_of.image
                assert found is not None or not type_2 or path.rpartition(".")[2] in OPTIONAL_IN_MPPS, path


@pytest.mark.parametrize("name", CASES)
def test_what_is_for_the_operator_or_was_only_planned_is_not_copied(all_made: dict[str, Made], name: str) -> None:
    for dataset in (all_made[name].image, all_made[name].create, all_made[name].final):
        assert not NOWHERE & {element.keyword for element in dataset.iterall()}
        said = str(dataset)
        for planned in ("PLANNED_AE", "PLANNED_STATION", "PLANNED_ROOM", "WARD-7", "STAFF ONLY", "Request^Rita"):
            assert planned not in said


@pytest.mark.parametrize("name", CASES)
def test_what_the_box_generates_is_the_same_in_image_and_performed_step(all_made: dict[str, Made], name: str) -> None:
    image, create, final = all_made[name].image, all_made[name].create, all_made[name].final
    case = case_of(name)
    (reference,) = image.ReferencedPerformedProcedureStepSequence
    assert reference.ReferencedSOPClassUID == "1.2.840.10008.3.1.2.3.3"
    assert str(reference.ReferencedSOPInstanceUID).startswith("2.25.")
    assert image.PerformedProcedureStepStartDate == create.PerformedProcedureStepStartDate == "20260304"
    assert image.PerformedProcedureStepStartTime == create.PerformedProcedureStepStartTime == "150607.250"
    assert image.PerformedProcedureStepDescription == create.PerformedProcedureStepDescription
    assert len(create.PerformedProcedureStepID) == len(image.PerformedProcedureStepID) == 16
    assert create.PerformedStationAETitle == STATION.ae_title
    assert image.ProtocolName == final.PerformedSeriesSequence[0].ProtocolName == case.performed.protocol_name
    assert (
        image.SpecificCharacterSet == create.SpecificCharacterSet
        if name in ORDERED
        else "SpecificCharacterSet" not in create
    )
    assert image.get("SeriesDescription") == final.PerformedSeriesSequence[0].SeriesDescription


def test_an_appended_image_keeps_the_procedure_of_its_order(all_made: dict[str, Made]) -> None:
    (request,) = all_made["append"].image.RequestAttributesSequence
    assert (request.RequestedProcedureID, request.AccessionNumber) == ("RP-77", "ACC-77")
    assert "ScheduledProcedureStepID" not in request
    (scheduled,) = all_made["append"].create.ScheduledStepAttributesSequence
    assert (scheduled.RequestedProcedureID, scheduled.ScheduledProcedureStepID) == ("RP-77", "")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sop_class", sorted(IODS))
def test_every_object_of_every_case_passes_dciodvfy(tmp_path: Path, sop_class: str, name: str) -> None:
    assert validator_findings("dciodvfy", image_of(name, tmp_path, sop_class)) == []
