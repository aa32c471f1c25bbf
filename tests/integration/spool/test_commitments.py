"""Proof beyond stored: kept before it is asked for, matched by Transaction UID, instance by instance."""

from unittest.mock import Mock, patch

import pytest

from gateway.domain.commitment import FAILURE_REASONS, NOT_NAMED, ProofReport, ProofRequest, Reaction, failure_meaning
from gateway.domain.errors import Disposition, Phase
from gateway.domain.instance import StoreOutcome
from gateway.spool.commitments import CommitmentLedger
from gateway.spool.proof_outcomes import ProofPace
from gateway.stages.confirm import ConfirmStage, ProofRules
from gateway.stages.retry import BackOff
from tests.support.ledger import SC, TestSpool, fault

HOUR, DAY = 3600.0, 86_400.0
PACE = ProofPace(idle_s=30, report_s=DAY, early_s=300, again_s=60)


def proofs_of(spool: TestSpool, pace: ProofPace = PACE) -> CommitmentLedger:
    return CommitmentLedger(spool.database, spool.clock, {"main": pace})


def store(spool: TestSpool, count: int = 1, *, first: int = 0) -> None:
    """`count` further instances that the PACS has stored."""
    for number in range(first, first + count):
        spool.deliverable(exam_key=f"exam-{number}", content=b"%d" % number)
    store_due(spool)


def store_due(spool: TestSpool) -> int:
    due = spool.deliveries.claim_due("main", spool.run("forward"), 1000)
    for delivery in due:
        spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    return len(due)


def asked(spool: TestSpool, proofs: CommitmentLedger, *, after_s: float = 400) -> ProofRequest:
    spool.clock.advance(after_s)
    request = proofs.begin("main", 500)
    assert request is not None
    proofs.accepted(request.transaction_uid)
    return request


def kept(request: ProofRequest, *left_out: int) -> frozenset[tuple[str, str]]:
    return frozenset(
        (str(item.sop_class_uid), str(item.sop_instance_uid))
        for number, item in enumerate(request.items)
        if number not in left_out
    )


def denied(request: ProofRequest, reason: int, *which: int) -> ProofReport:
    failed = {(str(request.items[n].sop_class_uid), str(request.items[n].sop_instance_uid)): reason for n in which}
    return ProofReport(request.transaction_uid, kept(request, *which), failed)


def states(spool: TestSpool) -> list[str]:
    return [row["state"] for row in spool.rows("SELECT state FROM delivery ORDER BY id")]


def test_the_transaction_is_kept_before_it_is_asked_and_names_each_instance_once(spool: TestSpool) -> None:
    store(spool, 3)
    proofs = proofs_of(spool)
    assert proofs.begin("main", 500) is None  # more may follow
    request = asked(spool, proofs)
    (row,) = spool.rows("SELECT * FROM commitment")
    assert (row["transaction_uid"], row["state"], row["ended_us"]) == (request.transaction_uid, "waiting", None)
    uids = [row["sop_instance_uid"] for row in spool.rows("SELECT sop_instance_uid FROM instance ORDER BY id")]
    assert [item.sop_instance_uid for item in request.items] == uids
    assert {item.sop_class_uid for item in request.items} == {SC}
    assert proofs.is_open(request.transaction_uid)
    spool.clock.advance(HOUR)
    assert proofs.begin("main", 500) is None  # asked already
    assert proofs_of(spool).begin("main", 500) is None


def test_batches_and_a_steady_stream(spool: TestSpool) -> None:
    store(spool, 5)
    proofs = proofs_of(spool)
    batch = proofs.begin("main", 2)
    assert batch is not None
    assert len(batch.items) == 2  # a full batch waits for nothing
    for number in range(5, 20):
        spool.clock.advance(20)
        store(spool, first=number)
        if proofs.begin("main", 500) is not None:
            break
    assert number == 19  # 300 s, ten idle times after the oldest


def test_a_whole_report_proves_all_and_coming_twice_changes_nothing(spool: TestSpool) -> None:
    store(spool, 3)
    proofs = proofs_of(spool)
    request = asked(spool, proofs)
    for _ in range(2):
        assert proofs.report(ProofReport(request.transaction_uid, kept(request), {}))
    assert states(spool) == ["committed"] * 3
    assert not proofs.is_open(request.transaction_uid)
    assert [row["outcome"] for row in spool.rows("SELECT outcome FROM commitment_item")] == ["committed"] * 3
    assert [event for event, _ in spool.journal()].count("committed") == 3
    assert spool.row("delivery", 1)["committed_us"] is not None
    view = spool.status.destinations()
    assert view == [] or view[0].committed == 3


