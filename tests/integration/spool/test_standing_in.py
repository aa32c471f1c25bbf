"""A stand-in takes over after the stated time, hands back what it did not begin, and the primary misses nothing."""

from datetime import timedelta

from gateway.domain.exports import ExportItem
from gateway.domain.identifiers import Uid
from gateway.domain.instance import StoreOutcome
from gateway.domain.lanes import Lane
from gateway.spool.exports import ExportLedger
from gateway.spool.standing_in import StandIn
from tests.support.ledger import TestSpool, fault

AFTER = timedelta(minutes=30)


def stand_in(spool: TestSpool) -> StandIn:
    return StandIn(spool.database, spool.clock, destination="second", primary="main", after=AFTER)


def owe(spool: TestSpool, count: int) -> None:
    spool.destinations.configure({"main": "f1", "second": "f2"})
    for number in range(count):
        spool.deliverable(exam_key=f"exam-{number}")


def silent(spool: TestSpool) -> None:
    spool.destinations.failed("main", fault(), spool.clock.now())


def owed(spool: TestSpool, destination: str) -> list[int]:
    rows = spool.rows("SELECT instance FROM delivery WHERE destination = ? AND state = 'pending'", destination)
    return [row["instance"] for row in rows]


def test_nothing_before_the_stated_time_nor_while_the_primary_answers(spool: TestSpool) -> None:
    owe(spool, 2)
    second = stand_in(spool)
    assert second.look() == 0
    silent(spool)
    spool.clock.advance(AFTER.total_seconds() - 1)
    assert second.look() == 0
    assert owed(spool, "second") == []


def test_a_clock_that_is_put_back_does_not_keep_it_from_taking_over(spool: TestSpool) -> None:
    owe(spool, 1)
    spool.clock.advance(365 * 86_400)
    silent(spool)
    spool.clock.put_back(365 * 86_400)
    second = stand_in(spool)
    assert second.look() == 0  # since when it is silent is not known: the stated time begins now
    spool.clock.advance(AFTER.total_seconds())
    assert second.look() == 1


def test_takes_over_in_the_same_lane_and_the_primary_stays_owed(spool: TestSpool) -> None:
    owe(spool, 2)
    spool.run_sql("UPDATE delivery SET lane = 0 WHERE id = 2")
    silent(spool)
    spool.clock.advance(AFTER.total_seconds())
    second = stand_in(spool)
    assert second.look() == 2
    assert second.look() == 0  # each once
    assert sorted(owed(spool, "second")) == [1, 2]
    assert sorted(owed(spool, "main")) == [1, 2]
    rows = spool.rows("SELECT instance, lane, instead_of FROM delivery WHERE destination = 'second' ORDER BY instance")
    assert [(row["lane"], row["instead_of"]) for row in rows] == [(Lane.NORMAL, "main"), (Lane.STAT, "main")]


def test_the_way_back(spool: TestSpool) -> None:
    owe(spool, 3)
    silent(spool)
    spool.clock.advance(AFTER.total_seconds())
    second = stand_in(spool)
    second.look()
    run = spool.run("forward")
    (sent,) = spool.deliveries.claim_due("second", run, 1)
    spool.deliveries.stored(sent, StoreOutcome(0), spool.clock.now())
    (tried,) = spool.deliveries.claim_due("second", run, 1)
    spool.deliveries.failed(tried, fault(), spool.clock.now(), park=False, due=spool.clock.now())
    spool.destinations.answers("main")
    assert second.look() == 1  # what was begun may be there already: it is brought to its end
    assert owed(spool, "second") == [tried.instance_id]
    assert len(owed(spool, "main")) == 3
    assert second.look() == 0
    assert ("hands back", "destination second") in spool.journal()


def test_a_stand_in_without_its_primary_does_nothing(spool: TestSpool) -> None:
    owe(spool, 1)
    spool.destinations.configure({"second": "f2"})
    assert stand_in(spool).look() == 0


def test_what_was_exported_for_the_stand_in_stays_owed_to_it(spool: TestSpool) -> None:
    owe(spool, 2)
    silent(spool)
    spool.clock.advance(AFTER.total_seconds())
    second = stand_in(spool)
    second.look()
    exports = ExportLedger(spool.database, spool.clock)
    items = [ExportItem(one, "DICOM/1") for one in exports.unsent(destination="second")[:1]]
    exports.finish(exports.begin(Uid("2.25.1"), "/media/stick", items, by="asha"), items, by="asha")
    spool.destinations.answers("main")
    assert second.look() == 1
    assert owed(spool, "second") == [items[0].owed.instance]
    assert second.look() == 0
