"""The worklist mapping, attribute by attribute: what an object says when it was scheduled and when it was not."""

from typing import Any

import pytest
from pydicom.dataset import Dataset

from gateway.objects.build import build
from tests.unit.objects.orders import STUDY_UID, answer, order, step, unscheduled

SCHEDULED = {
    "PatientName": "Muster^Maria", "PatientID": "PAT-1", "PatientBirthDate": "19700203", "PatientSex": "F",
    "IssuerOfPatientID": "HOSPITAL", "IssuerOfPatientIDQualifiersSequence.UniversalEntityID": "1.2.3.4",
    "IssuerOfPatientIDQualifiersSequence.IdentifierTypeCode": "MR",
    "OtherPatientIDsSequence.PatientID": "OTHER-1", "OtherPatientIDsSequence.TypeOfPatientID": "TEXT",
    "ReferencedPatientSequence.ReferencedSOPInstanceUID": "1.2.3.6",
    "PatientSize": "1.72", "PatientWeight": "70.5", "MedicalAlerts": "['Diabetes', 'Glaucoma']",
    "Allergies": "Fluorescein", "PregnancyStatus": "4", "AdmissionID": "ADM-3",
    "IssuerOfAdmissionIDSequence.LocalNamespaceEntityID": "ADT",
    "StudyInstanceUID": STUDY_UID, "StudyDate": "20260303", "StudyTime": "081500", "StudyID": "RP-1",
    "AccessionNumber": "ACC-1", "IssuerOfAccessionNumberSequence.LocalNamespaceEntityID": "RIS",
    "ReferringPhysicianName": "Refer^Rolf", "StudyDescription": "Fundus photography", "RequestingService": "Eye clinic",
    "ReferencedStudySequence.ReferencedSOPInstanceUID": "1.2.3.5", "ProcedureCodeSequence.CodeValue": "RP-7",
    "PerformingPhysicianName": "Perform^Paula",
    "RequestAttributesSequence.StudyInstanceUID": STUDY_UID,
    "RequestAttributesSequence.AccessionNumber": "ACC-1",
    "RequestAttributesSequence.IssuerOfAccessionNumberSequence.UniversalEntityIDType": "ISO",
    "RequestAttributesSequence.RequestedProcedureID": "RP-1",
    "RequestAttributesSequence.RequestedProcedureDescription": "Fundus photography",
    "RequestAttributesSequence.RequestedProcedureCodeSequence.CodeMeaning": "Fundus photography",
    "RequestAttributesSequence.ReasonForTheRequestedProcedure": "Screening",
    "RequestAttributesSequence.ReasonForRequestedProcedureCodeSequence.CodeValue": "R-2",
    "RequestAttributesSequence.ScheduledProcedureStepID": "SPS-9",
    "RequestAttributesSequence.ScheduledProcedureStepDescription": "Fundus both eyes",
    "RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeValue": "P-1",
}  # fmt: skip
UNSCHEDULED = {
    "PatientName": "Muster^Maria", "PatientID": "PAT-1", "IssuerOfPatientID": "HOSPITAL", "AccessionNumber": "",
    "StudyDate": "20260304", "StudyTime": "144607.250", "StudyID": "20260304144607", "ReferringPhysicianName": "",
}  # fmt: skip
DEVICE = {
    "Manufacturer": "Camera Makers", "ManufacturerModelName": "Model 5", "DeviceSerialNumber": "SN-77",
    "SoftwareVersions": "2.4", "StationName": "GATEWAY-1", "InstitutionName": "Clinic of Testing",
    "TimezoneOffsetFromUTC": "+0530", "SeriesNumber": "3", "InstanceNumber": "12", "ContentDate": "20260304",
    "ContentTime": "150607.250", "AcquisitionDateTime": "20260304150607.250+0530",
    "ContributingEquipmentSequence.Manufacturer": "Imaging Gateway",
    "ContributingEquipmentSequence.DeviceSerialNumber": "GW-0001",
    "ContributingEquipmentSequence.PurposeOfReferenceCodeSequence.CodeValue": "109102",
}  # fmt: skip


def at(dataset: Dataset, path: str) -> Any:
    *sequences, keyword = path.split(".")
    for name in sequences:
        assert len(dataset[name].value) == 1
        dataset = dataset[name].value[0]
    return dataset[keyword].value


@pytest.mark.parametrize("path", [*SCHEDULED, *DEVICE])
def test_a_scheduled_object_carries_the_worklist_value(path: str) -> None:
    assert str(at(build(order()).dataset, path)) == (SCHEDULED | DEVICE)[path]


@pytest.mark.parametrize("path", [*UNSCHEDULED, *DEVICE])
def test_an_unscheduled_object_carries_the_local_value(path: str) -> None:
    assert str(at(build(order(subject=unscheduled())).dataset, path)) == (UNSCHEDULED | DEVICE)[path]


def test_an_unscheduled_object_makes_up_no_request() -> None:
    dataset = build(order(subject=unscheduled(description="Walk-in"))).dataset
    for keyword in ("RequestAttributesSequence", "ReferencedStudySequence", "ReferencedPatientSequence"):
        assert keyword not in dataset
    assert dataset.StudyDescription == "Walk-in"


def test_where_the_step_was_scheduled_is_not_copied() -> None:
    dataset = build(order()).dataset
    assert "ScheduledStationAETitle" not in dataset
    assert dataset.Modality == "OT"
    assert "RequestingPhysician" not in dataset


def test_empty_reference_sequences_of_the_answer_are_left_out() -> None:
    identifier = answer() | {"00081110": {"vr": "SQ"}, "00081120": {"vr": "SQ", "Value": [{}]}}
    built = build(order(subject=step(identifier)))
    assert "ReferencedStudySequence" not in built.dataset
    assert "ReferencedPatientSequence" not in built.dataset
    assert built.notes == ("An unusable item of Referenced Patient Sequence was left out.",)


def test_study_moment_of_a_provider_in_another_zone_is_told_on_our_clock() -> None:
    identifier = answer() | {
        "00080201": {"vr": "SH", "Value": ["-0500"]},
        "00080030": {"vr": "TM", "Value": ["203000"]},
    }
    dataset = build(order(subject=step(identifier))).dataset
    assert (dataset.StudyDate, dataset.StudyTime) == ("20260304", "070000")


def test_a_bare_answer_still_makes_an_object() -> None:
    dataset = build(order(subject=step({}))).dataset
    assert dataset.StudyDate == "20260304"
    assert dataset.RequestAttributesSequence[0].ScheduledProcedureStepID == "SPS-9"


def test_the_same_order_gives_the_same_dataset() -> None:
    one = order()
    assert build(one).dataset == build(one).dataset
