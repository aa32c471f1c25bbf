"""When performed steps begin and end, what they list, and what a late or a repeated acquisition does."""

from dataclasses import replace

import pytest

from gateway.domain.objects import LocalStudy
from gateway.domain.performed_step import PerformedOutcome
from gateway.domain.procedure import Patient
from gateway.domain.requests import RequestKind
from tests.support.ledger import NOON, fault, step
from tests.support.performed import RULES, Performed

HALF_AN_HOUR = RULES.complete_after.total_seconds()
EMERGENCY = LocalStudy(Patient("TEMP-1"), "Emergency")


def test_the_first_acquisition_begins_a_step_and_the_next_ones_join_it(performed: Performed) -> None:
    first, _ = performed.make()
    performed.clock.advance(100)
    second, _ = performed.make()
    third, _ = performed.make(exam_key="exam-2")
    assert first == second == third
    (line,) = performed.lines()
    assert (line.state, line.started_at, line.accession_number) == ("open", NOON, "A1")
    assert performed.states() == [("create", "pending")]


def test_two_steps_on_one_device_do_not_mix(performed: Performed) -> None:
    one, first = performed.make(step(1))
    two, second = performed.make(step(2))
    assert one != two
    assert first.partition("/")[0] != second.partition("/")[0]
    performed.close()
    assert [line.instances for line in performed.lines()] == [1, 1]


def test_identity_is_minted_once_however_often_the_work_begins_again(performed: Performed) -> None:
    number = performed.capture()
    begun, first = performed.begin(number)
    case = performed.ledger.of_acquisition(number)
    again, second = performed.ledger.begin(number, first, peers=("RIS",), captured_at=NOON)
    assert case == first == second
    assert begun == again == performed.lines()[0].number
    assert performed.states() == [("create", "pending")]


def test_what_is_built_keeps_the_step_it_refers_to(performed: Performed) -> None:
    number = performed.capture()
    kept, case = performed.begin(number)
    performed.build(number, kept)
    performed.close()
    assert performed.ledger.begin(number, case, peers=("RIS",), captured_at=NOON) == (kept, case)


def test_a_step_that_an_operator_closes_is_completed_with_every_instance_in_order(performed: Performed) -> None:
    performed.open_step(step())
    made = [performed.make()[1] for _ in range(3)]
    performed.close()
    (line,) = performed.lines()
    assert (line.state, line.outcome, line.reason, line.instances) == ("closed", "completed", "", 3)
    (result,) = performed.results()
    assert [f"{one.series_instance_uid}/{uid}" for one in result.series for _, uid in one.instances] == made
    assert performed.states() == [("create", "pending"), ("set", "pending")]


def test_the_step_ends_with_its_last_acquisition(performed: Performed) -> None:
    performed.make()
    performed.clock.advance(300)
    performed.make()
    last = performed.clock.now()
    performed.clock.advance(HALF_AN_HOUR)
    performed.look()
    performed.clock.advance(60)
    performed.look()
    (result,) = performed.results()
    assert (result.ended_at, result.closing.outcome) == (last, PerformedOutcome.COMPLETED)


def test_opening_another_step_completes_the_one_before(performed: Performed) -> None:
    performed.open_step(step(1))
    performed.make(step(1))
    performed.open_step(step(2))
    performed.look()
    assert [line.state for line in performed.lines()] == ["closing"]


def test_a_step_that_is_open_on_the_device_goes_on_however_long_nothing_comes(performed: Performed) -> None:
    performed.open_step(step())
    performed.make()
    performed.clock.advance(10 * HALF_AN_HOUR)
    performed.look()
    assert [line.state for line in performed.lines()] == ["open"]


def test_without_an_open_step_a_pause_completes_it_and_not_before(performed: Performed) -> None:
    performed.make()
    performed.clock.advance(HALF_AN_HOUR - 1)
    performed.look()
    assert [line.state for line in performed.lines()] == ["open"]
    performed.clock.advance(2)
    performed.look()
    assert [line.state for line in performed.lines()] == ["closing"]


def test_a_clock_put_back_counts_the_pause_anew(performed: Performed) -> None:
    performed.make()
    performed.clock.put_back(86_400)
    performed.clock.seconds += 10
    performed.look()
    performed.clock.advance(HALF_AN_HOUR + 1)
    performed.look()
    assert [line.state for line in performed.lines()] == ["closing"]


def test_the_end_waits_for_acquisitions_that_are_still_on_their_way(performed: Performed) -> None:
    performed.make()
    late = performed.capture()
    performed.close()
    assert [line.state for line in performed.lines()] == ["closing"]
    number, _ = performed.begin(late)
    performed.build(late, number)
    performed.clock.advance(60)
    performed.look()
    assert [(line.state, line.instances) for line in performed.lines()] == [("closed", 2)]


def test_the_end_waits_for_files_that_are_still_settling(performed: Performed) -> None:
    performed.make()
    performed.ask(RequestKind.CLOSE_STEP, device="fundus")
    performed.look()
    assert [line.state for line in performed.lines()] == ["closing"]
    captured_before = performed.capture(at=performed.clock.now())
    performed.clock.advance(5)
    number, case = performed.begin(captured_before)
    performed.build(captured_before, number)
    assert not case.performed.append
    performed.clock.advance(20)
    performed.look()
    assert [(line.state, line.instances) for line in performed.lines()] == [("closed", 2)]


def test_an_acquisition_after_the_end_begins_an_appended_step_with_series_of_its_own(performed: Performed) -> None:
    _, before = performed.make()
    performed.close()
    number = performed.capture()
    appended, case = performed.begin(number)
    after = performed.build(number, appended)
    assert case.performed.append
    assert before.partition("/")[0] != after.partition("/")[0]
    performed.close()
    first, second = performed.results()
    assert [len(one.instances) for one in (*first.series, *second.series)] == [1, 1]
    assert performed.states() == [("create", "pending"), ("set", "pending")] * 2


