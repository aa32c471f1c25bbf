"""N-CREATE, N-SET and the objects, attribute by attribute: scheduled, unscheduled, appended, discontinued."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydicom.datadict import keyword_dict
from pydicom.dataset import Dataset

from gateway.domain.errors import InvalidObject
from gateway.domain.identifiers import Uid
from gateway.domain.objects import LocalStudy, ObjectProfile
from gateway.domain.performed_case import PerformedCase
from gateway.domain.performed_step import (
    DISCONTINUATION_REASONS,
    PERFORMED_STEP_UID,
    PerformedClosing,
    PerformedOutcome,
    PerformedResult,
    PerformedSeries,
)
from gateway.domain.procedure import Patient, Step
from gateway.objects.build import build
from gateway.objects.performed_step import create_dataset, set_dataset
from gateway.stages.performing import new_case
from tests.support.mpps_scp import NEVER_SET, TYPE_1, TYPE_2
from tests.unit.objects.orders import CAPTURED_AT, PATIENT, STATION, STUDY_UID, order, step, unscheduled

OP = Uid("1.2.840.10008.5.1.4.1.1.77.1.5.1")
PDF = Uid("1.2.840.10008.5.1.4.1.1.104.1")
PROFILE = ObjectProfile("ophthalmic-photography-8-bit", series_description="Fundus")
LOCAL_UID = "2.25.77"
HINDI = Patient("PAT-2", "", "शर्मा^प्रिया", "19800101", "F")


def case(subject: Step | LocalStudy | None = None, *, append: bool = False, **changes: Any) -> PerformedCase:
    about = step() if subject is None else subject
    study = about.key.study_instance_uid if isinstance(about, Step) else LOCAL_UID
    made = new_case(STATION, PROFILE, about, study, CAPTURED_AT, sop_class_uid=OP)
    return replace(made, performed=replace(made.performed, append=append), **changes)


def result(closing: PerformedClosing | None = None, operators: tuple[str, ...] = ("Nurse^Nina",)) -> PerformedResult:
    series = (
        PerformedSeries(Uid("1.2.3.4.1"), ((OP, Uid("1.2.3.4.1.1")), (OP, Uid("1.2.3.4.1.2"))), operators),
        PerformedSeries(Uid("1.2.3.4.2"), ((PDF, Uid("1.2.3.4.2.1")),)),
    )
    ended = CAPTURED_AT + timedelta(minutes=7)
    return PerformedResult(ended, closing or PerformedClosing(PerformedOutcome.COMPLETED), series)


def texts(dataset: Dataset) -> dict[str, Any]:
    """Every element as plain values, sequences as lists of the same."""
    return {
        e.keyword: [texts(item) for item in e.value] if e.VR == "SQ" else ("" if e.value is None else str(e.value))
        for e in dataset
    }


CODE = {"CodeValue": "P-1", "CodingSchemeDesignator": "99SITE", "CodeMeaning": "Fundus protocol"}
PROCEDURE = {"CodeValue": "RP-7", "CodingSchemeDesignator": "99SITE", "CodeMeaning": "Fundus photography"}
ISSUER = {"LocalNamespaceEntityID": "RIS", "UniversalEntityID": "1.2.3.4", "UniversalEntityIDType": "ISO"}
STUDY_REFERENCE = {
    "ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.1",
    "ReferencedSOPInstanceUID": "1.2.3.5",
}
SCHEDULED_ITEM = {
    "StudyInstanceUID": STUDY_UID,
    "ReferencedStudySequence": [STUDY_REFERENCE],
    "AccessionNumber": "ACC-1",
    "IssuerOfAccessionNumberSequence": [ISSUER],
    "RequestedProcedureID": "RP-1",
    "RequestedProcedureDescription": "Fundus photography",
    "RequestedProcedureCodeSequence": [PROCEDURE],
    "ScheduledProcedureStepID": "SPS-9",
    "ScheduledProcedureStepDescription": "Fundus both eyes",
    "ScheduledProtocolCodeSequence": [CODE],
}
EMPTY_ITEM = {
    "StudyInstanceUID": LOCAL_UID,
    "ReferencedStudySequence": [],
    "AccessionNumber": "",
    "RequestedProcedureID": "",
    "RequestedProcedureDescription": "",
    "ScheduledProcedureStepID": "",
    "ScheduledProcedureStepDescription": "",
    "ScheduledProtocolCodeSequence": [],
}


def test_the_create_of_a_scheduled_step_says_all_that_the_worklist_said() -> None:
    said = texts(create_dataset(case()))
    assert said["ScheduledStepAttributesSequence"] == [SCHEDULED_ITEM]
    assert {key: said[key] for key in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")} == {
        "PatientName": "Muster^Maria",
        "PatientID": "PAT-1",
        "PatientBirthDate": "19700203",
        "PatientSex": "F",
    }
    assert said["IssuerOfPatientID"] == "HOSPITAL"
    assert said["AdmissionID"] == "ADM-3"
    assert said["ReferencedPatientSequence"] == [
        {"ReferencedSOPClassUID": "1.2.840.10008.3.1.2.1.1", "ReferencedSOPInstanceUID": "1.2.3.6"}
    ]
    assert said["PerformedStationAETitle"] == "GATEWAY1"
    assert said["PerformedStationName"] == "GATEWAY-1"
    assert said["PerformedProcedureStepStartDate"] == "20260304"
    assert said["PerformedProcedureStepStartTime"] == "150607.250"
    assert said["PerformedProcedureStepStatus"] == "IN PROGRESS"
    assert said["PerformedProcedureStepDescription"] == "Fundus both eyes"
    assert said["ProcedureCodeSequence"] == [PROCEDURE]
    assert said["PerformedProtocolCodeSequence"] == [CODE]
    assert said["StudyID"] == "RP-1"
    assert said["Modality"] == "OP"


@pytest.mark.parametrize("subject", [step(), step({}), unscheduled(), unscheduled(Patient("")), step(patient=HINDI)])
@pytest.mark.parametrize("append", [False, True])
def test_every_create_has_its_type_1_and_type_2_attributes(subject: Step | LocalStudy, append: bool) -> None:
    dataset = create_dataset(case(subject, append=append))
    assert [keyword for keyword in TYPE_1 if not dataset.get(keyword)] == []
    assert [keyword for keyword in TYPE_2 if keyword not in dataset] == []
    empty = ("PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime", "PerformedSeriesSequence")
    # an attribute that is not created cannot be set later, so the reason for discontinuing is created as well
    for keyword in (*empty, "PerformedProcedureStepDiscontinuationReasonCodeSequence"):
        assert keyword in dataset
        assert not dataset.get(keyword)
    (item,) = dataset.ScheduledStepAttributesSequence
    assert set(EMPTY_ITEM) <= {element.keyword for element in item}
    assert len(dataset.PerformedProcedureStepID) == 16


def test_an_unscheduled_step_names_its_study_and_nothing_else_of_an_order() -> None:
    said = texts(create_dataset(case(unscheduled(description="Emergency"))))
    assert said["ScheduledStepAttributesSequence"] == [EMPTY_ITEM]
    assert said["PatientID"] == PATIENT.patient_id
    assert said["PerformedProcedureStepDescription"] == "Emergency"
    assert said["PerformedProtocolCodeSequence"] == []
    assert said["ProcedureCodeSequence"] == []
    assert said["StudyID"] == "20260304150607"


def test_an_appended_step_fulfils_the_procedure_but_no_scheduled_step() -> None:
    (item,) = texts(create_dataset(case(append=True)))["ScheduledStepAttributesSequence"]
    assert item == SCHEDULED_ITEM | {
        "ScheduledProcedureStepID": "",
        "ScheduledProcedureStepDescription": "",
        "ScheduledProtocolCodeSequence": [],
    }
    assert texts(create_dataset(case(append=True)))["PerformedProtocolCodeSequence"] == []


def test_a_bare_worklist_answer_leaves_what_it_lacks_empty() -> None:
    (item,) = texts(create_dataset(case(step({}, accession_number="", description=""))))[
        "ScheduledStepAttributesSequence"
    ]
    assert (item["AccessionNumber"], item["ReferencedStudySequence"]) == ("", [])
    assert item["ScheduledProcedureStepDescription"] == ""


def test_an_identifier_is_refused_rather_than_cut() -> None:
    with pytest.raises(InvalidObject, match="Accession Number"):
        create_dataset(case(step(accession_number="A" * 17)))


def test_the_final_set_of_a_completed_step() -> None:
    said = texts(set_dataset(case(), result()))
    assert said["PerformedProcedureStepStatus"] == "COMPLETED"
    assert said["PerformedProcedureStepEndDate"] == "20260304"
    assert said["PerformedProcedureStepEndTime"] == "151307.250"
    assert "PerformedProcedureStepDiscontinuationReasonCodeSequence" not in said
    first, second = said["PerformedSeriesSequence"]
    assert first == {
        "SeriesInstanceUID": "1.2.3.4.1",
        "ProtocolName": "Fundus both eyes",
        "SeriesDescription": "Fundus",
        "PerformingPhysicianName": "Perform^Paula",
        "OperatorsName": "Nurse^Nina",
        "RetrieveAETitle": "",
        "ReferencedImageSequence": [
            {"ReferencedSOPClassUID": OP, "ReferencedSOPInstanceUID": "1.2.3.4.1.1"},
            {"ReferencedSOPClassUID": OP, "ReferencedSOPInstanceUID": "1.2.3.4.1.2"},
        ],
        "ReferencedNonImageCompositeSOPInstanceSequence": [],
    }
    assert second["ReferencedImageSequence"] == []
    assert second["ReferencedNonImageCompositeSOPInstanceSequence"] == [
        {"ReferencedSOPClassUID": PDF, "ReferencedSOPInstanceUID": "1.2.3.4.2.1"}
    ]
    assert {key: said[key] for key in ("ProcedureCodeSequence", "PerformedProtocolCodeSequence")} == {
        "ProcedureCodeSequence": [PROCEDURE],
        "PerformedProtocolCodeSequence": [CODE],
    }


@pytest.mark.parametrize("reason", DISCONTINUATION_REASONS)
def test_the_final_set_of_a_discontinued_step_names_its_reason(reason: str) -> None:
    said = texts(set_dataset(case(), result(PerformedClosing(PerformedOutcome.DISCONTINUED, reason))))
    assert said["PerformedProcedureStepStatus"] == "DISCONTINUED"
    assert said["PerformedProcedureStepDiscontinuationReasonCodeSequence"] == [
        {"CodeValue": reason, "CodingSchemeDesignator": "DCM", "CodeMeaning": DISCONTINUATION_REASONS[reason]}
    ]


def test_a_set_changes_only_what_was_created_and_may_change() -> None:
    for subject in (step(), unscheduled(), step(patient=HINDI)):
        created, changed = create_dataset(case(subject)), set_dataset(case(subject), result())
        keywords = {element.keyword for element in changed}
        assert keywords <= {element.keyword for element in created}
        assert not keywords & NEVER_SET


def test_unknown_reasons_and_steps_without_series_are_a_defect() -> None:
    with pytest.raises(ValueError, match="9300"):
        set_dataset(case(), result(PerformedClosing(PerformedOutcome.DISCONTINUED, "1")))
    with pytest.raises(ValueError, match="series"):
        set_dataset(case(), replace(result(), series=()))


def test_the_set_keeps_the_character_set_of_the_create() -> None:
    plain = case()
    assert "SpecificCharacterSet" not in create_dataset(plain)
    changed = set_dataset(plain, result(operators=("Müller^Ute", "Nurse^Nina")))
    assert "SpecificCharacterSet" not in changed
    assert changed.PerformedSeriesSequence[0].OperatorsName == "Nurse^Nina"
    hindi = case(step(patient=HINDI))
    assert create_dataset(hindi).SpecificCharacterSet == "ISO_IR 192"
    changed = set_dataset(hindi, result(operators=("Müller^Ute",)))
    assert changed.SpecificCharacterSet == "ISO_IR 192"
    assert changed.PerformedSeriesSequence[0].OperatorsName == "Müller^Ute"


def test_text_that_only_the_set_says_counts_for_the_character_set_of_the_create() -> None:
    assert create_dataset(replace(case(), series_description="Augenhintergrund übersichtlich")).SpecificCharacterSet


SHARED = (
    "PerformedProcedureStepID",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "PerformedProcedureStepDescription",
    "PerformedProtocolCodeSequence",
    "ProcedureCodeSequence",
    "PatientName",
    "PatientID",
    "StudyID",
    "Modality",
)


@pytest.mark.parametrize("subject", [step(), step(patient=HINDI), unscheduled(description="Emergency")])
@pytest.mark.parametrize("append", [False, True])
def test_images_and_performed_step_say_the_same(subject: Step | LocalStudy, append: bool) -> None:
    about = case(subject, append=append)
    image = build(
        order(
            PROFILE.sop_class,
            subject=subject,
            profile={"series_description": "Fundus"},
            performed=about.performed,
            study_started_at=about.study_started_at,
        )
    ).dataset
    created, changed = create_dataset(about), set_dataset(about, result())
    (reference,) = image.ReferencedPerformedProcedureStepSequence
    assert reference.ReferencedSOPClassUID == PERFORMED_STEP_UID
    assert reference.ReferencedSOPInstanceUID == about.performed.sop_instance_uid
    for keyword in SHARED:
        assert keyword in keyword_dict
        assert (image.get(keyword) or "") == (created.get(keyword) or ""), keyword
    first = changed.PerformedSeriesSequence[0]
    for keyword in ("ProtocolName", "SeriesDescription"):
        assert image.get(keyword) == first.get(keyword), keyword
    assert (image.get("PerformingPhysicianName") or "") == first.PerformingPhysicianName


def test_an_appended_image_names_the_procedure_and_no_scheduled_step() -> None:
    image = build(order(PROFILE.sop_class, performed=case(append=True).performed)).dataset
    (item,) = image.RequestAttributesSequence
    assert item.RequestedProcedureID == "RP-1"
    assert "ScheduledProcedureStepID" not in item
    assert "ScheduledProtocolCodeSequence" not in item


def test_an_image_of_no_performed_step_says_nothing_of_one() -> None:
    image = build(order(PROFILE.sop_class)).dataset
    assert "ReferencedPerformedProcedureStepSequence" not in image
    assert "PerformedProcedureStepID" not in image
