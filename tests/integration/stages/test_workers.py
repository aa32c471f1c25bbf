"""Workers of one destination over a sender that does as the test says: lanes, hours, refusals, breaks, memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from gateway.domain.checkpoints import pass_by
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.domain.lanes import Lane
from gateway.domain.requests import RequestKind
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.deliveries import LINK_BREAKS_LIMIT
from gateway.spool.moments import to_us
from gateway.spool.runs import Run
from gateway.spool.seen import destinations_that_may_hold
from gateway.spool.standing_in import StandIn
from gateway.stages.beat import Stopped
from gateway.stages.deliver import DeliverStage, DestinationRules
from gateway.stages.hours import Hours
from gateway.stages.retry import BackOff
from gateway.stages.sender import Learnt, Meanwhile, Pair, PerhapsSent, nothing
from gateway.stages.width import Width
from tests.support.ledger import RLE, SC, TestSpool

CLIP_BYTES = 1000
RULES = DestinationRules("main", BackOff(1.0, 60.0), linger_s=5.0, clip_bytes=CLIP_BYTES)


@dataclass
class Pretender:
    """A `Sender` that stores everything, unless it is told otherwise; it notes what it sent."""

    sent: list[int] = field(default_factory=list)
    refusal: GatewayError | None = None
    breaks_at: frozenset[int] = frozenset()
    meanwhile: Callable[[], object] = lambda: None
    open_now: bool = False
    round_trip: float = 0.0
    stops_at: frozenset[int] = frozenset()
    breaks_with: frozenset[int] = frozenset()
    refuses: Mapping[int, GatewayError] = field(default_factory=dict)

    def open(self, pairs: Iterable[Pair]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.open_now = bool(list(pairs))

    def send(
        self, batch: Sequence[Delivery], meanwhile: Meanwhile = nothing
    ) -> Iterator[tuple[Delivery, StoreOutcome | GatewayError]]:
        for place, delivery in enumerate(batch, start=1):
            self.meanwhile()
            self.sent.append(delivery.id)
            if delivery.id in self.stops_at:
                self.open_now = False
                yield delivery, Stopped()
                return
            if delivery.id in self.refuses:
                yield delivery, self.refuses[delivery.id]
                continue
            if delivery.id in self.breaks_with:
                yield delivery, PerhapsSent(trouble(Phase.TRANSFER))
                continue
            if delivery.id in self.breaks_at:
                self.open_now = False
                yield delivery, trouble(Phase.TRANSFER)
                return
            meanwhile(batch[place:])
            yield delivery, StoreOutcome(0, "", RLE)

    def accepted(self, _: str) -> frozenset[str]:
        return frozenset({RLE})

    def learnt(self) -> Learnt | None:
        return Learnt({(SC, RLE): True}, 16_384)

    def round_trip_s(self) -> float:
        return self.round_trip

    def queueing_s(self) -> float:
        return 0.0

    def usable(self) -> bool:
        return self.open_now

    def close(self) -> None:
        self.open_now = False


def trouble(phase: Phase) -> GatewayError:
    return GatewayError("It did not work.", disposition=Disposition.RETRY, phase=phase)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path / "spool")
    made.destinations.configure({"main": "f1", "second": "f2"})
    yield made
    made.close()


def owe(spool: TestSpool, *lanes: Lane) -> None:
    for number, lane in enumerate(lanes, start=1):
        spool.deliverable(exam_key=f"exam-{number}")
        spool.run_sql("UPDATE delivery SET lane = ? WHERE id = ?", lane, number)


def worker(
    spool: TestSpool,
    run: Run,
    sender: Pretender,
    *,
    rules: DestinationRules = RULES,
    width: Width | None = None,
    number: int = 0,
    stand_in: StandIn | None = None,
) -> DeliverStage:
    return DeliverStage(
        run=run,
        rules=rules,
        deliveries=spool.deliveries,
        destinations=spool.destinations,
        sender=sender,
        health=spool.health,
        clock=spool.clock,
        passage=pass_by,
        width=width or Width(1, spool.clock.monotonic),
        worker=number,
        stand_in=stand_in,
        memory=AcceptedLedger(spool.database, spool.clock),
    )


def drain(stage: DeliverStage) -> None:
    while stage.round() == 0.0:
        pass


def test_urgent_first_and_clips_last_with_a_single_worker(spool: TestSpool) -> None:
    owe(spool, Lane.CLIP, Lane.NORMAL, Lane.STAT, Lane.URGENT_CLIP, Lane.NORMAL, Lane.URGENT)
    sender = Pretender()
    drain(worker(spool, spool.run("forward"), sender))
    assert sender.sent[0] == 3
    assert sender.sent[-1] == 1
    assert sorted(sender.sent) == [1, 2, 3, 4, 5, 6]
    assert sender.sent.index(6) < sender.sent.index(2)


def test_small_images_pass_a_clip_that_is_under_way(spool: TestSpool) -> None:
    owe(spool, Lane.CLIP, *[Lane.NORMAL] * 5)
    run, width = spool.run("forward"), Width(2, spool.clock.monotonic)
    quick = Pretender()
    first = worker(spool, run, quick, width=width)
    clips = Pretender(meanwhile=lambda: drain(first))
    second = worker(spool, run, clips, width=width, number=1)
    second.round()
    assert quick.sent == [2, 3, 4, 5, 6]  # all while the clip was being sent
    assert clips.sent == [1]
    assert {row["state"] for row in spool.rows("SELECT state FROM delivery")} == {"stored"}


def test_outside_its_hours_only_stat_goes_and_another_destination_is_not_concerned(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL, Lane.STAT)
    night = replace(RULES, windows=(Hours(time(22), time(6)),))
    sender, run = Pretender(), spool.run("forward")
    stage = worker(spool, run, sender, rules=night)
    drain(stage)
    assert sender.sent == [2]
    spool.deliverable(("second",), exam_key="other")
    other = Pretender()
    drain(worker(spool, run, other, rules=replace(RULES, name="second")))
    assert other.sent == [3]
    spool.clock.advance(10 * 3600 + 1)  # noon to ten in the evening
    drain(stage)
    assert sender.sent == [2, 1]


def test_stat_keeps_to_the_hours_if_so_set(spool: TestSpool) -> None:
    owe(spool, Lane.STAT)
    sender = Pretender()
    strict = replace(RULES, windows=(Hours(time(22), time(6)),), stat_any_time=False)
    drain(worker(spool, spool.run("forward"), sender, rules=strict))
    assert sender.sent == []


def test_one_association_too_many_is_no_fault_of_the_destination(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL, Lane.CLIP)
    run, width = spool.run("forward"), Width(2, spool.clock.monotonic)
    refused = Pretender(refusal=trouble(Phase.NEGOTIATE))
    second = worker(spool, run, refused, width=width, number=1)
    first = worker(spool, run, Pretender(meanwhile=second.round), width=width)
    drain(first)
    assert spool.destinations.failures("main") == 0
    assert {row["state"] for row in spool.rows("SELECT state FROM delivery")} == {"stored"}  # the first took the clip


def test_a_refusal_of_the_only_association_is(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL)
    stage = worker(spool, spool.run("forward"), Pretender(refusal=trouble(Phase.NEGOTIATE)))
    drain(stage)
    assert spool.destinations.failures("main") == 1
    assert spool.row("delivery", 1)["attempts"] == 0


def test_the_object_that_breaks_the_link_is_isolated_and_the_rest_goes_on(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 10)
    sender = Pretender(breaks_at=frozenset({1}))
    stage = worker(spool, spool.run("forward"), sender)
    for _ in range(LINK_BREAKS_LIMIT * 4):
        drain(stage)
        spool.clock.advance(120)
        spool.deliverable(exam_key=f"later {spool.clock.seconds}")
    states = {row["id"]: row["state"] for row in spool.rows("SELECT id, state FROM delivery")}
    assert states.pop(1) == "parked"
    assert sender.sent.count(1) == LINK_BREAKS_LIMIT
    assert [state for state in states.values() if state != "stored"] in ([], ["pending"])


def test_what_a_peer_says_of_its_own_troubles_is_asked_again_before_a_person_is(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL, Lane.NORMAL)
    doubtful = GatewayError(
        "It cannot.", disposition=Disposition.PARK, phase=Phase.RESPONSE, remedy="Ask.", code="C000", tries=3
    )
    sender = Pretender(refuses={1: doubtful})
    stage = worker(spool, spool.run("forward"), sender)
    for tries in (1, 2):
        drain(stage)
        row = spool.row("delivery", 1)
        assert (row["state"], row["status"], row["error"]) == ("pending", "C000", "It cannot.")
        assert row["due_us"] == to_us(spool.clock.now() + timedelta(seconds=RULES.back_off.cap_s))
        assert sender.sent.count(1) == tries
        spool.clock.advance(RULES.back_off.cap_s)
    drain(stage)
    assert states(spool) == ["parked", "stored"]
    release(spool)
    drain(stage)
    assert states(spool) == ["parked", "stored"], "a person's retry is one try"
    assert sender.sent.count(1) == 4


def release(spool: TestSpool) -> None:
    spool.desk.file(RequestKind.RETRY, {"delivery": "1"}, by="console nurse")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)


def test_what_the_peer_said_is_remembered(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL)
    drain(worker(spool, spool.run("forward"), Pretender()))
    (row,) = AcceptedLedger(spool.database, spool.clock).shown()
    assert (row.destination, row.transfer_syntax, row.accepted, row.max_pdu_bytes) == ("main", RLE, True, 16_384)


def test_a_stand_in_sends_what_its_primary_does_not_answer_for(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL, Lane.NORMAL)
    run = spool.run("forward")
    drain(worker(spool, run, Pretender(refusal=trouble(Phase.CONNECT))))
    relation = StandIn(spool.database, spool.clock, destination="second", primary="main", after=timedelta(minutes=30))
    second = worker(spool, run, Pretender(), rules=replace(RULES, name="second"), stand_in=relation)
    drain(second)
    assert not spool.rows("SELECT 1 FROM delivery WHERE destination = 'second'")
    spool.clock.advance(1801)
    drain(second)
    rows = spool.rows("SELECT destination, state FROM delivery ORDER BY id")
    assert [(row["destination"], row["state"]) for row in rows] == [
        ("main", "pending"),
        ("main", "pending"),
        ("second", "stored"),
        ("second", "stored"),
    ]


def test_a_link_that_is_back_ends_every_wait(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL)
    sender = Pretender(breaks_at=frozenset({1}))
    stage = worker(spool, spool.run("forward"), sender, rules=replace(RULES, back_off=BackOff(600.0, 600.0)))
    drain(stage)
    assert spool.destinations.cut_off() == {"main": 1}
    sender.breaks_at = frozenset()
    drain(stage)
    assert sender.sent == [1]  # still waiting
    spool.destinations.reached("main")
    drain(stage)
    assert sender.sent == [1, 1]
    assert spool.row("delivery", 1)["state"] == "stored"


def states(spool: TestSpool) -> list[str]:
    return [row["state"] for row in spool.rows("SELECT state FROM delivery ORDER BY id")]


def test_on_a_long_link_an_answer_is_recorded_while_the_next_one_is_awaited(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 4)
    seen: list[list[str]] = []
    sender = Pretender(round_trip=0.5, meanwhile=lambda: seen.append(states(spool)))
    stage = worker(spool, spool.run("forward"), sender)
    drain(stage)
    assert seen[0] == ["sending", "pending", "pending", "pending"]
    assert seen[2][:3] == ["stored", "sending", "sending"], "the second awaits its record, the third is sent"
    assert states(spool) == ["stored"] * 4


def test_on_a_short_link_answers_are_recorded_together(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 6)
    width = Width(1, spool.clock.monotonic)
    width.measured(100, 1.0, 0.0)
    seen: list[list[str]] = []
    sender = Pretender(open_now=True, meanwhile=lambda: seen.append(states(spool)))
    drain(worker(spool, spool.run("forward"), sender, width=width))
    assert seen[-1] == ["sending"] * 6
    assert states(spool) == ["stored"] * 6


def test_what_is_answered_is_recorded_and_what_is_not_begun_given_back_when_the_worker_ends(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 3)
    stage = worker(spool, spool.run("forward"), Pretender(round_trip=0.5))
    stage.round()
    assert states(spool) == ["sending", "sending", "pending"], "one is answered, the next is claimed ahead"
    stage.close()
    assert states(spool) == ["stored", "pending", "pending"]
    assert spool.row("delivery", 2)["attempts"] == 0


def test_a_second_worker_that_is_not_let_in_has_claimed_nothing(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 5)
    run, width = spool.run("forward"), Width(2, spool.clock.monotonic)
    width.recall(2)
    second = worker(spool, run, Pretender(refusal=trouble(Phase.NEGOTIATE)), width=width, number=1)
    held: list[int] = []

    def meanwhile() -> None:
        second.round()
        held.append(len(spool.rows("SELECT 1 FROM delivery WHERE claimed_by LIKE '%/1'")))

    drain(worker(spool, run, Pretender(meanwhile=meanwhile), width=width))
    assert set(held) == {0}
    assert states(spool) == ["stored"] * 5
    assert {row["attempts"] for row in spool.rows("SELECT attempts FROM delivery")} == {1}


def test_what_a_stop_broke_off_is_pending_and_nobody_is_to_blame(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 3)
    width = Width(1, spool.clock.monotonic)
    width.measured(100, 1.0, 0.0)
    sender = Pretender(open_now=True, stops_at=frozenset({2}))
    stage = worker(spool, spool.run("forward"), sender, width=width)
    stage.round()
    stage.close()
    rows = spool.rows("SELECT state, attempts, link_breaks FROM delivery ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [("stored", 1, 0), ("pending", 1, 0), ("pending", 0, 0)]
    assert spool.destinations.failures("main") == 0
    (broken_off,) = spool.rows("SELECT * FROM attempt WHERE disposition = 'retry'")
    assert broken_off["code"] == "stopped"


def test_what_broke_with_others_may_be_there_and_corrections_know_it(spool: TestSpool) -> None:
    owe(spool, *[Lane.NORMAL] * 3)
    width = Width(1, spool.clock.monotonic)
    width.measured(100, 1.0, 0.0)
    sender = Pretender(open_now=True, breaks_at=frozenset({2}), breaks_with=frozenset({1}))
    stage = worker(spool, spool.run("forward"), sender, width=width)
    stage.round()
    rows = spool.rows("SELECT state, attempts, link_breaks FROM delivery ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [("pending", 1, 0), ("pending", 1, 1), ("pending", 0, 0)]
    with spool.database.read() as connection:
        assert [destinations_that_may_hold(connection, number) for number in (1, 2, 3)] == [["main"], ["main"], []]
    assert spool.destinations.failures("main") == 1


def test_as_many_associations_as_filled_the_link_are_remembered(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL)
    width = Width(8, spool.clock.monotonic)
    width.connected(0.5)
    stage = worker(spool, spool.run("forward"), Pretender(), width=width)
    drain(stage)
    stage.close()
    fresh = Width(8, spool.clock.monotonic)
    worker(spool, spool.run("forward"), Pretender(), width=fresh).round()
    assert fresh.target() == width.target() > 1
