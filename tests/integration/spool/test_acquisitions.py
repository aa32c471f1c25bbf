"""Acquisitions in the ledger: recorded once, claimed by one, moved only along the table, looked at again."""

from datetime import timedelta

import pytest

from gateway.domain.acquisition import Hint, HintKind, PartRole
from gateway.domain.errors import UnreadableInput
from gateway.domain.identifiers import AcquisitionId
from gateway.domain.lifecycle import AcquisitionState, IllegalTransition
from gateway.domain.procedure import Hold, StepKey
from gateway.domain.requests import RequestKind
from gateway.spool.captures import DeviceMemory, StoredPart
from gateway.spool.duplicates import Twin
from tests.support.ledger import NOON, TestSpool, fault, finding, step


def digest_of_first(spool: TestSpool) -> str:
    return str(spool.row("acquisition", 1)["digest"])


def test_what_is_recorded_is_what_was_found(spool: TestSpool) -> None:
    hints = (Hint(HintKind.PATIENT_ID, "P1", "file name"),)
    number = spool.record(name=b"eye \xff.jpg", hints=hints)
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.acquisition.id == number
    assert claimed.acquisition.hints == hints
    assert claimed.acquisition.captured_at == NOON
    assert claimed.acquisition.display_name == r"eye \xff.jpg"
    assert claimed.acquisition.state is AcquisitionState.CAPTURED
    assert (claimed.active, claimed.step, claimed.local, claimed.thumbnail) == (None, None, None, None)
    parts = spool.rows("SELECT * FROM part")
    assert [(part["role"], part["source_name"]) for part in parts] == [(PartRole.PRIMARY.value, b"eye \xff.jpg")]


def test_a_finding_with_a_fault_is_kept_and_set_aside(spool: TestSpool) -> None:
    number = spool.record(fault=UnreadableInput("The file is cut off.", remedy="Export it again."))
    row = spool.row("acquisition", number)
    assert (row["state"], row["reason"], row["remedy"]) == ("quarantined", "The file is cut off.", "Export it again.")
    assert spool.acquisitions.claim_next(spool.run()) is None


def test_the_same_bytes_in_the_same_exam_are_a_duplicate(spool: TestSpool) -> None:
    number = spool.record()
    digest = digest_of_first(spool)
    assert spool.captures.same_bytes("fundus", finding(name=b"copy.jpg", mtime_ns=9), digest) == number


def test_the_same_file_is_a_duplicate_in_any_exam(spool: TestSpool) -> None:
    number = spool.record(exam_key="idle-20260304T120000")
    digest = digest_of_first(spool)
    assert spool.captures.same_bytes("fundus", finding(exam_key="idle-20260304T130000"), digest) == number


def test_what_is_not_a_duplicate(spool: TestSpool) -> None:
    spool.record()
    digest = digest_of_first(spool)
    ask = spool.captures.same_bytes
    assert ask("fundus", finding(exam_key="exam-2", name=b"copy.jpg"), digest) is None
    assert ask("fundus", finding(exam_key="exam-2", mtime_ns=2), digest) is None
    assert ask("fundus", finding(), "0" * 64) is None
    assert ask("other", finding(), digest) is None


def patient(*ids: str) -> tuple[Hint, ...]:
    return tuple(Hint(HintKind.PATIENT_ID, value, "file name") for value in ids)


def test_the_same_bytes_under_another_identity_are_a_twin(spool: TestSpool) -> None:
    number = spool.record(hints=patient("P1"))
    digest = digest_of_first(spool)
    other = finding(name=b"copy.jpg", mtime_ns=9, hints=patient("P2"))
    twin = spool.captures.same_bytes("fundus", other, digest)
    assert isinstance(twin, Twin)
    assert (twin.original, twin.captured_exam_key) == (number, "exam-1")
    second = spool.captures.record("fundus", other, [StoredPart(other.parts[0], digest, 7, "second")], twin=twin)
    row = spool.row("acquisition", second)
    assert (row["twin_of"], row["captured_exam_key"]) == (number, "exam-1")
    assert row["exam_key"] != "exam-1"
    # each of them is seen again as itself, and by itself the exam goes on
    for hints, known in ((patient("P1"), number), (patient("P2"), second), ((), number)):
        third = finding(name=b"third.jpg", mtime_ns=11, hints=hints)
        assert spool.captures.same_bytes("fundus", third, digest) == known
    assert isinstance(
        spool.captures.same_bytes("fundus", finding(name=b"x", mtime_ns=12, hints=patient("P3")), digest), Twin
    )
    latest = DeviceMemory(spool.database, "fundus", spool.clock).latest_exam()
    assert latest is not None
    assert latest[0] == "exam-1"


