"""Performed steps after a correction: no list names what is nobody's; a wrong entry names what an archive may hold."""

import pytest

from gateway.domain.performed_step import PerformedOutcome
from gateway.domain.requests import RequestKind
from gateway.stages.performing import new_case
from tests.support.ledger import NOON, SC, step
from tests.support.mpps_scp import strict_mpps
from tests.support.performed import PROFILE, STATION, Performed


def correct(performed: Performed, acquisition: int, to: str) -> str:
    """A person says that an acquisition belongs to the step of this id."""
    performed.spool.steps.configure(["HIS"])
    performed.spool.steps.answered("HIS", [step(1), step(2)])
    (row,) = performed.spool.rows("SELECT id FROM step WHERE step_id = ?", to)
    ok, outcome = performed.ask(
        RequestKind.CORRECT, acquisitions=str(acquisition), step=str(row["id"]), reason="wrong patient", operator="Asha"
    )
    assert ok, outcome
    return outcome


def build_successor(performed: Performed, of: int) -> str:
    """What assembling makes of the successor of an acquisition; its UIDs."""
    (row,) = performed.spool.rows("SELECT id FROM acquisition WHERE correction_of = ?", of)
    case = new_case(STATION, PROFILE, step(2), step(2).key.study_instance_uid, NOON, sop_class_uid=SC)
    number, _ = performed.ledger.begin(row["id"], case, peers=("RIS",), captured_at=NOON)
    return performed.build(row["id"], number, step(2).key.study_instance_uid)


def test_a_picture_of_another_patient_is_in_no_list_but_its_own(performed: Performed) -> None:
    with strict_mpps() as (ris, port):
        _, right = performed.make(step(1))
        _, wrong = performed.make(step(1))
        outcome = correct(performed, 2, step(2).key.step_id)
        assert "its list will not name these" in outcome
        rebuilt = build_successor(performed, 2)
        performed.close()
        performed.send(port)
    listed = {
        there.PatientID: [
            f"{series.SeriesInstanceUID}/{image.ReferencedSOPInstanceUID}"
            for series in there.PerformedSeriesSequence
            for image in series.ReferencedImageSequence
        ]
        for there in ris.steps.values()
    }
    assert listed == {"P1": [right], "P2": [rebuilt]}
    assert wrong not in {uid for uids in listed.values() for uid in uids}
    assert {there.PerformedProcedureStepStatus for there in ris.steps.values()} == {"COMPLETED"}


def test_a_wholly_wrong_entry_that_never_left_names_nothing(performed: Performed) -> None:
    performed.make(step(1))
    assert "incorrect worklist entry selected" in correct(performed, 1, step(2).key.step_id)
    build_successor(performed, 1)
    performed.close()
    wrong, right = performed.results()
    assert (wrong.closing.outcome, wrong.closing.reason) == (PerformedOutcome.DISCONTINUED, "110514")
    assert [one.instances for one in wrong.series] == [()]
    assert right.closing.outcome is PerformedOutcome.COMPLETED


def test_a_wholly_wrong_entry_names_what_an_archive_may_hold(performed: Performed) -> None:
    _, uids = performed.make(step(1))
    with performed.spool.database.write() as connection:
        connection.execute("UPDATE delivery SET state = 'stored', stored_us = 1, status = '0000'")
    assert "a rejection note is owed to main" in correct(performed, 1, step(2).key.step_id)
    build_successor(performed, 1)
    performed.close()
    wrong, _ = performed.results()
    assert wrong.closing.reason == "110514"
    assert [f"{one.series_instance_uid}/{uid}" for one in wrong.series for _, uid in one.instances] == [uids]


def test_a_list_that_no_peer_was_told_is_made_anew(performed: Performed) -> None:
    """The link was away all day: what the RIS is told in the evening is what stands then."""
    _, right = performed.make(step(1))
    _, wrong = performed.make(step(1))
    performed.close()
    assert performed.states() == [("create", "pending"), ("set", "pending")]
    assert "its list will not name these" in correct(performed, 2, step(2).key.step_id)
    rebuilt = build_successor(performed, 2)
    performed.close()
    (one, other) = performed.results()
    listed = [
        f"{s.series_instance_uid}/{uid}" for result in (one, other) for s in result.series for _, uid in s.instances
    ]
    assert listed == [right, rebuilt]
    assert wrong not in listed
    assert one.closing.outcome is PerformedOutcome.COMPLETED


@pytest.mark.parametrize("trouble", ["take", "lose", "abort", 0x0110])
def test_a_list_that_was_told_or_may_have_been_is_not_changed_and_the_person_is_told(
    performed: Performed, trouble: str | int
) -> None:
    with strict_mpps() as (ris, port):
        performed.make(step(1))
        performed.make(step(1))
        performed.close()
        ris.plan.extend(["take", trouble])
        performed.send(port)
        before = performed.results()
        assert "tell the RIS" in correct(performed, 2, step(2).key.step_id)
        assert performed.results() == before
