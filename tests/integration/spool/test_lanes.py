"""Lanes and workers in the ledger: who goes first, whose claims are whose, and which object breaks links."""

from datetime import timedelta

import pytest

from gateway.domain.errors import Phase
from gateway.domain.instance import StoreOutcome
from gateway.domain.lanes import CLIP_LANES, QUICK_LANES, Lane
from gateway.spool.deliveries import LINK_BREAKS_LIMIT, Answer
from gateway.spool.delivery_moves import expedite_delivery
from tests.support.ledger import RLE, TestSpool, fault


def owe(spool: TestSpool, *lanes: Lane) -> None:
    spool.destinations.configure({"main": "f1"})
    for number, lane in enumerate(lanes, start=1):
        spool.deliverable(exam_key=f"exam-{number}")
        spool.run_sql("UPDATE delivery SET lane = ? WHERE id = ?", lane, number)


def test_lanes_go_in_their_order_and_each_oldest_first(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL, Lane.URGENT, Lane.STAT, Lane.NORMAL, Lane.STAT)
    claimed = spool.deliveries.claim_due("main", spool.run("forward"), 10)
    assert [d.id for d in claimed] == [3, 5, 2, 1, 4]


def test_a_clip_goes_by_itself_and_after_what_is_before_it(spool: TestSpool) -> None:
    owe(spool, Lane.CLIP, Lane.CLIP, Lane.URGENT_CLIP, Lane.URGENT)
    run = spool.run("forward")
    # each worker keeps its claims
    order = [[d.id for d in spool.deliveries.claim_due("main", run, 10, worker=worker)] for worker in range(4)]
    assert order == [[4], [3], [1], [2]]


def test_a_small_image_is_not_kept_waiting_by_a_clip_under_way(spool: TestSpool) -> None:
    owe(spool, Lane.CLIP, Lane.NORMAL)
    run = spool.run("forward")
    (clip,) = spool.deliveries.claim_due("main", run, 10, worker=1, lanes=CLIP_LANES)
    (small,) = spool.deliveries.claim_due("main", run, 10, worker=0, lanes=QUICK_LANES)
    assert (clip.id, small.id) == (1, 2)


def test_send_now_overtakes(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL, Lane.CLIP, Lane.NORMAL, Lane.STAT)
    with spool.database.write() as connection:
        for number in (2, 3, 4):
            expedite_delivery(connection, number)
    assert [spool.row("delivery", n)["lane"] for n in (1, 2, 3, 4)] == [
        Lane.NORMAL,
        Lane.URGENT_CLIP,
        Lane.URGENT,
        Lane.STAT,
    ]


def test_a_worker_voids_only_what_it_left_itself(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 4)
    run = spool.run("forward")
    mine = spool.deliveries.claim_due("main", run, 2, worker=0)
    other = spool.deliveries.claim_due("main", run, 2, worker=1)
    assert {d.id for d in mine}.isdisjoint(d.id for d in other)
    (again,) = spool.deliveries.claim_due("main", run, 4, worker=1)  # worker 1 came to no outcome
    assert again.id == other[0].id, "what came to no outcome goes by itself"
    assert again.attempts == 2
    spool.deliveries.stored(again, StoreOutcome(0), spool.clock.now())
    (last,) = spool.deliveries.claim_due("main", run, 4, worker=1)
    assert (last.id, last.attempts) == (other[1].id, 2), "it may have reached the peer as well"
    for delivery in mine:
        spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())


def test_a_new_run_voids_the_claims_of_every_worker(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 6)
    run = spool.run("forward")
    for worker in range(3):
        spool.deliveries.claim_due("main", run, 2, worker=worker)
    spool.run("forward")
    rows = spool.rows("SELECT state, attempts, claimed_by FROM delivery ORDER BY id")
    assert {(row["state"], row["claimed_by"]) for row in rows} == {("pending", None)}
    assert [row["attempts"] for row in rows] == [1] * 6, "any of them may have been sent"


def test_what_a_worker_holds_by_right_is_not_voided_when_it_claims_ahead(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 4)
    run = spool.run("forward")
    under_way, answered = spool.deliveries.claim_due("main", run, 2)
    now = spool.clock.now()
    answers = [Answer(answered, StoreOutcome(0, "", RLE), now, now)]
    ahead = spool.deliveries.claim_due("main", run, 2, answers=answers, holding=[under_way])
    assert [one.id for one in ahead] == [3, 4]
    assert [row["state"] for row in spool.rows("SELECT state FROM delivery ORDER BY id")] == [
        "sending", "stored", "sending", "sending",
    ]  # fmt: skip


def test_the_end_of_a_backlog_is_shared(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 12)
    run = spool.run("forward")
    taken = [len(spool.deliveries.claim_due("main", run, 32, worker=one, sharers=2)) for one in range(6)]
    assert taken == [3, 3, 2, 1, 1, 1]
    assert len(spool.deliveries.claim_due("main", run, 32, worker=7, sharers=2)) == 1


def test_an_object_that_breaks_the_link_is_parked_once_others_pass(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * (LINK_BREAKS_LIMIT + 1))
    run = spool.run("forward")
    poison, *others = spool.deliveries.claim_due("main", run, 10)
    for turn, other in enumerate(others, start=1):
        now = spool.clock.now()
        parked = spool.deliveries.failed(poison, fault(phase=Phase.TRANSFER), now, park=False, due=now, broke_link=True)
        assert parked is (turn == LINK_BREAKS_LIMIT)
        spool.clock.advance(1)
        spool.deliveries.stored(other, StoreOutcome(0), spool.clock.now())
        if not parked:
            (poison,) = spool.deliveries.claim_due("main", run, 10, worker=1)
    row = spool.row("delivery", poison.id)
    assert row["state"] == "parked"
    assert "while others passed" in row["error"]
    assert row["remedy"]


@pytest.mark.parametrize("turns", [3 * LINK_BREAKS_LIMIT])
def test_a_link_that_carries_nothing_parks_nothing(spool: TestSpool, turns: int) -> None:
    owe(spool, Lane.NORMAL)
    run = spool.run("forward")
    for _ in range(turns):
        (delivery,) = spool.deliveries.claim_due("main", run, 10)
        now = spool.clock.now()
        due = now + timedelta(seconds=1)
        assert not spool.deliveries.failed(
            delivery, fault(phase=Phase.TRANSFER), now, park=False, due=due, broke_link=True
        )
        spool.clock.advance(1)


def test_the_cost_of_a_copy_is_told(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL)
    (delivery,) = spool.deliveries.claim_due("main", spool.run("forward"), 1)
    outcome = StoreOutcome(0, "", "1.2.840.10008.1.2.1", copy_bytes=4000)
    spool.deliveries.stored(delivery, outcome, spool.clock.now())
    assert spool.row("delivery", 1)["copy_bytes"] == 4000
    (attempt,) = spool.rows("SELECT * FROM attempt")
    assert "4000 bytes" in attempt["text"]
    assert delivery.spooled.transfer_syntax_uid in attempt["text"]