def test_the_very_same_file_is_seen_again_whatever_stands_beside_it(spool: TestSpool) -> None:
    number = spool.record(hints=patient("P1"))
    again = finding(exam_key="exam-2", hints=patient("P2"))
    assert spool.captures.same_bytes("fundus", again, digest_of_first(spool)) == number


def test_a_duplicate_is_remembered_once_and_makes_nothing(spool: TestSpool) -> None:
    number = spool.record()
    digest = digest_of_first(spool)
    again = finding(name=b"copy.jpg", mtime_ns=9)
    memory = DeviceMemory(spool.database, "fundus", spool.clock)
    assert not memory.is_known(again.parts[0])
    for _ in range(3):
        spool.captures.record_duplicate("fundus", again, digest, number)
    assert memory.is_known(again.parts[0])
    assert len(spool.rows("SELECT * FROM acquisition")) == 1
    assert spool.journal().count(("seen again", "acquisition 1")) == 1


def test_memory_is_of_one_device(spool: TestSpool) -> None:
    memory = DeviceMemory(spool.database, "fundus", spool.clock)
    other = DeviceMemory(spool.database, "other", spool.clock)
    assert memory.latest_exam() is None
    spool.record(exam_key="new", captured_at=NOON)
    spool.record(b"2", exam_key="old", captured_at=NOON - timedelta(days=1), name=b"2")
    assert memory.latest_exam() == ("new", NOON)
    assert memory.is_known(finding().parts[0])
    assert not memory.is_known(finding(mtime_ns=2).parts[0])
    assert (other.latest_exam(), other.is_known(finding().parts[0])) == (None, False)


def test_claims_go_oldest_first_and_each_to_one_run(spool: TestSpool) -> None:
    numbers = [spool.record(b"%d" % n, exam_key=str(n)) for n in range(3)]
    runs = [spool.run(role) for role in ("one", "two", "three", "four")]
    claimed = [spool.acquisitions.claim_next(run) for run in runs]
    assert [c.acquisition.id if c else None for c in claimed] == [*numbers, None]


def test_a_claim_without_an_outcome_is_claimed_again_by_the_same_run_and_counted(spool: TestSpool) -> None:
    first = spool.record()
    spool.record(b"2", exam_key="2")
    run = spool.run()
    seen = [spool.acquisitions.claim_next(run) for _ in range(3)]
    assert [(c.acquisition.id, c.unfinished_claims) for c in seen if c] == [(first, 0), (first, 1), (first, 2)]


def test_the_count_of_claims_survives_a_crash_and_ends_with_an_outcome(spool: TestSpool) -> None:
    number = spool.record()
    for count in range(3):
        claimed = spool.acquisitions.claim_next(spool.run())
        assert claimed is not None
        assert claimed.unfinished_claims == count
    spool.acquisitions.postponed(number, fault(), spool.clock.now())
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.unfinished_claims == 0


def test_postponed_waits_until_it_is_due(spool: TestSpool) -> None:
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.postponed(number, fault(), spool.clock.now() + timedelta(seconds=60))
    assert spool.acquisitions.claim_next(run) is None
    spool.clock.advance(60)
    assert spool.acquisitions.claim_next(run) is not None


def test_a_clock_that_was_years_ahead_delays_nothing(spool: TestSpool) -> None:
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.clock.advance(10 * 365 * 86400)
    spool.acquisitions.postponed(number, fault(), spool.clock.now() + timedelta(seconds=60))
    spool.clock.put_back(10 * 365 * 86400)
    assert spool.acquisitions.claim_next(run) is not None


