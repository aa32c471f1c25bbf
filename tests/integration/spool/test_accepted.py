"""What destinations accept: remembered, journaled when it changes, forgotten with the settings, believed a while."""

from gateway.domain.instance import StoreOutcome
from gateway.spool.accepted import AcceptedLedger
from tests.support.ledger import SC, TestSpool

JPEG_LS, EXPLICIT = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.1"
DAY_S = 86_400


def memory(spool: TestSpool) -> AcceptedLedger:
    spool.destinations.configure({"main": "f1", "second": "f2"})
    return AcceptedLedger(spool.database, spool.clock)


def test_what_was_said_is_known_for_that_destination_and_class_only(spool: TestSpool) -> None:
    known = memory(spool)
    known.learn("main", {(SC, JPEG_LS): False, (SC, EXPLICIT): True}, 16_384)
    assert known.refused("main", SC) == {JPEG_LS}
    assert known.refused("second", SC) == frozenset()
    assert known.refused("main", "1.2.3") == frozenset()
    rows = known.shown()
    assert [(row.transfer_syntax, row.accepted, row.max_pdu_bytes) for row in rows] == [
        (EXPLICIT, True, 16_384),
        (JPEG_LS, False, 16_384),
    ]


def test_the_same_answer_is_not_written_again_and_a_changed_one_goes_to_the_journal(spool: TestSpool) -> None:
    known = memory(spool)
    known.learn("main", {(SC, JPEG_LS): False}, 0)
    before = spool.rows("SELECT * FROM accepted")
    spool.clock.advance(60)
    known.learn("main", {(SC, JPEG_LS): False}, 0)
    assert spool.rows("SELECT * FROM accepted") == before
    known.learn("main", {(SC, JPEG_LS): True}, 0)
    assert known.refused("main", SC) == frozenset()
    assert spool.journal()[-1] == ("accepts now", "destination main")
    (row,) = known.shown()
    assert row.changed_at == spool.clock.now()


def test_a_refusal_is_history_after_a_week_unless_it_is_said_again(spool: TestSpool) -> None:
    known = memory(spool)
    known.learn("main", {(SC, JPEG_LS): False}, 0)
    spool.clock.advance(6 * DAY_S)
    known.learn("main", {(SC, JPEG_LS): False}, 0)
    spool.clock.advance(6 * DAY_S)
    assert known.refused("main", SC) == {JPEG_LS}
    spool.clock.advance(2 * DAY_S)
    assert known.refused("main", SC) == frozenset()


def test_changed_settings_forget(spool: TestSpool) -> None:
    known = memory(spool)
    known.learn("main", {(SC, JPEG_LS): False}, 0)
    spool.destinations.configure({"main": "another AE title", "second": "f2"})
    assert known.shown() == []


def test_the_bytes_that_refusals_cost_are_added_up(spool: TestSpool) -> None:
    known = memory(spool)
    spool.deliverable(content=b"x" * 96)
    (delivery,) = spool.deliveries.claim_due("main", spool.run("forward"), 1)
    spool.deliveries.stored(delivery, StoreOutcome(0, "", EXPLICIT, copy_bytes=5100), spool.clock.now())
    assert known.copies() == {"main": (1, 5000)}
