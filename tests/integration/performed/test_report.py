"""Reports to a peer that keeps the standard's state machine: in order, once, through lost answers and refusals."""

import pytest

from gateway.domain.checkpoints import Checkpoint
from gateway.domain.requests import RequestKind
from gateway.stages.report import ReportStage
from tests.support.ledger import step
from tests.support.mpps_scp import EXPLICIT, IMPLICIT, strict_mpps
from tests.support.performed import Performed
from tests.support.ports import free_port

CREATE, SET = "N-CREATE", "N-SET"


def told(said: list[tuple[str, str, int]]) -> list[tuple[str, int]]:
    return [(what, status) for what, _, status in said]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_step_is_created_and_then_completed_with_its_instances(performed: Performed, syntax: str) -> None:
    with strict_mpps(syntaxes=(syntax,)) as (ris, port):
        made = [performed.make()[1] for _ in range(2)]
        performed.send(port)
        assert told(ris.said) == [(CREATE, 0)]
        performed.close()
        performed.send(port)
    assert told(ris.said) == [(CREATE, 0), (SET, 0)]
    (step_there,) = ris.steps.values()
    assert step_there.PerformedProcedureStepStatus == "COMPLETED"
    assert step_there.PatientName == "Dēvī^Sītā"
    assert step_there.SpecificCharacterSet == "ISO_IR 192"
    (series,) = step_there.PerformedSeriesSequence
    listed = [f"{series.SeriesInstanceUID}/{one.ReferencedSOPInstanceUID}" for one in series.ReferencedImageSequence]
    assert listed == made
    assert performed.states() == [("create", "done"), ("set", "done")]


def test_a_discontinued_step_names_its_reason(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        performed.make()
        performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="110514")
        performed.clock.advance(60)
        performed.look()
        performed.send(port)
    (there,) = ris.steps.values()
    assert there.PerformedProcedureStepStatus == "DISCONTINUED"
    (reason,) = there.PerformedProcedureStepDiscontinuationReasonCodeSequence
    assert (reason.CodeValue, reason.CodingSchemeDesignator) == ("110514", "DCM")


