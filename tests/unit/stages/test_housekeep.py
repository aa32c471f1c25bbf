"""Housekeeping: at its own pace, every trouble of the whole ledger shown and withdrawn, retention in small bites."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import UnreadableInput
from gateway.domain.instance import StoreOutcome
from gateway.domain.procedure import Hold
from gateway.domain.requests import RequestKind
from gateway.spool.files import SpoolFiles
from gateway.stages.housekeep import HousekeepStage, HouseRules
from tests.support.ledger import TestSpool, step


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path)
    yield made
    made.close()


def stage_of(spool: TestSpool, *, floor_bytes: int = 0) -> HousekeepStage:
    return HousekeepStage(
        database=spool.database,
        upkeep=spool.upkeep,
        files=SpoolFiles(spool.root, role="assemble", floor_bytes=floor_bytes),
        steps=spool.steps,
        health=spool.health,
        rules=HouseRules(timedelta(days=1), {"fundus": 3600.0}, ["main"]),
        monotonic=spool.clock.monotonic,
    )


def keys(spool: TestSpool) -> list[str]:
    return sorted(issue.key for issue in spool.status.issues())


def test_it_looks_around_at_its_own_pace_however_often_it_is_woken(spool: TestSpool) -> None:
    stage = stage_of(spool)
    assert stage.round() == 20.0
    spool.acquisitions.held(spool.record(), Hold("", ""))
    spool.clock.advance(5)
    assert stage.round() == 15.0
    assert keys(spool) == []
    spool.clock.advance(15)
    assert stage.round() == 20.0
    assert keys(spool) == ["house.held"]
    stage.close()


def test_every_trouble_is_shown_and_withdrawn(spool: TestSpool) -> None:
    spool.acquisitions.held(spool.record(), Hold("", ""))
    spool.record(b"2", exam_key="2", fault=UnreadableInput(""))
    spool.deliverable(("main", "gone"), exam_key="3")
    spool.run_sql("UPDATE delivery SET state = 'parked' WHERE destination = 'main'")
    spool.place(b"?", "unclaimed", "x")
    stage_of(spool, floor_bytes=1 << 62).round()
    assert keys(spool) == [
        "house.disk",
        "house.held",
        "house.orphan.gone",
        "house.parked",
        "house.quarantined",
        "house.unclaimed",
    ]
    assert all(issue.text and issue.suggestion for issue in spool.status.issues())
    spool.run_sql("UPDATE acquisition SET state = 'captured'")
    spool.run_sql("UPDATE delivery SET state = 'stored', status = '0000', stored_us = since_us")
    spool.files.remove("unclaimed/x")
    stage_of(spool).round()
    assert keys(spool) == []


def test_an_idle_step_is_closed(spool: TestSpool) -> None:
    spool.steps.answered("HIS", [step()])
    spool.desk.file(RequestKind.OPEN_STEP, {"device": "fundus", "step": "1"}, by="nurse")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    stage = stage_of(spool)
    stage.round()
    assert spool.status.devices()[0].active_step is not None
    spool.clock.advance(3601)
    stage.round()
    assert spool.status.devices()[0].active_step is None


def test_retention_comes_back_at_once_while_there_is_more(spool: TestSpool) -> None:
    for n in range(3):
        spool.deliverable(content=b"%d" % n, exam_key=str(n))
    for delivery in spool.deliveries.claim_due("main", spool.run("forward"), 10):
        spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    spool.clock.advance(86400 * 2)
    stage = stage_of(spool)
    assert stage.round() == 0.0
    assert list(spool.files.files_in("instances")) == []
    assert stage.round() == 20.0
