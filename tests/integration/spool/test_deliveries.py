"""Deliveries: claimed in order, each with its own outcome; stored only with the peer's own answer."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import Disposition, Phase
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.domain.lifecycle import IllegalTransition
from gateway.spool import database as database_module
from gateway.spool.deliveries import UNFINISHED_CLAIMS_LIMIT, DeliveryLedger
from gateway.spool.runs import Run
from tests.support.ledger import TestSpool, fault


def several(spool: TestSpool, count: int) -> None:
    spool.destinations.configure({"main": "f1"})
    for n in range(count):
        spool.deliverable(exam_key=f"exam-{n}")


def claim(spool: TestSpool, run: Run, limit: int = 10, destination: str = "main") -> list[Delivery]:
    return spool.deliveries.claim_due(destination, run, limit)


def test_claims_go_in_order_of_due_and_in_batches(spool: TestSpool) -> None:
    several(spool, 3)
    forward = spool.run("forward")
    (first,) = claim(spool, forward, 1)
    spool.deliveries.failed(first, fault(), spool.clock.now(), park=False, due=spool.clock.now() + timedelta(seconds=9))
    spool.clock.advance(9)
    assert [d.id for d in claim(spool, forward)] == [2, 3, 1]
    assert claim(spool, spool_run_of_another_loop()) == []


def spool_run_of_another_loop() -> Run:
    return Run("forward", "somebody else")


def test_a_claim_names_the_frozen_object(spool: TestSpool) -> None:
    spool.deliverable(content=b"abc")
    (delivery,) = claim(spool, spool.run("forward"))
    instance = spool.row("instance", 1)
    assert delivery.sop_instance_uid == instance["sop_instance_uid"]
    assert (delivery.spooled.path, delivery.spooled.digest, delivery.spooled.size) == (
        instance["path"],
        instance["digest"],
        7,
    )
    assert delivery.attempts == 1


def test_one_destination_in_trouble_never_blocks_another(spool: TestSpool) -> None:
    spool.destinations.configure({"main": "f1", "backup": "f2"})
    spool.deliverable(("main", "backup"))
    forward = spool.run("forward")
    spool.destinations.failed("main", fault(), spool.clock.now() + timedelta(seconds=30))
    assert claim(spool, forward) == []
    assert [d.destination for d in claim(spool, forward, destination="backup")] == ["backup"]
    spool.clock.advance(30)
    assert len(claim(spool, forward)) == 1


def test_stored_keeps_the_peers_answer(spool: TestSpool) -> None:
    several(spool, 1)
    (delivery,) = claim(spool, spool.run("forward"))
    spool.deliveries.stored(delivery, StoreOutcome(0xB000, "coerced", "1.2.840.10008.1.2.1"), spool.clock.now())
    row = spool.row("delivery", 1)
    assert (row["state"], row["status"], row["status_text"], row["sent_syntax_uid"]) == (
        "stored",
        "B000",
        "coerced",
        "1.2.840.10008.1.2.1",
    )
    assert row["stored_us"] is not None
    assert row["claimed_by"] is None
    assert [a["code"] for a in spool.rows("SELECT * FROM attempt")] == ["B000"]
    assert claim(spool, spool.run("forward")) == []


def test_status_zero_is_kept_too(spool: TestSpool) -> None:
    several(spool, 1)
    (delivery,) = claim(spool, spool.run("forward"))
    spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    assert spool.row("delivery", 1)["status"] == "0000"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE delivery SET state = 'stored'",
        "UPDATE delivery SET state = 'stored', stored_us = 1",
        "UPDATE delivery SET state = 'stored', status = '0000'",
        "UPDATE delivery SET state = 'committed', status = '0000', stored_us = 1",
        "UPDATE delivery SET state = 'nearly'",
        "UPDATE delivery SET destination = 'main'",
        "UPDATE delivery SET instance = 77",
    ],
)
def test_the_ledger_itself_refuses_what_is_not_proven_or_owed_twice(spool: TestSpool, sql: str) -> None:
    spool.deliverable(("main", "backup"))
    with pytest.raises(sqlite3.IntegrityError):
        spool.run_sql(sql)


def test_stored_cannot_be_said_of_what_is_not_being_sent(spool: TestSpool) -> None:
    several(spool, 1)
    (delivery,) = claim(spool, spool.run("forward"))
    spool.run("forward")  # the role restarted: the claim is void
    with pytest.raises(IllegalTransition):
        spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    assert spool.row("delivery", 1)["state"] == "pending"


def test_a_failure_waits_and_tells_why(spool: TestSpool) -> None:
    several(spool, 1)
    forward = spool.run("forward")
    (delivery,) = claim(spool, forward)
    due = spool.clock.now() + timedelta(seconds=20)
    spool.deliveries.failed(delivery, fault(phase=Phase.RESPONSE, code="A700"), spool.clock.now(), park=False, due=due)
    row = spool.row("delivery", 1)
    assert (row["state"], row["phase"], row["error"], row["remedy"]) == (
        "pending",
        "response",
        "It did not work.",
        "Look at it.",
    )
    assert claim(spool, forward) == []
    spool.clock.advance(19)
    assert claim(spool, forward) == []
    spool.clock.advance(1)
    (again,) = claim(spool, forward)
    assert again.attempts == 2


def test_parked_is_no_more_tried_until_the_configuration_changes(spool: TestSpool) -> None:
    several(spool, 2)
    forward = spool.run("forward")
    first, second = claim(spool, forward)
    for delivery in (first, second):
        spool.deliveries.failed(delivery, fault(Disposition.PARK), spool.clock.now(), park=True, due=spool.clock.now())
    spool.clock.advance(10**6)
    assert claim(spool, forward) == []
    spool.destinations.configure({"main": "f1"})
    assert claim(spool, forward) == []
    spool.destinations.configure({"main": "f1 with another AE title"})
    assert len(claim(spool, forward)) == 2


def test_a_destination_that_was_taken_out_and_put_back_goes_on(spool: TestSpool) -> None:
    several(spool, 2)
    forward = spool.run("forward")
    parked, waiting = claim(spool, forward)
    spool.deliveries.failed(parked, fault(), spool.clock.now(), park=True, due=spool.clock.now())
    late = spool.clock.now() + timedelta(seconds=300)
    spool.deliveries.failed(waiting, fault(), spool.clock.now(), park=False, due=late)
    spool.destinations.configure({})
    assert spool.upkeep.orphaned_destinations([]) == [("main", 2)]
    spool.destinations.configure({"main": "f1"})
    assert len(claim(spool, forward)) == 2


def test_given_back_counts_as_never_begun(spool: TestSpool) -> None:
    several(spool, 2)
    forward = spool.run("forward")
    for _ in range(UNFINISHED_CLAIMS_LIMIT * 2):
        spool.deliveries.give_back(claim(spool, forward))
    row = spool.row("delivery", 1)
    assert (row["state"], row["attempts"], row["unfinished_claims"]) == ("pending", 0, 0)


def test_what_kills_its_worker_is_parked(spool: TestSpool) -> None:
    several(spool, 2)
    poison, harmless = claim(spool, spool.run("forward"))
    spool.deliveries.give_back([harmless])
    for _ in range(UNFINISHED_CLAIMS_LIMIT - 1):
        (again,) = claim(spool, spool.run("forward"))
        assert again.id == poison.id, "by itself, so that it takes no other with it"
    assert [d.id for d in claim(spool, spool.run("forward"))] == [harmless.id]
    row = spool.row("delivery", poison.id)
    assert row["state"] == "parked"
    assert "never came to an end" in row["error"]
    assert row["remedy"]


def test_a_claim_left_behind_by_a_defect_does_not_wait_for_a_restart(spool: TestSpool) -> None:
    several(spool, 1)
    forward = spool.run("forward")
    (delivery,) = claim(spool, forward)
    (again,) = claim(spool, forward)
    assert (again.id, again.attempts) == (delivery.id, 2)


def test_a_destination_that_answers_again_wakes_what_waits(spool: TestSpool) -> None:
    several(spool, 1)
    forward = spool.run("forward")
    (delivery,) = claim(spool, forward)
    late = spool.clock.now() + timedelta(seconds=300)
    spool.deliveries.failed(delivery, fault(), spool.clock.now(), park=False, due=late)
    spool.destinations.failed("main", fault(), late)
    spool.destinations.failed("main", fault(), late)
    assert spool.destinations.failures("main") == 1  # another worker's, of the same outage
    spool.clock.advance(300)
    spool.destinations.failed("main", fault(), spool.clock.now() + timedelta(seconds=300))
    assert spool.destinations.failures("main") == 2
    assert spool.destinations.answers("main")
    assert not spool.destinations.answers("main")
    assert spool.destinations.failures("main") == 0
    assert len(claim(spool, forward)) == 1


def test_a_restart_of_the_role_tries_at_once(spool: TestSpool) -> None:
    several(spool, 1)
    spool.destinations.failed("main", fault(), spool.clock.now() + timedelta(seconds=300))
    spool.destinations.wake("main")
    assert len(claim(spool, spool.run("forward"))) == 1


def test_cut_off_is_what_waits_for_its_link_and_not_for_a_moment_more(spool: TestSpool) -> None:
    spool.destinations.configure({"main": "f1", "second": "f2", "third": "f3"})
    late = spool.clock.now() + timedelta(seconds=300)
    spool.destinations.failed("main", fault(), late, by_link=True)
    spool.destinations.failed("second", fault(), late)
    spool.destinations.failed("third", fault(), spool.clock.now() + timedelta(seconds=4), by_link=True)
    assert spool.destinations.cut_off() == {"main": 1}
    spool.destinations.reached("main")
    assert spool.destinations.cut_off() == {}
    spool.destinations.failed("main", fault(), late)
    assert spool.destinations.cut_off() == {}, "the peer itself has refused now"


def test_a_clock_that_was_years_ahead_delays_nothing(spool: TestSpool) -> None:
    several(spool, 1)
    forward = spool.run("forward")
    (delivery,) = claim(spool, forward)
    spool.clock.advance(10**8)
    late = spool.clock.now() + timedelta(seconds=300)
    spool.deliveries.failed(delivery, fault(), spool.clock.now(), park=False, due=late)
    spool.destinations.failed("main", fault(), late)
    spool.clock.put_back(10**8)
    assert len(claim(spool, forward)) == 1


def test_a_back_off_of_many_hours_is_kept(spool: TestSpool) -> None:
    several(spool, 1)
    forward = spool.run("forward")
    deliveries = DeliveryLedger(spool.database, spool.clock, longest_s=6 * 3600)
    (delivery,) = deliveries.claim_due("main", forward, 1)
    late = spool.clock.now() + timedelta(hours=6)
    deliveries.failed(delivery, fault(), spool.clock.now(), park=False, due=late)
    spool.destinations.failed("main", fault(), late)
    spool.clock.advance(5 * 3600)
    assert deliveries.claim_due("main", forward, 1) == []
    spool.clock.advance(3600)
    assert len(deliveries.claim_due("main", forward, 1)) == 1


def test_a_fault_of_the_destination_keeps_its_first_moment(spool: TestSpool) -> None:
    several(spool, 1)
    began = spool.clock.now()
    for _ in range(3):
        spool.destinations.failed("main", fault(), spool.clock.now())
        spool.clock.advance(60)
    assert spool.status.destinations()[0].error_at == began


def test_the_rate_of_a_link_that_several_share_is_what_they_reach_together(spool: TestSpool) -> None:
    several(spool, 4)
    assert spool.destinations.link_rate("main") is None
    begun = spool.clock.now()
    spool.run_sql("UPDATE instance SET size = 1000")
    batch = claim(spool, spool.run("forward"), 4)
    spool.clock.advance(2)
    for delivery in batch:
        spool.deliveries.stored(delivery, StoreOutcome(0), begun)
    assert spool.destinations.link_rate("main") == 2000


def test_a_ledger_that_knows_no_associations_begins_with_none_and_then_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = database_module.migrations()
    (adding,) = (number for number, sql in everything if "ADD COLUMN associations" in sql)
    monkeypatch.setattr(database_module, "migrations", lambda: [one for one in everything if one[0] < adding])
    database_module.migrate(tmp_path)
    with sqlite3.connect(tmp_path / database_module.LEDGER_FILE) as connection:
        connection.execute("INSERT INTO destination (name, position, fingerprint) VALUES ('main', 0, 'f1')")
    connection.close()
    monkeypatch.setattr(database_module, "migrations", lambda: everything)
    spool = TestSpool(tmp_path)
    assert spool.destinations.associations("main") == 0
    spool.destinations.remember_associations("main", 6)
    assert spool.destinations.associations("main") == 6
    assert spool.destinations.associations("unknown") == 0
    spool.close()