def test_an_unknown_transaction_is_said_to_be_unknown(spool: TestSpool) -> None:
    store(spool)
    request = asked(spool, proofs_of(spool))
    assert not proofs_of(spool).report(ProofReport("1.2.3", kept(request), {}))
    assert states(spool) == ["stored"]


def test_what_a_report_leaves_out_or_names_wrongly_is_not_proven(spool: TestSpool) -> None:
    store(spool, 3)
    proofs = proofs_of(spool)
    request = asked(spool, proofs)
    other_class = ("1.2.840.10008.5.1.4.1.1.2", str(request.items[1].sop_instance_uid))
    proofs.report(ProofReport(request.transaction_uid, kept(request, 1, 2) | {other_class, (SC, "1.2.3")}, {}))
    assert states(spool) == ["committed", "stored", "stored"]
    row = spool.row("delivery", 2)
    assert (row["phase"], row["proof_rounds"]) == ("commit", 1)
    assert "leaves the object out" in row["error"]
    assert row["status"] == "0000"  # the proof of storing stays
    assert proofs.begin("main", 500) is None
    again = asked(spool, proofs, after_s=60)
    assert [item.sop_instance_uid for item in again.items] == [item.sop_instance_uid for item in request.items[1:]]
    assert again.transaction_uid != request.transaction_uid


def test_an_instance_in_both_lists_is_not_proven(spool: TestSpool) -> None:
    store(spool)
    proofs = proofs_of(spool)
    request = asked(spool, proofs)
    key = next(iter(kept(request)))
    proofs.report(ProofReport(request.transaction_uid, frozenset({key}), {key: 0x0110}))
    assert states(spool) == ["stored"]


def test_what_the_peer_does_not_have_is_stored_again_and_then_asked_again(spool: TestSpool) -> None:
    store(spool, 2)
    proofs = proofs_of(spool)
    request = asked(spool, proofs, after_s=301)
    proofs.report(denied(request, 0x0112, 1))
    assert states(spool) == ["committed", "pending"]
    assert "does not have the object (0112)" in spool.row("delivery", 2)["error"]
    assert store_due(spool) == 1
    assert states(spool) == ["committed", "stored"]
    again = asked(spool, proofs)
    assert len(again.items) == 1
    proofs.report(ProofReport(again.transaction_uid, kept(again), {}))
    assert states(spool) == ["committed", "committed"]
    assert spool.row("delivery", 2)["proof_rounds"] == 0


def test_a_peer_that_was_asked_early_is_asked_again_before_anything_is_stored_again(spool: TestSpool) -> None:
    store(spool)
    proofs = proofs_of(spool)
    request = asked(spool, proofs, after_s=31)
    proofs.report(denied(request, 0x0112, 0))
    assert states(spool) == ["stored"]
    spool.clock.advance(260)
    assert proofs.begin("main", 500) is None
    again = asked(spool, proofs, after_s=20)
    proofs.report(denied(again, 0x0112, 0))
    assert states(spool) == ["pending"]