def test_matched_keeps_the_claim_and_the_step_as_it_was(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.match(number)
    row = spool.row("acquisition", number)
    assert (row["state"], row["claimed_by"], row["rule"], row["step"]) == ("matched", run.id, "accession_number", 1)
    claimed = spool.acquisitions.claim_next(spool.run())
    assert claimed is not None
    assert claimed.step == step()


def test_held_waits_for_a_person_until_the_worklist_changes(spool: TestSpool) -> None:
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.held(number, Hold("No step fits.", "Choose one."))
    assert spool.acquisitions.claim_next(run) is None
    assert spool.acquisitions.look_again_at_holds() == 1
    claimed = spool.acquisitions.claim_next(run)
    assert claimed is not None
    assert claimed.acquisition.state is AcquisitionState.HELD
    spool.acquisitions.held(number, Hold("Still no step fits.", "Choose one."))
    row = spool.row("acquisition", number)
    assert (row["state"], row["reason"], row["claimed_by"]) == ("held", "Still no step fits.", None)
    assert spool.acquisitions.claim_next(run) is None


def test_a_hold_with_candidates_waits_for_a_person_whatever_the_worklist_says(spool: TestSpool) -> None:
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.look_again_at_holds()
    spool.acquisitions.held(number, Hold("Two fit.", "Choose one.", (step(1).key, step(2).key)))
    assert spool.acquisitions.look_again_at_holds() == 0
    assert spool.acquisitions.claim_next(run) is None


def test_a_worklist_that_changes_while_one_is_being_matched_is_not_missed(spool: TestSpool) -> None:
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.look_again_at_holds()  # the answer came after the candidates were read
    spool.acquisitions.held(number, Hold("No step fits.", "Choose one."))
    assert spool.acquisitions.claim_next(run) is not None
    spool.acquisitions.held(number, Hold("No step fits.", "Choose one."))
    assert spool.acquisitions.claim_next(run) is None


def test_a_second_look_that_meets_a_passing_fault_is_taken_again(spool: TestSpool) -> None:
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.held(number, Hold("No step fits.", ""))
    spool.acquisitions.look_again_at_holds()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.postponed(number, fault(), spool.clock.now())
    assert spool.acquisitions.claim_next(run) is not None


def test_a_hold_can_be_matched_at_the_second_look(spool: TestSpool) -> None:
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.held(number, Hold("No step fits.", ""))
    spool.acquisitions.look_again_at_holds()
    spool.acquisitions.claim_next(run)
    spool.match(number)
    assert spool.row("acquisition", number)["state"] == "matched"


def test_quarantine_keeps_reason_and_remedy(spool: TestSpool) -> None:
    number = spool.record()
    spool.acquisitions.claim_next(spool.run())
    spool.acquisitions.quarantined(number, UnreadableInput("No picture.", remedy="Export it again."))
    row = spool.row("acquisition", number)
    assert (row["state"], row["reason"], row["remedy"], row["phase"]) == (
        "quarantined",
        "No picture.",
        "Export it again.",
        "decode",
    )


def test_what_is_assembled_can_no_more_be_held(spool: TestSpool) -> None:
    number = spool.deliverable()
    with pytest.raises(IllegalTransition):
        spool.acquisitions.held(number, Hold("", ""))
    with pytest.raises(IllegalTransition):
        spool.acquisitions.quarantined(number, fault())
    assert spool.row("acquisition", number)["state"] == "assembled"


def open_step(spool: TestSpool, number: int = 1) -> None:
    spool.desk.file(RequestKind.OPEN_STEP, {"device": "fundus", "step": str(number)}, by="nurse")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)


def active_of(spool: TestSpool, number: AcquisitionId) -> StepKey | None:
    snapshot = spool.row("acquisition", number)["active_snapshot"]
    return None if snapshot is None else step().key


def test_a_capture_belongs_to_the_step_that_was_open_when_it_was_taken(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    open_step(spool)
    spool.clock.advance(5)
    during = spool.record(captured_at=spool.clock.now())
    assert active_of(spool, during) == step().key
    rounded_down = spool.record(b"2", exam_key="2", captured_at=spool.clock.now() - timedelta(seconds=7))
    assert active_of(spool, rounded_down) == step().key


def test_a_backlog_of_the_patient_before_never_belongs_to_the_step_opened_since(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    taken = spool.clock.now()
    spool.clock.advance(600)
    open_step(spool)
    late = spool.record(captured_at=taken)
    assert active_of(spool, late) is None


def test_a_device_clock_keeps_no_step_open(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    open_step(spool)
    spool.record(captured_at=spool.clock.now() + timedelta(days=3000))
    spool.clock.advance(3601)
    assert spool.steps.close_idle("fundus", 3600)
