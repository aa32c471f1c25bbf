"""A disk that fills up: only what every destination has proven to hold ever goes; and a journal that is shortened."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.errors import SpoolFull
from gateway.spool.files import SpoolFiles
from gateway.spool.pruning import JournalPruner
from gateway.stages.room import RoomKeeper, Watermarks
from tests.support.ledger import TestSpool

PROOFS = {"main": "status", "archive": "commitment"}
DELIVERY_STATES = ("pending", "sending", "stored", "committed", "parked", "held", "dropped")
ACQUISITION_STATES = ("captured", "matched", "held", "quarantined")


class Disk(SpoolFiles):
    """A spool whose disk is as full as a test says."""

    share = 0.0

    def used_share(self) -> float:
        return self.share


@pytest.fixture
def disk(spool: TestSpool) -> Disk:
    return Disk(spool.root, role="assemble")


def add(spool: TestSpool, number: int, states: dict[str, str]) -> None:
    """An assembled acquisition with real files whose deliveries stand in these states."""
    acquisition = spool.deliverable(tuple(states), content=b"picture %d" % number, exam_key=str(number))
    for name, state in states.items():
        spool.run_sql(
            "UPDATE delivery SET state = ?, stored_us = 1, committed_us = 1, status = '0000'"
            " WHERE acquisition = ? AND destination = ?",
            state,
            acquisition,
            name,
        )


def proven(states: dict[str, str]) -> bool:
    """Whether a literal reading of the ladder lets the bytes go."""
    enough = {"main": {"stored", "committed"}, "archive": {"committed"}}
    return bool(states) and all(state in enough[name] for name, state in states.items())


def files(spool: TestSpool) -> set[str]:
    return {path for folder in ("acquisitions", "instances") for path in spool.files.files_in(folder)}


owed = st.dictionaries(st.sampled_from(sorted(PROOFS)), st.sampled_from(DELIVERY_STATES), max_size=2)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acquisitions=st.lists(owed, max_size=6), unfinished=st.lists(st.sampled_from(ACQUISITION_STATES), max_size=3))
def test_only_what_is_proven_ever_goes(
    tmp_path_factory: pytest.TempPathFactory, acquisitions: list[dict[str, str]], unfinished: list[str]
) -> None:
    spool = TestSpool(tmp_path_factory.mktemp("spool"))
    for number, states in enumerate(acquisitions):
        add(spool, number, states)
    for number, state in enumerate(unfinished, start=100):
        acquisition = spool.record(b"open %d" % number, with_file=True, exam_key=str(number))
        spool.run_sql("UPDATE acquisition SET state = ? WHERE id = ?", state, acquisition)
    disk = Disk(spool.root, role="assemble")
    disk.share = 1.0
    keeper = RoomKeeper(spool.upkeep, disk, Watermarks(0.85, 0.75))
    while keeper.release(PROOFS):
        pass
    kept = {row["id"] for row in spool.rows("SELECT id FROM acquisition WHERE source_bytes_kept = 1")}
    expected = {number for number, states in enumerate(acquisitions, start=1) if not proven(states)}
    expected |= {number + len(acquisitions) for number in range(1, len(unfinished) + 1)}
    assert kept == expected
    named = {
        row["path"]
        for row in spool.rows(
            "SELECT part.path FROM part JOIN acquisition ON acquisition.id = part.acquisition"
            " WHERE source_bytes_kept = 1 UNION SELECT path FROM instance WHERE kept = 1"
        )
    }
    assert files(spool) == named
    assert set(keeper.issues()) == {"house.room"}
    spool.close()


def test_it_begins_at_the_high_mark_and_ends_at_the_low_one(spool: TestSpool, disk: Disk) -> None:
    for number in range(50):
        add(spool, number, {"main": "stored"})
    keeper = RoomKeeper(spool.upkeep, disk, Watermarks(0.85, 0.75))
    disk.share = 0.84
    assert not keeper.release(PROOFS)
    assert keeper.issues() == {}
    disk.share = 0.86
    assert keeper.release(PROOFS)
    assert keeper.issues()["house.room"].severity == "attention"
    assert spool.rows("SELECT min(id) AS id FROM acquisition WHERE source_bytes_kept = 1") == [{"id": 21}]
    disk.share = 0.80
    assert keeper.release(PROOFS)
    disk.share = 0.75
    assert not keeper.release(PROOFS)
    assert keeper.issues() == {}
    disk.share = 0.80
    assert not keeper.release(PROOFS)
    assert len(spool.rows("SELECT id FROM acquisition WHERE source_bytes_kept = 1")) == 10


def test_when_nothing_more_may_go_it_says_so_and_new_captures_are_refused(spool: TestSpool, disk: Disk) -> None:
    add(spool, 1, {"main": "pending"})
    disk.share = 0.99
    keeper = RoomKeeper(spool.upkeep, disk, Watermarks(0.85, 0.75))
    assert not keeper.release(PROOFS)
    assert keeper.issues()["house.room"].severity == "danger"
    assert len(files(spool)) == 2
    with pytest.raises(SpoolFull, match="nothing new is captured"):
        SpoolFiles(spool.root, role="capture", floor_bytes=1 << 62).ensure_room(1)


def test_the_share_of_a_real_disk(spool: TestSpool) -> None:
    assert 0 < spool.files.used_share() < 1


def lines(spool: TestSpool) -> set[str]:
    return {row["subject"] for row in spool.rows("SELECT subject FROM journal")}


@pytest.fixture
def history(spool: TestSpool) -> TestSpool:
    """One acquisition released a hundred days ago, one still owed, and a line of the box itself."""
    add(spool, 1, {"main": "stored"})
    add(spool, 2, {"main": "pending"})
    spool.run_sql(
        "INSERT INTO journal (at_us, actor, event, subject, detail) VALUES (1, 'x', 'exported', 'delivery 1', '{}')"
    )
    spool.run_sql(
        "INSERT INTO journal (at_us, actor, event, subject, detail) VALUES (1, 'x', 'dropped', 'delivery 2', '{}')"
    )
    spool.run_sql(
        "INSERT INTO journal (at_us, actor, event, subject, detail) VALUES (1, 'x', 'raised', 'issue y', '{}')"
    )
    spool.upkeep.retire(timedelta(0), PROOFS)
    spool.clock.advance(100 * 86_400)
    return spool


def test_only_the_journal_of_what_was_released_long_ago_goes(history: TestSpool) -> None:
    everything = lines(history)
    young = JournalPruner(history.database, timedelta(days=101), history.clock)
    while young.prune():
        pass
    assert lines(history) == everything
    pruner = JournalPruner(history.database, timedelta(days=99), history.clock)
    while pruner.prune():
        pass
    assert lines(history) == everything - {"acquisition 1", "delivery 1"}
    assert not pruner.prune()


def test_what_somebody_touched_since_keeps_its_journal(history: TestSpool) -> None:
    now = int(history.clock.now().timestamp() * 1_000_000)
    history.run_sql(
        "INSERT INTO journal (at_us, actor, event, subject, detail) VALUES (?, 'x', 'note', 'acquisition 1', '{}')", now
    )
    everything = lines(history)
    pruner = JournalPruner(history.database, timedelta(days=99), history.clock)
    while pruner.prune():
        pass
    assert lines(history) == everything


def test_a_long_journal_is_walked_in_stretches(history: TestSpool) -> None:
    history.run_sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
        " INSERT INTO journal (at_us, actor, event, subject, detail)"
        " SELECT 1, 'x', 'seen again', 'acquisition 1', '{}' FROM n"
    )
    pruner = JournalPruner(history.database, timedelta(days=99), history.clock)
    stretches = 0
    while pruner.prune():
        stretches += 1
    assert stretches >= 3
    assert "acquisition 1" not in lines(history)


def transactions(spool: TestSpool) -> list[tuple[int, int]]:
    items = spool.rows("SELECT commitment, delivery FROM commitment_item ORDER BY 1, 2")
    known = {row["id"] for row in spool.rows("SELECT id FROM commitment")}
    assert {row["commitment"] for row in items} == known
    return [(row["commitment"], row["delivery"]) for row in items]


def test_transactions_of_proof_go_with_the_last_of_what_they_asked_for(history: TestSpool) -> None:
    asked = [(1, (1,), 5), (2, (1, 2), 5), (3, (1,), None), (4, (2,), 5)]
    for number, deliveries, ended_us in asked:
        history.run_sql(
            "INSERT INTO commitment (id, transaction_uid, destination, state, made_us, ended_us)"
            " VALUES (?, ?, 'main', ?, 1, ?)",
            *(number, f"1.2.{number}", "reported" if ended_us else "waiting", ended_us),
        )
        for delivery in deliveries:
            history.run_sql("INSERT INTO commitment_item VALUES (?, ?, 'committed')", number, delivery)
        history.run_sql(
            "INSERT INTO journal (at_us, actor, event, subject, detail) VALUES (1, 'x', 'proof asked', ?, '{}')",
            f"commitment {number}",
        )
    everything = transactions(history)
    young = JournalPruner(history.database, timedelta(days=101), history.clock)
    while young.prune():
        pass
    assert transactions(history) == everything
    pruner = JournalPruner(history.database, timedelta(days=99), history.clock)
    while pruner.prune():
        pass
    assert transactions(history) == [row for row in everything if row[0] != 1]
    assert "commitment 1" not in lines(history)
    assert {"commitment 2", "commitment 3", "commitment 4"} <= lines(history)
    assert {row["state"] for row in history.rows("SELECT state FROM delivery")} == {"stored", "pending"}
