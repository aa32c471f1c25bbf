"""The look for orders: what it finds in the ledger, that it rests when nothing changed, and what it says to people."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.local_identity import LocalIdentities
from gateway.domain.procedure import Hold
from gateway.domain.requests import RequestKind
from gateway.spool.local_view import LocalStudiesView
from gateway.spool.reconciliations import ReconciliationLedger
from gateway.stages.reconcile import Reconciler, ReconcileRules, Whereabouts
from tests.support.ledger import NOON, TestSpool, step

RULES = ReconcileRules(
    "Unknown^Patient", timedelta(days=14), timedelta(hours=12), {"fundus": Whereabouts("OP", frozenset({"RAMPUR_FC1"}))}
)


class Looking:
    """A spool with one picture of somebody unknown, and the reconciler."""

    def __init__(self, root: Path) -> None:
        self.spool = TestSpool(root)
        self.reconciler = Reconciler(ReconciliationLedger(self.spool.database, self.spool.clock), RULES)
        number = self.spool.record(captured_at=NOON)
        self.spool.acquisitions.held(number, Hold("No step fits.", ""))
        self.spool.desk.file(RequestKind.UNSCHEDULED, {"acquisitions": str(number)}, by="nurse")
        (request,) = self.spool.requests.waiting("assemble")
        self.spool.requests.carry_out(request)

    def suggested(self) -> list[tuple[str, str]]:
        self.reconciler.look()
        (one,) = LocalStudiesView(self.spool.root, self.spool.clock, LocalIdentities()).to_reconcile()
        return [(found.step.key.step_id, found.ground) for found in one.suggestions]


@pytest.fixture
def looking(tmp_path: Path) -> Looking:
    return Looking(tmp_path / "spool")


def test_an_order_of_that_room_and_time_is_suggested_and_told(looking: Looking) -> None:
    assert looking.suggested() == []
    assert looking.reconciler.issues() == {}
    other = step(2, station_ae_title="OTHER_ROOM")
    looking.spool.steps.answered("HIS", [step(1, start=NOON + timedelta(hours=1)), other])
    assert looking.suggested() == [("SPS1", "circumstance")]
    (issue,) = looking.reconciler.issues().values()
    assert "those of 1 study sent" in issue.text
    looking.spool.close()


def test_why_nothing_is_suggested_is_told_and_told_anew(looking: Looking) -> None:
    def told() -> str:
        looking.reconciler.look()
        (one,) = LocalStudiesView(looking.spool.root, looking.spool.clock, LocalIdentities()).to_reconcile()
        return one.why_none

    assert told() == (
        "Nobody knows who it was, and no order for this kind of examination and station is planned within 12 h of it."
    )
    looking.spool.steps.answered("HIS", [step(1)])
    assert told() == ""
    refused = {"suggestion": "1", "operator": "Nurse A"}
    looking.spool.desk.file(RequestKind.NOT_THE_SAME, refused, by="nurse")
    (request,) = looking.spool.requests.waiting("assemble")
    looking.spool.requests.carry_out(request)
    assert told() == "1 that was suggested: a person said that it is not the order."
    looking.spool.clock.advance(15 * 86_400)
    assert told().startswith("Orders were looked for over 14 days; now they are not any more. 1 that was suggested")
    looking.spool.close()


def test_what_vanishes_stays_suggested_and_what_changes_does_not(looking: Looking) -> None:
    looking.spool.steps.answered("HIS", [step(1)])
    assert looking.suggested() == [("SPS1", "circumstance")]
    looking.spool.steps.answered("HIS", [])
    assert looking.suggested() == [("SPS1", "circumstance")]
    looking.spool.steps.answered("HIS", [step(1, modality="US")])
    assert looking.suggested() == []
    looking.spool.close()


def test_it_compares_again_only_when_something_changed(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []

    def note(*args: object, **_: object) -> tuple[()]:
        looked.append(args)
        return ()

    monkeypatch.setattr("gateway.stages.reconcile.suggest", note)
    looking.spool.steps.answered("HIS", [step(1)])
    for _ in range(3):
        looking.reconciler.look()
    looking.spool.steps.answered("HIS", [step(1)])
    looking.reconciler.look()
    assert len(looked) == 1
    looking.spool.steps.answered("HIS", [step(1), step(2)])
    looking.reconciler.look()
    assert len(looked) == 2
    looking.spool.close()
