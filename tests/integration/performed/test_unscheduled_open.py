"""Performed steps of a patient who is open without an order: told as unscheduled, and what an order changes later."""

from gateway.domain.objects import LocalStudy
from gateway.domain.requests import RequestKind
from gateway.spool.snapshots import local_study_from_text
from gateway.stages.performing import new_case
from tests.support.ledger import NOON, SC, step
from tests.support.mpps_scp import strict_mpps
from tests.support.performed import PROFILE, RULES, STATION, Performed

A_LONG_TIME = 3 * RULES.complete_after.total_seconds()


def open_emergency(performed: Performed, device: str = "fundus") -> tuple[LocalStudy, str]:
    """Open somebody unknown; the local study as it is kept, and its Study Instance UID."""
    ok, outcome = performed.ask(RequestKind.OPEN_UNSCHEDULED, device=device, sex="F", age="50")
    assert ok, outcome
    row = performed.spool.rows("SELECT * FROM local_study ORDER BY id DESC")[0]
    return local_study_from_text(row["snapshot"]), row["study_instance_uid"]


def picture(performed: Performed, study: LocalStudy, uid: str, exam_key: str = "exam-1") -> int:
    """Capture, tie and build one picture of hers; its performed step."""
    number = performed.capture(exam_key=exam_key)
    performed.spool.acquisitions.matched_locally(number, study, uid, "open")
    begun, _ = performed.begin(number, study, study_uid=uid)
    performed.build(number, begun, uid)
    return begun


def reconcile(performed: Performed, **more: str) -> str:
    performed.spool.steps.configure(["HIS"])
    performed.spool.steps.answered("HIS", [step(1)])
    ok, outcome = performed.ask(
        RequestKind.RECONCILE, local_study="1", step="1", operator="Nurse A", although="yes", **more
    )
    assert ok, outcome
    return outcome


def test_it_goes_on_while_she_is_open_and_ends_when_she_is_closed(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        study, uid = open_emergency(performed)
        first = picture(performed, study, uid)
        performed.clock.advance(A_LONG_TIME)
        performed.look()
        assert picture(performed, study, uid, "exam-2") == first
        performed.close()
        performed.send(port)
    (there,) = ris.steps.values()
    assert there.PerformedProcedureStepStatus == "COMPLETED"
    assert sum(len(series.ReferencedImageSequence) for series in there.PerformedSeriesSequence) == 2
    (scheduled,) = there.ScheduledStepAttributesSequence
    assert scheduled.StudyInstanceUID == uid
    assert (scheduled.AccessionNumber, scheduled.RequestedProcedureID, scheduled.ScheduledProcedureStepID) == (
        "",
        "",
        "",
    )
    assert there.PatientID == study.patient.patient_id


def test_opening_a_step_ends_hers(performed: Performed) -> None:
    study, uid = open_emergency(performed)
    picture(performed, study, uid)
    performed.open_step(step(1))
    performed.clock.advance(60)
    performed.look()
    performed.clock.advance(60)
    performed.look()
    assert [(line.state, line.outcome) for line in performed.lines()] == [("closed", "completed")]


def test_two_devices_do_not_mix(performed: Performed) -> None:
    study, uid = open_emergency(performed)
    open_emergency(performed, "ultrasound")
    picture(performed, study, uid)
    ok, _ = performed.ask(RequestKind.CLOSE_STEP, device="ultrasound")
    assert ok
    performed.clock.advance(A_LONG_TIME)
    performed.look()
    assert [line.state for line in performed.lines()] == ["open"]


def test_an_order_changes_nothing_that_was_told_where_only_a_notice_is_left(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        study, uid = open_emergency(performed)
        picture(performed, study, uid)
        performed.close()
        performed.send(port)
        performed.spool.run_sql("UPDATE delivery SET state = 'stored', stored_us = 1, status = '0000'")
        outcome = reconcile(performed)
        assert "performed step 1 stays reported without an order, for the standard lets nobody change that" in outcome
        performed.send(port)
    (there,) = ris.steps.values()
    assert there.PerformedProcedureStepStatus == "COMPLETED"
    assert there.ScheduledStepAttributesSequence[0].AccessionNumber == ""


def test_a_step_in_progress_whose_objects_are_replaced_ends_as_discontinued(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        study, uid = open_emergency(performed)
        picture(performed, study, uid)
        outcome = reconcile(performed)  # nobody has seen the object: it goes out under the order alone
        assert "1 delivery dropped before anything left" in outcome
        assert "Performed step 1 ends as discontinued" in outcome
        (successor,) = performed.spool.rows("SELECT id FROM acquisition WHERE correction_of = 1")
        order = step(1).key.study_instance_uid
        case = new_case(STATION, PROFILE, step(1), order, NOON, sop_class_uid=SC)
        begun, _ = performed.ledger.begin(successor["id"], case, peers=("RIS",), captured_at=NOON)
        performed.build(successor["id"], begun, order)
        performed.clock.advance(60)
        performed.look()
        performed.send(port)
    told = {there.PatientID: there.PerformedProcedureStepStatus for there in ris.steps.values()}
    assert told == {study.patient.patient_id: "DISCONTINUED", "P1": "IN PROGRESS"}
