"""Who is open on a device, by whom, until when, and what came since: with an order and without."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.requests import RequestKind
from gateway.domain.views import DeviceView
from gateway.spool.status import LedgerStatus
from tests.support.ledger import NOON, TestSpool, step

LIMIT_S = 600.0


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path / "spool")
    made.steps.configure(["HIS"])
    made.steps.answered("HIS", [step(1)])
    yield made
    made.close()


def view(spool: TestSpool) -> DeviceView:
    (found,) = LedgerStatus(spool.root, spool.clock, ["fundus"], {"fundus": LIMIT_S}).devices()
    return found


def ask(spool: TestSpool, kind: RequestKind, **payload: str) -> None:
    spool.desk.file(kind, {"device": "fundus"} | payload, by="asha")
    (request,) = spool.requests.waiting("assemble")
    spool.requests.carry_out(request)
    assert spool.rows("SELECT ok FROM request WHERE id = ?", request.id) == [{"ok": 1}]


def test_nobody_is_open(spool: TestSpool) -> None:
    spool.record(captured_at=NOON)
    found = view(spool)
    assert (found.active_step, found.active_since, found.active_by, found.closes_at, found.captured_since) == (
        None, None, "", None, 0,
    )  # fmt: skip
    assert found.last_captured_at == NOON


@pytest.mark.parametrize("with_order", [True, False])
def test_who_is_open_until_when_and_what_came_since(spool: TestSpool, *, with_order: bool) -> None:
    spool.record(b"before", captured_at=spool.clock.now() - timedelta(seconds=30), mtime_ns=1)
    if with_order:
        (row,) = spool.rows("SELECT id FROM step")
        ask(spool, RequestKind.OPEN_STEP, step=str(row["id"]))
    else:
        ask(spool, RequestKind.OPEN_UNSCHEDULED)
    opened = spool.clock.now()
    assert view(spool).closes_at == opened + timedelta(seconds=LIMIT_S)
    spool.clock.advance(120)
    spool.record(b"since", captured_at=spool.clock.now(), mtime_ns=2)
    found = view(spool)
    assert (found.active_step is not None) is with_order
    assert (found.active_since, found.active_by, found.captured_since) == (opened, "asha", 1)
    assert found.closes_at == spool.clock.now() + timedelta(seconds=LIMIT_S)
    ask(spool, RequestKind.CLOSE_STEP)
    assert view(spool).active_since is None


def test_without_a_limit_no_end_is_promised(spool: TestSpool) -> None:
    ask(spool, RequestKind.OPEN_UNSCHEDULED)
    (found,) = spool.status.devices()
    assert found.active_since is not None
    assert found.closes_at is None
