"""Ledger and files kept in step, and nothing let go but by the ladder of proof."""

import random
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.errors import UnreadableInput
from gateway.domain.instance import StoreOutcome
from gateway.domain.lifecycle import DeliveryState
from gateway.domain.procedure import Hold
from gateway.spool.reconciling import UNCLAIMED
from tests.support.backlog import imagined_objects, owe
from tests.support.ledger import TestSpool

DAY = timedelta(days=1)


def store(spool: TestSpool, destination: str = "main") -> None:
    for delivery in spool.deliveries.claim_due(destination, spool.run("forward"), 100):
        spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())


def bytes_of(spool: TestSpool) -> set[str]:
    return {*spool.files.files_in("acquisitions"), *spool.files.files_in("instances")}


def test_a_spool_in_order_needs_nothing(spool: TestSpool) -> None:
    spool.deliverable(content=b"abc")
    for folder in ("acquisitions/fundus", "instances"):
        found = spool.upkeep.reconcile(folder)
        assert (found.unknown_files, found.missing_files) == ((), ())


def test_a_file_without_a_row_is_set_aside_and_stays_while_nobody_knows_it(spool: TestSpool) -> None:
    spool.place(b"renamed, never committed", "acquisitions/fundus/2026-03-04", "x.jpg")
    found = spool.upkeep.reconcile("acquisitions/fundus")
    assert found.unknown_files == ("acquisitions/fundus/2026-03-04/x.jpg",)
    assert list(spool.files.files_in(UNCLAIMED)) == [f"{UNCLAIMED}/x.jpg"]
    assert [spool.upkeep.settle_unclaimed() for _ in range(2)] == [1, 1]
    assert ("file without a row set aside", "spool") in spool.journal()


def test_it_goes_when_its_bytes_were_captured_again(spool: TestSpool) -> None:
    spool.place(b"again", "acquisitions/fundus", "x.jpg")
    spool.upkeep.reconcile("acquisitions/fundus")
    assert spool.upkeep.settle_unclaimed() == 1
    spool.record(b"again", with_file=True)
    assert spool.upkeep.settle_unclaimed() == 0
    assert list(spool.files.files_in(UNCLAIMED)) == []


def test_it_stays_when_the_ledgers_own_copy_has_gone(spool: TestSpool) -> None:
    spool.record(b"the only copy")  # a row, but no file
    spool.place(b"the only copy", "acquisitions/fundus", "x.jpg")
    spool.upkeep.reconcile("acquisitions/fundus")
    assert spool.upkeep.settle_unclaimed() == 1
    assert (spool.root / UNCLAIMED / "x.jpg").read_bytes() == b"the only copy"


def test_an_unfinished_instance_goes_when_it_was_built_again(spool: TestSpool) -> None:
    number = spool.record(b"abc", with_file=True)
    spool.match(number)
    identity, _ = spool.instances.reserve(
        number,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
        study_instance_uid="1.2.3.1",
        started_at=spool.clock.now(),
    )
    spool.place(b"built, never committed", "instances", f"{identity.sop_instance_uid}.dcm")
    assert len(spool.upkeep.reconcile("instances").unknown_files) == 1
    assert spool.upkeep.settle_unclaimed() == 1
    spool.assemble(number, content=b"built again, with other times in it")
    assert spool.upkeep.settle_unclaimed() == 0


