"""Verbs of a person about deliveries: all of those named or none, in the states that allow it, with their journal."""

import json
from datetime import timedelta
from itertools import product

import pytest

from gateway.domain.instance import StoreOutcome
from gateway.domain.lifecycle import DeliveryState
from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.spool.queue_view import QueueFilter, QueueView
from gateway.spool.requests import role_of
from tests.support.ledger import TestSpool, fault

AFTER = {
    (RequestKind.RETRY, "pending"): "pending",
    (RequestKind.RETRY, "parked"): "pending",
    (RequestKind.HOLD_BACK, "pending"): "held",
    (RequestKind.HOLD_BACK, "parked"): "held",
    (RequestKind.LET_GO, "held"): "pending",
    (RequestKind.RETARGET, "pending"): "pending",
    (RequestKind.RETARGET, "parked"): "pending",
    (RequestKind.RETARGET, "held"): "held",
    (RequestKind.DROP, "pending"): "dropped",
    (RequestKind.DROP, "parked"): "dropped",
    (RequestKind.DROP, "held"): "dropped",
    (RequestKind.TAKE_BACK, "dropped"): "pending",
}
DETAILS: dict[RequestKind, dict[str, str]] = {
    RequestKind.RETARGET: {"destination": "archive"},
    RequestKind.DROP: {"reason": "wrong eye", "operator": "Asha"},
}


def ask(spool: TestSpool, kind: RequestKind, **payload: str) -> RequestView:
    number = spool.desk.file(kind, payload, by="console nurse")
    for request in spool.requests.waiting(role_of(kind)):
        spool.requests.carry_out(request)
    done = spool.status.request(number)
    assert done is not None
    return done


def make(spool: TestSpool, *states: str, destinations: tuple[str, ...] = ("main",)) -> None:
    """Deliveries 1, 2, ... in these states, as the ledger would have them."""
    spool.destinations.configure({"main": "f", "archive": "f"})
    for number, state in enumerate(states):
        spool.deliverable(destinations, exam_key=str(number))
        proof = ", stored_us = 1, committed_us = 1, status = '0000'" if state in ("stored", "committed") else ""
        spool.run_sql(f"UPDATE delivery SET state = ?{proof} WHERE acquisition = ?", state, number + 1)  # noqa: S608 - a literal of this test


@pytest.mark.parametrize(
    ("kind", "state"),
    list(product(dict.fromkeys(kind for kind, _ in AFTER), [state.value for state in DeliveryState])),
    ids=lambda value: getattr(value, "value", value),
)
def test_every_verb_in_every_state(spool: TestSpool, kind: RequestKind, state: str) -> None:
    make(spool, state)
    done = ask(spool, kind, deliveries="1", **DETAILS.get(kind, {}))
    expected = AFTER.get((kind, state))
    assert done.ok is (expected is not None), done.outcome
    assert spool.row("delivery", 1)["state"] == (expected or state)
    lines = spool.rows("SELECT * FROM journal WHERE subject = 'delivery 1' AND actor = 'console nurse'")
    assert bool(lines) is done.ok


def test_all_of_those_named_or_none(spool: TestSpool) -> None:
    make(spool, "pending", "pending", "stored")
    done = ask(spool, RequestKind.HOLD_BACK, deliveries="1,2,3")
    assert not done.ok
    assert "Delivery 3 is stored" in done.outcome
    assert [row["state"] for row in spool.rows("SELECT state FROM delivery")] == ["pending", "pending", "stored"]
    assert ask(spool, RequestKind.HOLD_BACK, deliveries=" 2,1,2").outcome == "2 held"


@pytest.mark.parametrize(
    ("kind", "payload", "outcome"),
    [
        (RequestKind.DROP, {"deliveries": "1", "operator": "Asha"}, "names no reason"),
        (RequestKind.DROP, {"deliveries": "1", "reason": "x"}, "names no operator"),
        (RequestKind.DROP, {"deliveries": "1", "reason": "x\ny", "operator": "Asha"}, "one line"),
        (RequestKind.DROP, {"deliveries": "1", "reason": "x" * 201, "operator": "Asha"}, "at most 200"),
        (RequestKind.HOLD_BACK, {"deliveries": "1,x"}, "numbers with commas"),
        (RequestKind.HOLD_BACK, {"deliveries": "9"}, "There is no delivery 9"),
        (RequestKind.HOLD_BACK, {}, "names no delivery"),
        (RequestKind.RETARGET, {"deliveries": "1"}, "names no destination"),
        (RequestKind.RETARGET, {"deliveries": "1", "destination": "nowhere"}, "no destination nowhere"),
        (RequestKind.RETARGET, {"deliveries": "1", "destination": "main"}, "already has or is owed"),
        (RequestKind.RETARGET, {"source": "nowhere", "destination": "main"}, "Nothing waits for nowhere"),
        (RequestKind.REBUILD, {"deliveries": "1"}, "nothing to rebuild"),
    ],
)
def test_refusals_say_why_and_change_nothing(
    spool: TestSpool, kind: RequestKind, payload: dict[str, str], outcome: str
) -> None:
    make(spool, "pending")
    done = ask(spool, kind, **payload)
    assert not done.ok
    assert outcome in done.outcome
    assert spool.row("delivery", 1)["state"] == "pending"


def test_what_is_being_sent_is_left_alone(spool: TestSpool) -> None:
    make(spool, "pending")
    (claimed,) = spool.deliveries.claim_due("main", spool.run("forward"), 1)
    for kind in (RequestKind.HOLD_BACK, RequestKind.DROP, RequestKind.RETARGET):
        assert "at this moment" in ask(spool, kind, deliveries="1", **DETAILS.get(kind, {})).outcome
        assert spool.row("delivery", 1)["state"] == "sending"
    spool.deliveries.stored(claimed, StoreOutcome(0), spool.clock.now())


