"""Refused classes in the ledger: which deliveries are moved to another instance, when, and what becomes of it all."""

from datetime import timedelta
from hashlib import sha256

import pytest

from gateway.domain.errors import Disposition, GatewayError, InvalidObject, Phase
from gateway.domain.identifiers import Uid
from gateway.domain.instance import SpooledObject, StoreOutcome
from gateway.spool.fallbacks import FallbackLedger, RefusedClass, StandInInstance
from tests.support.ledger import RLE, SC, TestSpool

VL = Uid("1.2.840.10008.5.1.4.1.1.77.1.4")
CLASSES: dict[str, dict[str, str]] = {"main": {SC: VL}, "other": {SC: VL}}


def refusal(code: str, phase: Phase = Phase.RESPONSE) -> GatewayError:
    return GatewayError("No.", disposition=Disposition.PARK, phase=phase, remedy="Ask.", code=code)


def refuse(spool: TestSpool, destination: str, code: str = "0122", phase: Phase = Phase.RESPONSE) -> None:
    """The destination refuses everything that it is owed."""
    for delivery in spool.deliveries.claim_due(destination, spool.run("forward"), 10):
        spool.deliveries.failed(delivery, refusal(code, phase), spool.clock.now(), park=True, due=spool.clock.now())


def ledger(spool: TestSpool) -> FallbackLedger:
    return FallbackLedger(spool.database, spool.clock, CLASSES)


def met(spool: TestSpool) -> tuple[RefusedClass, StandInInstance]:
    """What the stage does about the oldest refusal, without building."""
    fallbacks = ledger(spool)
    refused = fallbacks.next_refused()
    assert refused is not None
    made = fallbacks.reserve(refused, VL)
    spooled = made.spooled
    if spooled is None:
        path = spool.place(b"as another class", "instances", f"{made.identity.sop_instance_uid}.dcm")
        spooled = SpooledObject(path, sha256(b"as another class").hexdigest(), 16, VL, RLE)
    assert fallbacks.moved(refused, made, spooled)
    return refused, made


@pytest.mark.parametrize(
    ("code", "phase", "wanted"),
    [
        ("context 3", Phase.NEGOTIATE, True),
        ("0122", Phase.RESPONSE, True),
        ("context 4", Phase.NEGOTIATE, False),
        ("A900", Phase.RESPONSE, False),
        ("digest", Phase.SPOOL, False),
    ],
)
def test_only_a_refused_class_is_met_so(spool: TestSpool, code: str, phase: Phase, *, wanted: bool) -> None:
    spool.deliverable(content=b"abc")
    refuse(spool, "main", code, phase)
    assert (ledger(spool).next_refused() is not None) == wanted


def test_a_destination_or_class_without_an_entry_is_left_alone(spool: TestSpool) -> None:
    spool.deliverable(("third",), content=b"abc")
    refuse(spool, "third")
    assert ledger(spool).next_refused() is None
    assert FallbackLedger(spool.database, spool.clock, {"third": {VL: SC}}).next_refused() is None
    assert FallbackLedger(spool.database, spool.clock, {}).next_refused() is None


def test_two_destinations_with_the_same_need_share_one_instance(spool: TestSpool) -> None:
    spool.deliverable(("main", "other", "third"), content=b"abc")
    refuse(spool, "main")
    refuse(spool, "other", "context 3", Phase.NEGOTIATE)
    (_, first), (_, second) = met(spool), met(spool)
    assert first.identity == second.identity
    assert second.spooled is not None
    assert ledger(spool).next_refused() is None
    owed = {row["destination"]: row["instance"] for row in spool.rows("SELECT * FROM delivery")}
    assert owed == {"main": 2, "other": 2, "third": 1}
    original, stand_in = spool.rows("SELECT * FROM instance ORDER BY id")
    assert (stand_in["stands_for"], stand_in["sop_class_uid"]) == (original["id"], VL)
    assert stand_in["series"] != original["series"]
    for name in owed:
        for delivery in spool.deliveries.claim_due(name, spool.run("forward"), 10):
            spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    assert spool.upkeep.reconcile("instances").unknown_files == ()
    spool.clock.advance(2 * 86_400)
    assert spool.upkeep.retire(timedelta(days=1)) == 1
    assert list(spool.files.files_in("instances")) == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE delivery SET state = 'pending'",
        "UPDATE delivery SET destination = 'third'",
        "UPDATE delivery SET rejected_us = 1",
        "UPDATE delivery SET attempts = attempts + 1",
        "INSERT INTO attempt SELECT 99, 1, 0, 0, 'transfer', 'retry', '', ''",
    ],
)
def test_a_delivery_that_moved_on_while_the_object_was_built_stays_with_its_own(
    spool: TestSpool, meanwhile: str
) -> None:
    spool.deliverable(content=b"abc")
    refuse(spool, "main")
    fallbacks = ledger(spool)
    refused = fallbacks.next_refused()
    assert refused is not None
    made = fallbacks.reserve(refused, VL)
    assert fallbacks.reserve(refused, VL).identity == made.identity, "minted once"
    spool.run_sql(meanwhile)
    assert not fallbacks.moved(refused, made, SpooledObject("instances/x.dcm", "0", 1, VL, RLE))
    assert [row["instance"] for row in spool.rows("SELECT * FROM delivery")] == [1]
    assert spool.row("instance", 2)["built_us"] is None


def test_what_was_refused_with_a_reason_is_looked_at_again_after_the_next_try_only(spool: TestSpool) -> None:
    spool.deliverable(content=b"abc")
    refuse(spool, "main")
    refused = ledger(spool).next_refused()
    assert refused is not None
    ledger(spool).refused(refused, InvalidObject("It cannot be made.", remedy="Look."))
    assert ledger(spool).next_refused() is None
    row = spool.row("delivery", 1)
    assert (row["state"], row["remedy"]) == ("parked", "Look.")
    assert row["error"] == "No. No object of another class was made: It cannot be made."
    spool.run_sql("UPDATE delivery SET state = 'pending', due_us = 0")
    refuse(spool, "main")
    assert ledger(spool).next_refused() is not None


def test_what_stands_in_is_not_stood_in_for(spool: TestSpool) -> None:
    spool.deliverable(content=b"abc")
    refuse(spool, "main")
    met(spool)
    refuse(spool, "main")
    both_ways = FallbackLedger(spool.database, spool.clock, {"main": {SC: VL, VL: SC}})
    assert both_ways.next_refused() is None