def test_a_set_aside_file_is_hashed_once(spool: TestSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []

    def counted(path: Path) -> str:
        hashed.append(path)
        return sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr("gateway.spool.upkeep.digest_of", counted)
    spool.place(b"a long clip", "acquisitions/fundus", "x.avi")
    spool.upkeep.reconcile("acquisitions/fundus")
    for _ in range(3):
        spool.upkeep.settle_unclaimed()
    assert len(hashed) == 1


def test_a_row_without_its_file_is_reported(spool: TestSpool) -> None:
    spool.deliverable(content=b"abc")
    lost = sorted(bytes_of(spool))
    for path in lost:
        spool.files.remove(path)
    assert spool.upkeep.reconcile("acquisitions/fundus").missing_files == (lost[0],)
    assert spool.upkeep.reconcile("instances").missing_files == (lost[1],)
    assert ("file missing", "spool") in spool.journal()


def test_reconciling_concerns_only_the_callers_folder(spool: TestSpool) -> None:
    spool.place(b"x", "acquisitions/fundus2", "x")
    spool.place(b"x", "acquisitions/other", "x")
    assert spool.upkeep.reconcile("acquisitions/fundus").unknown_files == ()
    assert len(bytes_of(spool)) == 2


def test_what_was_let_go_is_no_loss(spool: TestSpool) -> None:
    spool.deliverable(content=b"abc")
    store(spool)
    spool.clock.advance(86400 * 2)
    assert spool.upkeep.retire(DAY) == 1
    assert spool.upkeep.reconcile("acquisitions/fundus").missing_files == ()
    assert spool.upkeep.reconcile("instances").missing_files == ()


def test_bytes_go_when_every_destination_has_proven_for_long_enough(spool: TestSpool) -> None:
    number = spool.deliverable(("main", "backup"), content=b"abc")
    thumbnail = spool.place(b"small", "thumbnails", "1.jpg")
    spool.acquisitions.set_thumbnail(number, thumbnail)
    store(spool, "main")
    spool.clock.advance(86400 * 30)
    assert spool.upkeep.retire(DAY) == 0
    store(spool, "backup")
    assert spool.upkeep.retire(DAY) == 0
    spool.clock.advance(86400 - 1)
    assert spool.upkeep.retire(DAY) == 0
    spool.clock.advance(1)
    assert spool.upkeep.retire(DAY) == 1
    assert spool.upkeep.retire(DAY) == 0
    assert bytes_of(spool) == set()
    assert not spool.files.absolute(thumbnail).exists()
    view = spool.status.acquisition(number)
    assert view is not None
    assert [d.status for d in view.deliveries] == ["0000", "0000"]  # row and proof stay
    assert not view.has_thumbnail


@pytest.mark.parametrize("proof", ["commitment", "query"])
def test_stored_is_not_enough_where_the_policy_wants_more(spool: TestSpool, proof: str) -> None:
    proofs = {"main": proof, "backup": "status"}
    spool.deliverable(("main", "backup"), content=b"abc")
    store(spool, "main")
    store(spool, "backup")
    spool.clock.advance(86400 * 30)
    assert spool.upkeep.retire(DAY, proofs) == 0
    assert spool.upkeep.retire(DAY, {"backup": "status"}) == 0  # main has left the configuration
    now_us = int(spool.clock.now().timestamp() * 1_000_000)
    spool.run_sql("UPDATE delivery SET state = 'committed', committed_us = ? WHERE destination = 'main'", now_us)
    assert spool.upkeep.retire(DAY, proofs) == 0  # kept for a day after the proof, not after the storing
    spool.clock.advance(86400)
    assert spool.upkeep.retire(DAY, proofs) == 1
    assert bytes_of(spool) == set()


def test_a_policy_that_becomes_weaker_counts_from_then_on(spool: TestSpool) -> None:
    spool.deliverable(content=b"abc")
    store(spool)
    spool.clock.advance(86400 * 2)
    assert spool.upkeep.retire(DAY, {"main": "commitment"}) == 0
    assert spool.upkeep.retire(DAY, {"main": "status"}) == 1


def test_a_crash_between_forgetting_and_removing_leaves_files_that_start_clears(
    spool: TestSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(_: str) -> None:
        raise PowerCut

    spool.deliverable(content=b"abc")
    store(spool)
    spool.clock.advance(86400 * 2)
    with monkeypatch.context() as patched:
        patched.setattr(spool.files, "remove", cut)
        with pytest.raises(PowerCut):
            spool.upkeep.retire(DAY)
    assert len(bytes_of(spool)) == 2
    for folder in ("acquisitions/fundus", "instances"):
        assert len(spool.upkeep.reconcile(folder).unknown_files) == 1
    assert spool.upkeep.settle_unclaimed() == 0
    assert list(spool.files.files_in(UNCLAIMED)) == []


def test_a_delivery_taken_back_meanwhile_keeps_its_bytes(spool: TestSpool) -> None:
    spool.deliverable(content=b"abc")
    store(spool)
    spool.clock.advance(86400 * 2)
    spool.run_sql("UPDATE delivery SET state = 'pending'")
    assert not spool.upkeep._retire_one(1, 1 << 62)
    assert len(bytes_of(spool)) == 2


def test_what_is_not_assembled_or_owed_to_nobody_is_never_let_go(spool: TestSpool) -> None:
    held, set_aside = spool.record(b"1", with_file=True), spool.record(b"2", exam_key="2", with_file=True)
    spool.acquisitions.held(held, Hold("", ""))
    spool.acquisitions.quarantined(set_aside, UnreadableInput(""))
    spool.match(spool.record(b"3", exam_key="3", with_file=True))
    spool.deliverable((), content=b"4", exam_key="4")
    before = bytes_of(spool)
    spool.clock.advance(86400 * 3650)
    assert spool.upkeep.retire(DAY) == 0
    assert bytes_of(spool) == before


state = st.sampled_from(list(DeliveryState))
delivery = st.tuples(state, st.integers(min_value=0, max_value=10))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    owed=st.lists(st.lists(delivery, min_size=1, max_size=3), min_size=1, max_size=4),
    days=st.integers(0, 10),
    policies=st.lists(st.sampled_from(["status", "commitment", "query"]), min_size=3, max_size=3),
)
def test_nothing_undelivered_is_ever_removed(
    tmp_path_factory: pytest.TempPathFactory,
    owed: list[list[tuple[DeliveryState, int]]],
    days: int,
    policies: list[str],
) -> None:
    spool = TestSpool(tmp_path_factory.mktemp("spool"))
    now_us = int(spool.clock.now().timestamp() * 1_000_000)
    for number, deliveries in enumerate(owed, start=1):
        spool.deliverable([f"d{n}" for n in range(len(deliveries))], content=b"%d" % number, exam_key=str(number))
        for n, (stands, age) in enumerate(deliveries):
            stored_us = now_us - age * 86_400_000_000
            spool.run_sql(
                "UPDATE delivery SET state = ?, status = '0000', stored_us = ?, committed_us = ?"
                " WHERE acquisition = ? AND destination = ?",
                *(stands.value, stored_us, stored_us, number, f"d{n}"),
            )
    while spool.upkeep.retire(timedelta(days=days), {f"d{n}": policy for n, policy in enumerate(policies)}):
        pass
    enough = {"status": (DeliveryState.STORED, DeliveryState.COMMITTED)}
    for number, deliveries in enumerate(owed, start=1):
        may_go = all(
            stands in enough.get(policy, (DeliveryState.COMMITTED,)) and age >= days
            for (stands, age), policy in zip(deliveries, policies, strict=False)
        )
        paths = spool.rows("SELECT path FROM part WHERE acquisition = ?", number)
        paths += spool.rows("SELECT path FROM instance WHERE acquisition = ?", number)
        assert {spool.files.absolute(row["path"]).exists() for row in paths} == {not may_go}
    spool.close()


def marks(spool: TestSpool) -> list[tuple[int, int]]:
    return [(row["acquisition"], row["since_us"]) for row in spool.rows("SELECT * FROM proven ORDER BY acquisition")]


def truth(spool: TestSpool) -> list[tuple[int, int]]:
    return [(row["acquisition"], row["since_us"]) for row in spool.rows("SELECT * FROM standing ORDER BY acquisition")]


_ADD = (
    "INSERT OR IGNORE INTO delivery (instance, acquisition, destination, state, since_us, due_us)"
    " VALUES ({row} % 6 + 1, {row} % 6 + 1, 'late', 'pending', 0, 0)"
)
CHANGES = (
    "UPDATE delivery SET state = 'stored', stored_us = {moment}, status = '0000' WHERE id = {row}",
    "UPDATE delivery SET state = 'committed', committed_us = {moment}, stored_us = 5, status = '0000' WHERE id = {row}",
    "UPDATE delivery SET state = 'pending' WHERE id = {row}",
    "UPDATE delivery SET state = 'parked' WHERE id = {row}",
    "DELETE FROM delivery WHERE id = {row}",
    _ADD,
)


def test_marks_are_what_looking_at_every_proof_would_give(spool: TestSpool) -> None:
    for number in range(6):
        spool.deliverable(("main", "backup"), exam_key=str(number))
    spool.upkeep.retire(DAY, {"main": "commitment", "backup": "status"})
    chance = random.Random(4)
    for moment in range(1, 400):
        spool.run_sql(chance.choice(CHANGES).format(moment=moment, row=chance.randrange(1, 19)))
        assert marks(spool) == truth(spool)


@pytest.mark.parametrize("before", [{}, {"main": "commitment"}])
def test_a_ledger_without_marks_is_marked_in_stretches(
    spool: TestSpool, monkeypatch: pytest.MonkeyPatch, before: dict[str, str]
) -> None:
    """As after an update, or when the policy of a destination changes."""
    spool.upkeep.retire(DAY, before)
    while spool.upkeep.is_marking():
        spool.upkeep.retire(DAY, before)
    owe(spool.root, imagined_objects(25), ["main"], stored=True)
    spool.clock.moment = spool.clock.moment.replace(year=2030)
    spool.run_sql("DELETE FROM proven")
    if not before:
        spool.run_sql("UPDATE proven_marking SET marked_to = 0")
    monkeypatch.setattr("gateway.spool.upkeep._MARKED_AT_ONCE", 10)
    let_go = [spool.upkeep.retire(DAY, {"main": "status"}) for _ in range(5)]
    assert let_go == [10, 10, 5, 0, 0]
    assert not spool.upkeep.is_marking()


def test_a_mark_that_is_wrong_is_taken_back_and_nothing_goes(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"abc")
    spool.upkeep.retire(DAY)
    spool.run_sql("INSERT INTO proven VALUES (?, 0)", number)
    before = bytes_of(spool)
    assert spool.upkeep.retire(DAY) == 0
    assert (bytes_of(spool), marks(spool)) == (before, [])


def test_counts_and_orphans(spool: TestSpool) -> None:
    spool.deliverable(("main", "gone"))
    spool.acquisitions.held(spool.record(b"1", exam_key="2"), Hold("", ""))
    spool.run_sql("UPDATE delivery SET state = 'parked' WHERE destination = 'main'")
    assert spool.upkeep.counts_needing_people() == (1, 0, 1)
    assert spool.upkeep.orphaned_destinations(["main"]) == [("gone", 1)]