def test_a_drop_keeps_reason_and_name_and_is_taken_back(spool: TestSpool) -> None:
    make(spool, "parked")
    assert ask(spool, RequestKind.DROP, deliveries="1", reason="wrong eye", operator="Asha").ok
    (line,) = spool.rows("SELECT * FROM journal WHERE subject = 'delivery 1' AND event = 'dropped'")
    assert json.loads(line["detail"]) | {"reason": "wrong eye", "operator": "Asha"} == json.loads(line["detail"])
    view = spool.status.acquisition(1)
    assert view is not None
    assert view.deliveries[0].decision == "wrong eye (Asha)"
    assert spool.upkeep.retire(timedelta(0)) == 0
    assert ask(spool, RequestKind.TAKE_BACK, deliveries="1").ok
    assert spool.row("delivery", 1)["decision"] == ""


def test_all_that_waits_for_one_destination_moves_to_another(spool: TestSpool) -> None:
    make(spool, "pending", "parked", "held", "stored", "dropped")
    spool.destinations.configure({"archive": "f"})
    done = ask(spool, RequestKind.RETARGET, source="main", destination="archive")
    assert done.outcome == "3 re-targeted to archive"
    rows = spool.rows("SELECT destination, state FROM delivery ORDER BY id")
    assert [(row["destination"], row["state"]) for row in rows] == [
        ("archive", "pending"),
        ("archive", "pending"),
        ("archive", "held"),
        ("main", "stored"),
        ("main", "dropped"),
    ]
    assert len(spool.deliveries.claim_due("archive", spool.run("forward"), 9)) == 2


@pytest.mark.parametrize("there", ["pending", "stored", "committed", "dropped"])
def test_a_destination_that_has_one_of_them_refuses_all(spool: TestSpool, there: str) -> None:
    make(spool, "pending", "pending", destinations=("main", "archive"))
    proof = ", stored_us = 1, committed_us = 1, status = '0000'" if there in ("stored", "committed") else ""
    spool.run_sql(f"UPDATE delivery SET state = ?{proof} WHERE destination = 'archive'", there)  # noqa: S608 - a literal of this test
    spool.deliverable(("main",), exam_key="9")
    done = ask(spool, RequestKind.RETARGET, source="main", destination="archive")
    assert not done.ok
    assert "archive already has or is owed 2 of these objects (deliveries 1, 3)" in done.outcome
    assert len(spool.rows("SELECT 1 FROM delivery WHERE destination = 'main'")) == 3
    assert ask(spool, RequestKind.RETARGET, deliveries="5", destination="archive").ok


def test_one_object_is_owed_to_a_destination_once_however_many_deliveries_of_it_are_named(spool: TestSpool) -> None:
    make(spool, "pending", destinations=("main", "archive"))
    spool.destinations.configure({"main": "f", "archive": "f", "far": "f"})
    done = ask(spool, RequestKind.RETARGET, deliveries="1,2", destination="far")
    assert not done.ok
    assert "Deliveries 1 and 2 are of the same object" in done.outcome
    assert [row["destination"] for row in spool.rows("SELECT * FROM delivery ORDER BY id")] == ["main", "archive"]


def test_what_was_tried_elsewhere_is_new_to_the_destination_that_it_is_re_targeted_to(spool: TestSpool) -> None:
    make(spool, "pending")
    run = spool.run("forward")
    for _ in range(3):
        (claimed,) = spool.deliveries.claim_due("main", run, 1)
        spool.deliveries.failed(claimed, fault(), spool.clock.now(), park=False, due=spool.clock.now())
    assert claimed.attempts == 3
    assert ask(spool, RequestKind.RETARGET, deliveries="1", destination="archive").ok
    (claimed,) = spool.deliveries.claim_due("archive", run, 1)
    assert claimed.attempts == 1  # so that "I have it already" is a stranger's answer there


def test_the_list_is_filtered_and_the_dossier_is_whole(spool: TestSpool) -> None:
    make(spool, "pending", "parked", "stored", "dropped")
    view = QueueView(spool.root, spool.clock)
    assert [row.delivery.id for row in view.rows(QueueFilter())] == [1, 2]
    assert [row.delivery.id for row in view.rows(QueueFilter(state="all", limit=3))] == [1, 2, 3]
    assert [row.delivery.id for row in view.rows(QueueFilter(state="dropped", device="fundus"))] == [4]
    assert list(view.rows(QueueFilter(device="other"))) == []
    assert list(view.rows(QueueFilter(destination="archive"))) == []
    assert list(view.rows(QueueFilter(older_than=timedelta(hours=1)))) == []
    spool.clock.advance(7200)
    assert len(view.rows(QueueFilter(older_than=timedelta(hours=1)))) == 2
    (claimed,) = spool.deliveries.claim_due("main", spool.run("forward"), 1)
    spool.deliveries.failed(claimed, fault(code="A700"), spool.clock.now(), park=True, due=spool.clock.now())
    dossier = view.dossier(1)
    assert dossier is not None
    facts = dict(dossier.facts)
    instance = spool.row("instance", 1)
    assert facts["SOP Instance UID"] == instance["sop_instance_uid"]
    assert facts["object SHA-256"] == instance["digest"]
    assert facts["captured SHA-256"] == spool.row("acquisition", 1)["digest"]
    assert [(one.code, one.phase) for one in dossier.attempts] == [("A700", "connect")]
    assert {line.subject for line in dossier.journal} == {"delivery 1", "acquisition 1"}
    assert view.dossier(99) is None