def test_a_peer_that_never_keeps_what_it_stores_is_not_stored_to_in_a_hot_loop(spool: TestSpool) -> None:
    store(spool)
    proofs = proofs_of(spool)
    waits = []
    for _ in range(5):
        request = asked(spool, proofs)
        proofs.report(denied(request, 0x0112, 0))
        waits.append((spool.row("delivery", 1)["due_us"] - int(spool.clock.now().timestamp() * 1e6)) // 1_000_000)
        spool.clock.advance(waits[-1])
        assert store_due(spool) == 1
    assert waits == [0, 0, 240, 480, 960]
    assert proofs.unproven("main", 5)[0] == 1
    assert proofs.unproven("main", 6)[0] == 0


@pytest.mark.parametrize("reason", [*sorted(FAILURE_REASONS), 0x0999, 0xC000, 0xFFFF])
def test_every_reason_does_what_the_table_says(spool: TestSpool, reason: int) -> None:
    store(spool)
    proofs = proofs_of(spool)
    request = asked(spool, proofs)
    report = denied(request, reason, 0)
    proofs.report(report if reason != NOT_NAMED else ProofReport(request.transaction_uid, frozenset(), {}))
    row = spool.row("delivery", 1)
    wait_s = (row["due_us"] - int(spool.clock.now().timestamp() * 1e6)) / 1e6
    match failure_meaning(reason).reaction:
        case Reaction.STORE_AGAIN:
            assert (row["state"], wait_s) == ("pending", 0)
        case Reaction.PARK:
            assert row["state"] == "parked"
            assert row["remedy"]
        case Reaction.ASK_NO_MORE:
            assert (row["state"], wait_s) == ("stored", DAY)
        case Reaction.ASK_AGAIN:
            assert (row["state"], wait_s) == ("stored", 60)
    assert not spool.rows("SELECT * FROM delivery WHERE state = 'committed'")
    assert failure_meaning(reason).text in row["error"]


def test_without_a_report_in_time_it_is_asked_anew_and_a_late_report_still_proves(spool: TestSpool) -> None:
    store(spool, 2)
    proofs = proofs_of(spool)
    first = asked(spool, proofs)
    spool.clock.advance(DAY - 1)
    assert proofs.expire("main") == 0
    spool.clock.advance(1)
    assert proofs.expire("main") == 1
    assert not proofs.is_open(first.transaction_uid)
    second = proofs.begin("main", 500)
    assert second is not None
    assert second.transaction_uid != first.transaction_uid
    assert second.items == first.items
    proofs.report(denied(first, 0x0112, 1))  # what it denies is old news: the newer transaction decides
    assert states(spool) == ["committed", "stored"]
    proofs.report(ProofReport(second.transaction_uid, kept(second), {}))
    assert states(spool) == ["committed", "committed"]


@pytest.mark.parametrize("reason", [0x0112, 0x0119])
def test_an_old_word_does_not_prove_what_the_peer_has_denied_since(spool: TestSpool, reason: int) -> None:
    store(spool)
    proofs = proofs_of(spool)
    first = asked(spool, proofs)
    spool.clock.advance(DAY)
    proofs.expire("main")
    second = proofs.begin("main", 500)
    assert second is not None
    proofs.report(denied(second, reason, 0))
    if reason == 0x0119:
        spool.run_sql("UPDATE delivery SET state = 'pending', due_us = 0")  # as a person's retry does
    spool.clock.advance(1)
    assert store_due(spool) == 1
    for old in (first, second):
        assert proofs.report(ProofReport(old.transaction_uid, kept(old), {}))
        assert states(spool) == ["stored"]
    third = asked(spool, proofs)
    proofs.report(ProofReport(third.transaction_uid, kept(third), {}))
    assert states(spool) == ["committed"]


def test_the_word_of_one_destination_does_not_prove_what_another_has(spool: TestSpool) -> None:
    store(spool, 2)
    proofs = proofs_of(spool)
    first = asked(spool, proofs)
    spool.clock.advance(DAY)
    proofs.expire("main")
    spool.run_sql("UPDATE delivery SET destination = 'far' WHERE id = 1")  # as a re-target leaves it, stored since
    proofs.report(ProofReport(first.transaction_uid, kept(first), {}))
    assert states(spool) == ["stored", "committed"]


def test_nothing_is_asked_for_what_was_settled_while_it_was_looked_at(spool: TestSpool) -> None:
    store(spool)
    spool.clock.advance(60)
    proofs = proofs_of(spool)
    with patch.object(CommitmentLedger, "_ready", lambda *_: True):
        spool.run_sql("UPDATE delivery SET state = 'committed', committed_us = 1")
        assert proofs.begin("main", 500) is None
    assert spool.rows("SELECT * FROM commitment") == []


def test_a_clock_that_is_set_right_while_the_role_runs_leaves_nothing_waiting(spool: TestSpool) -> None:
    proven: list[ProofRequest] = []
    stage = ConfirmStage(
        destination="main",
        rules=ProofRules(500, 3, BackOff(1, 60)),
        prover=Mock(prove=proven.append),
        commitments=proofs_of(spool),
        health=spool.health,
        clock=spool.clock,
    )
    spool.clock.advance(10 * 365 * DAY)
    store(spool)  # due by that clock
    spool.run_sql("UPDATE delivery SET due_us = stored_us")
    spool.clock.put_back(10 * 365 * DAY)
    stage.round()
    assert [len(request.items) for request in proven] == [1]


def test_a_refused_request_is_dead_and_asked_anew_after_the_wait(spool: TestSpool) -> None:
    store(spool)
    proofs = proofs_of(spool)
    spool.clock.advance(60)
    request = proofs.begin("main", 500)
    assert request is not None
    proofs.refused(request.transaction_uid, fault(Disposition.RETRY, Phase.COMMIT, "0213"), wait_s=90, in_vain=True)
    row = spool.rows("SELECT * FROM commitment")[0]
    assert (row["state"], row["code"]) == ("refused", "0213")
    assert spool.row("delivery", 1)["proof_rounds"] == 1
    spool.clock.advance(89)
    assert proofs.begin("main", 500) is None
    spool.clock.advance(1)
    assert proofs.begin("main", 500) is not None


def test_a_link_that_is_away_for_weeks_leaves_nothing_behind(spool: TestSpool) -> None:
    store(spool, 3)
    proofs = proofs_of(spool)
    lines = len(spool.journal())
    for _ in range(50):
        spool.clock.advance(400)
        request = proofs.begin("main", 500)
        assert request is not None
        proofs.refused(request.transaction_uid, fault(), wait_s=300, in_vain=False)
    assert spool.rows("SELECT * FROM commitment") == spool.rows("SELECT * FROM commitment_item") == []
    assert len(spool.journal()) == lines
    assert spool.row("delivery", 1)["error"] == "It did not work."


def test_a_peer_that_never_reports_does_not_fill_the_ledger(spool: TestSpool) -> None:
    store(spool, 3)
    proofs = proofs_of(spool)
    asked_for: list[ProofRequest] = []
    for _ in range(90):
        asked_for.append(asked(spool, proofs))
        spool.clock.advance(DAY)
        proofs.expire("main")
        proofs.forget("main")
    assert len(spool.rows("SELECT * FROM commitment")) <= 32
    assert len(spool.rows("SELECT * FROM journal WHERE subject LIKE 'commitment %'")) <= 64
    assert proofs.unproven("main", 3) == (3, "There was no report within 24 h.", "")
    assert not proofs.report(ProofReport(asked_for[0].transaction_uid, kept(asked_for[0]), {}))
    assert proofs.report(ProofReport(asked_for[-5].transaction_uid, kept(asked_for[-5]), {}))
    assert states(spool) == ["committed"] * 3
    spool.clock.advance(90 * DAY)
    for _ in range(9):
        proofs.forget("main")
    (proof,) = spool.rows("SELECT transaction_uid FROM commitment")
    assert proof["transaction_uid"] == asked_for[-5].transaction_uid  # what proved something stays


def test_a_restart_between_request_and_report_loses_nothing(spool: TestSpool) -> None:
    store(spool, 2)
    request = asked(spool, proofs_of(spool))
    after = proofs_of(spool)
    after.void_unanswered("main")
    assert after.is_open(request.transaction_uid)
    assert after.begin("main", 500) is None
    after.report(ProofReport(request.transaction_uid, kept(request), {}))
    assert states(spool) == ["committed", "committed"]


def test_a_restart_while_it_asked_asks_anew_and_believes_a_report_of_the_first(spool: TestSpool) -> None:
    store(spool)
    spool.clock.advance(60)
    request = proofs_of(spool).begin("main", 500)
    assert request is not None
    after = proofs_of(spool)
    after.void_unanswered("main")
    again = after.begin("main", 500)
    assert again is not None
    assert again.transaction_uid != request.transaction_uid
    assert spool.row("delivery", 1)["proof_rounds"] == 0
    after.report(ProofReport(request.transaction_uid, kept(request), {}))
    assert states(spool) == ["committed"]


def test_a_clock_that_was_wrong_keeps_nothing_waiting(spool: TestSpool) -> None:
    store(spool)
    proofs = proofs_of(spool)
    spool.clock.advance(60)
    spool.clock.advance(10 * 365 * DAY)
    request = proofs.begin("main", 500)
    assert request is not None
    proofs.refused(request.transaction_uid, fault(), wait_s=60, in_vain=False)
    spool.clock.put_back(10 * 365 * DAY)
    assert proofs.begin("main", 500) is None
    proofs.put_right("main")
    again = proofs.begin("main", 500)
    assert again is not None
    spool.clock.put_back(365 * DAY)
    assert proofs.expire("main") == 1


def test_a_delivery_that_a_person_took_back_meanwhile_is_left_alone(spool: TestSpool) -> None:
    store(spool)
    proofs = proofs_of(spool)
    request = asked(spool, proofs)
    spool.run_sql("UPDATE delivery SET state = 'pending'")
    proofs.report(denied(request, 0x0112, 0))
    assert states(spool) == ["pending"]
    proofs.report(ProofReport(request.transaction_uid, kept(request), {}))
    assert states(spool) == ["pending"]


def test_what_is_no_longer_kept_is_not_asked_for(spool: TestSpool) -> None:
    store(spool)
    spool.clock.advance(60)
    spool.run_sql("UPDATE instance SET kept = 0")
    assert proofs_of(spool).begin("main", 500) is None


def test_only_its_own_destination_is_asked(spool: TestSpool) -> None:
    spool.deliverable(("backup",))
    for delivery in spool.deliveries.claim_due("backup", spool.run("forward"), 10):
        spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    spool.clock.advance(HOUR)
    assert proofs_of(spool).begin("main", 500) is None


def test_changed_settings_ask_again_at_once(spool: TestSpool) -> None:
    spool.destinations.configure({"main": "before"})
    store(spool, 2)
    proofs = proofs_of(spool)
    request = asked(spool, proofs)
    spool.destinations.configure({"main": "after"})
    assert proofs.begin("main", 500) is None  # what is asked already stays asked
    proofs.report(denied(request, 0x0122, 0))
    assert proofs.begin("main", 500) is None
    spool.destinations.configure({"main": "allowed by the peer"})
    again = proofs.begin("main", 500)
    assert again is not None
    assert again.items == request.items[:1]