def test_the_end_is_never_told_before_the_start(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        performed.make()
        performed.close()
        ris.plan.extend([0x0110, 0x0213, 0x0110])
        performed.send(port, hours=1)
    assert told(ris.said) == [(CREATE, 0x0110), (CREATE, 0x0213), (CREATE, 0x0110), (CREATE, 0), (SET, 0)]


def test_trouble_with_one_step_does_not_hold_up_another(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        ris.plan.append(0x0106)
        performed.make(step(1))
        performed.make(step(2))
        performed.close()
        performed.send(port, hours=1)
    assert told(ris.said) == [(CREATE, 0x0106), (CREATE, 0), (SET, 0)]
    assert performed.states() == [("create", "parked"), ("create", "done"), ("set", "pending"), ("set", "done")]
    assert performed.issues() == []
    performed.stage().round()
    assert performed.issues() == ["performed.parked"]


def test_a_lost_answer_to_a_create_is_no_duplicate(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        ris.plan.append("lose")
        performed.make()
        performed.close()
        performed.send(port, hours=1)
    assert told(ris.said) == [(CREATE, 0), (CREATE, 0x0111), (SET, 0)]
    assert performed.states() == [("create", "done"), ("set", "done")]
    assert performed.issues() == []


@pytest.mark.parametrize("error_ids", [True, False])
def test_a_lost_answer_to_a_set_leaves_the_step_final(performed: Performed, *, error_ids: bool) -> None:
    with strict_mpps() as (ris, port):
        ris.error_ids = error_ids
        ris.plan.extend(["take", "lose"])
        performed.make()
        performed.close()
        performed.send(port, hours=1)
    assert told(ris.said) == [(CREATE, 0), (SET, 0), (SET, 0x0110)]
    assert performed.states() == [("create", "done"), ("set", "done")]


def test_a_duplicate_that_this_box_never_sent_needs_a_person(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        ris.plan.append(0x0111)
        performed.make()
        performed.send(port, hours=1)
    assert performed.states() == [("create", "parked")]


def test_a_step_that_somebody_else_ended_needs_a_person(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        performed.make()
        performed.send(port)
        (there,) = ris.steps.values()
        there.PerformedProcedureStepStatus = "DISCONTINUED"
        performed.close()
        performed.send(port, hours=1)
        assert performed.states() == [("create", "done"), ("set", "parked")]
        (line,) = performed.lines()
        assert "not by this box" in line.reports[1].error
        there.PerformedProcedureStepStatus = "IN PROGRESS"
        assert performed.ask(RequestKind.RETRY_REPORT, report=str(line.reports[1].number)) == (True, "due now")
        performed.send(port)
    assert performed.states() == [("create", "done"), ("set", "done")]


def test_a_final_step_whose_peer_gives_no_reason_needs_a_person_in_the_end(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        ris.error_ids = False
        performed.make()
        performed.send(port)
        (there,) = ris.steps.values()
        there.PerformedProcedureStepStatus = "COMPLETED"
        performed.close()
        performed.send(port, hours=0.1)
        assert performed.states() == [("create", "done"), ("set", "pending")]
        performed.send(port, hours=3)
    assert performed.states() == [("create", "done"), ("set", "parked")]
    (line,) = performed.lines()
    assert "10 tries" in line.reports[1].error
    assert "final there already" in line.reports[1].error
    assert "administrator" in line.reports[1].remedy
    assert len(ris.said) == 11


def test_a_start_that_is_refused_again_and_again_is_an_issue_while_it_is_tried(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        ris.plan.extend([0x0110] * 9)
        performed.make()
        performed.send(port, hours=0.03)
        performed.look()
        assert performed.issues() == []
        performed.send(port, hours=0.05)
        performed.stage().round()
        assert performed.issues() == ["performed.refused"]
        performed.send(port, hours=1)
        performed.stage().round()
    assert performed.states() == [("create", "done")]
    assert performed.issues() == []


def test_a_peer_that_forgot_the_step_gets_it_again(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        performed.make()
        performed.send(port)
        ris.steps.clear()
        performed.close()
        performed.send(port)
    assert told(ris.said) == [(CREATE, 0), (SET, 0x0112), (CREATE, 0), (SET, 0)]
    assert performed.states() == [("create", "done"), ("set", "done")]


def test_a_peer_that_always_forgets_is_not_asked_for_ever(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        ris.plan.extend([0, 0x0112] * 20)
        performed.make()
        performed.close()
        performed.send(port, hours=2)
    assert performed.states() == [("create", "done"), ("set", "parked")]
    assert len(ris.said) < 20


def test_an_abort_is_tried_again_and_its_issue_goes_when_the_peer_answers(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        ris.plan.extend(["abort", "abort"])
        performed.make()
        performed.send(port)
        assert performed.issues() == ["mpps.RIS.link"]
        performed.send(port, hours=1)
    assert told(ris.said) == [(CREATE, 0)]
    assert performed.issues() == []


def test_a_peer_that_is_away_gets_everything_in_order_when_it_comes_back(performed: Performed) -> None:
    port = free_port()
    for number in range(3):
        performed.make(step(number))
        performed.close()
        performed.send(port)
    assert performed.issues() == ["mpps.RIS.link"]
    performed.clock.advance(86_400)
    with strict_mpps(port) as (ris, _):
        performed.send(port, hours=1)
    assert told(ris.said) == [(CREATE, 0), (SET, 0)] * 3
    assert ris.associations == 1
    assert performed.issues() == []


def test_a_peer_that_takes_no_performed_steps_says_so(performed: Performed) -> None:
    from tests.support.scripted_scp import ScriptedScp, Wire  # noqa: PLC0415 - only this test needs it

    def refuse(wire: Wire) -> None:
        wire.accept(result=3)
        wire.wait_for_end()

    with ScriptedScp(refuse) as scp:
        performed.make()
        performed.send(scp.port)
    (row,) = performed.spool.rows("SELECT * FROM issue")
    assert "does not take performed steps (SOP class not supported)" in row["text"]
    assert "Images are not affected." in row["suggestion"]
    assert performed.states() == [("create", "pending")]


def run_until_idle(stage: ReportStage) -> None:
    while stage.round() == 0.0:
        pass


class Dead(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", [Checkpoint.REPORT_CLAIMED, Checkpoint.REPORT_ANSWERED, Checkpoint.REPORT_COMMITTED])
@pytest.mark.parametrize("message", [1, 2])
def test_power_may_fail_between_any_two_effects(performed: Performed, point: Checkpoint, message: int) -> None:
    left = [message]

    def passage(at: Checkpoint) -> None:
        if at is point:
            left[0] -= 1
            if not left[0]:
                raise Dead

    with strict_mpps() as (ris, port):
        performed.make()
        performed.close()
        with pytest.raises(Dead):
            run_until_idle(performed.reporter(port, passage))
        performed.reports.configure({"RIS": "as it was"})
        performed.send(port, hours=1)
    assert performed.states() == [("create", "done"), ("set", "done")]
    assert [what for what, status in told(ris.said) if status == 0] == [CREATE, SET]


def test_a_report_that_kills_its_worker_is_parked(performed: Performed) -> None:
    def passage(at: Checkpoint) -> None:
        if at is Checkpoint.REPORT_CLAIMED:
            raise Dead

    performed.make()
    for _ in range(5):
        with pytest.raises(Dead):
            performed.reporter(9, passage).round()
    assert performed.reporter(9, passage).round() > 0
    assert performed.states() == [("create", "parked")]
    performed.reports.configure({"RIS": "corrected"})
    assert performed.states() == [("create", "pending")]


def test_a_changed_setting_frees_what_was_parked_and_the_same_one_does_not(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        ris.plan.append(0x0124)
        performed.make()
        performed.send(port)
        performed.reports.configure({"RIS": "as it was"})
        assert performed.states() == [("create", "parked")]
        performed.reports.configure({"RIS": "corrected"})
        performed.send(port)
    assert performed.states() == [("create", "done")]