def test_what_follows_a_discontinued_step_resumes_it(performed: Performed) -> None:
    performed.make()
    assert performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="110515") == (True, "closed")
    performed.clock.advance(60)
    performed.look()
    _, case = performed.begin(performed.capture())
    assert not case.performed.append


def test_a_step_of_which_nothing_could_be_made_is_discontinued(performed: Performed) -> None:
    number = performed.capture()
    performed.begin(number)
    performed.spool.acquisitions.quarantined(number, fault())
    performed.close()
    (result,) = performed.results()
    assert (result.closing.outcome, result.closing.reason) == (PerformedOutcome.DISCONTINUED, "110513")
    (series,) = result.series
    assert series.instances == ()


def test_an_unscheduled_study_has_a_step_of_its_own_that_is_never_appended(performed: Performed) -> None:
    number = performed.capture()
    spool = performed.spool
    spool.run_sql("UPDATE acquisition SET state = 'matched' WHERE id = ?", number)
    begun, case = performed.begin(number, EMERGENCY, study_uid="2.25.9")
    performed.build(number, begun, "2.25.9")
    performed.close()
    again = performed.capture()
    spool.run_sql("UPDATE acquisition SET state = 'matched' WHERE id = ?", again)
    _, later = performed.begin(again, EMERGENCY, study_uid="2.25.9")
    assert case.subject == later.subject == EMERGENCY
    assert not later.performed.append
    assert case.performed != later.performed
    assert [line.instances for line in performed.lines()] == [1, 0]


class TestPersons:
    def test_a_reason_of_the_list_is_asked_for(self, performed: Performed) -> None:
        performed.make()
        ok, outcome = performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="1")
        assert not ok
        assert "110514 Incorrect worklist entry selected" in outcome

    def test_a_reason_never_reaches_two_patients(self, performed: Performed) -> None:
        one, _ = performed.make(step(1))
        two, _ = performed.make(step(2))
        ok, outcome = performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="110505")
        assert (ok, f"({one}, {two})" in outcome) == (False, True)
        asked = {"device": "fundus", "discontinue": "110505", "performed": str(two)}
        assert performed.ask(RequestKind.CLOSE_STEP, **asked) == (True, f"performed step {two} closed")
        assert [(line.state, line.reason) for line in performed.lines()] == [("open", ""), ("closing", "110505")]
        assert performed.ask(RequestKind.CLOSE_STEP, **asked)[0] is False

    def test_a_wrong_worklist_entry_is_said_so(self, performed: Performed) -> None:
        performed.open_step(step())
        performed.make()
        assert performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="110514")[0]
        performed.clock.advance(60)
        performed.look()
        (result,) = performed.results()
        assert result.closing.reason == "110514"
        assert performed.spool.rows("SELECT * FROM active_step") == []

    def test_discontinuing_waits_until_the_pictures_have_joined_the_step(self, performed: Performed) -> None:
        performed.open_step(step())
        number = performed.capture()
        ok, outcome = performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="110505")
        assert (ok, outcome) == (False, "Its pictures are still being assembled; ask again in a moment.")
        performed.begin(number)
        assert performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="110505") == (True, "closed")

    def test_a_step_without_any_capture_is_closed_and_nothing_is_reported(self, performed: Performed) -> None:
        performed.open_step(step())
        ok, outcome = performed.ask(RequestKind.CLOSE_STEP, device="fundus", discontinue="110507")
        assert ok
        assert "nothing to report" in outcome
        assert performed.states() == []

    def test_closing_where_nothing_goes_on_is_refused(self, performed: Performed) -> None:
        assert performed.ask(RequestKind.CLOSE_STEP, device="fundus") == (False, "No step is open on that device.")

    @pytest.mark.parametrize("report", ["7", "x"])
    def test_retrying_a_report_that_is_none_is_refused(self, performed: Performed, report: str) -> None:
        assert performed.ask(RequestKind.RETRY_REPORT, report=report)[0] is False


def test_no_peer_means_no_report_and_no_trouble(performed: Performed) -> None:
    number = performed.capture()
    performed.begin(number)
    performed.stage(peers=()).round()
    assert performed.issues() == ["performed.orphan.RIS"]
    performed.stage().round()
    assert performed.issues() == []


def test_the_step_of_a_device_that_was_removed_ends_all_the_same(performed: Performed) -> None:
    performed.make()
    performed.clock.advance(HALF_AN_HOUR + 1)
    for _ in range(2):
        performed.stage(devices=()).round()
        performed.clock.advance(60)
    assert [line.state for line in performed.lines()] == ["closed"]


def test_an_entry_that_was_given_to_another_patient_begins_a_step_of_its_own(performed: Performed) -> None:
    """The worklist gave it away and a person accepted that: no list may name pictures of two patients."""
    first, before = performed.make(step(1))
    other = replace(step(1), patient=Patient("P9", "HOSP", "Other^Person", "19700101", "M"))
    second, after = performed.make(other)
    third, _ = performed.make(other)
    assert (first != second, second == third) == (True, True)
    performed.close()
    lines = {line.patient_id: line for line in performed.lines()}
    assert (lines["P1"].outcome, lines["P9"].outcome) == ("completed", "completed")
    assert (lines["P1"].instances, lines["P9"].instances, lines["P9"].append) == (1, 2, False)
    assert before.split("/")[0] != after.split("/")[0], "nor may a series"
    same_again, _ = performed.make(other)
    assert [line.append for line in performed.lines() if line.number == same_again] == [True]
