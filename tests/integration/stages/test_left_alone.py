"""A service that asks to be left alone is left alone by all of its workers, and for as long as it said."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.lanes import Lane
from gateway.stages.width import Width
from tests.integration.stages.test_workers import Pretender, drain, owe, worker
from tests.support.ledger import TestSpool

_ASKED_S = 1800.0


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    with closing(TestSpool(tmp_path / "spool")) as made:
        made.destinations.configure({"main": ""})
        yield made


class Busy(Pretender):
    """Says with its first answer how long it wants to be left alone."""

    def open(self, pairs: object) -> None:
        del pairs
        self.open_now = True
        if not self.sent:
            self.sent.append(0)
            raise GatewayError(
                "The service is busy.",
                disposition=Disposition.RETRY,
                phase=Phase.RESPONSE,
                code="HTTP 503",
                retry_after_s=_ASKED_S,
            )


def test_no_worker_asks_before_the_time_that_was_asked_for(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL, Lane.CLIP)
    run, width = spool.run("forward"), Width(2, spool.clock.monotonic)
    first, second = Busy(), Pretender()
    stages = [worker(spool, run, first, width=width), worker(spool, run, second, width=width, number=1)]
    for _ in range(5):
        for stage in stages:
            drain(stage)
        spool.clock.advance(_ASKED_S / 5 - 1)  # the pace of the back-off alone is a minute at most
    assert (first.sent, second.sent) == ([0], [])
    spool.clock.advance(10)
    for stage in stages:
        drain(stage)
    assert {row["state"] for row in spool.rows("SELECT state FROM delivery")} == {"stored"}


def test_the_wait_outlives_the_worker(spool: TestSpool) -> None:
    owe(spool, Lane.NORMAL)
    drain(worker(spool, spool.run("forward"), Busy()))
    spool.clock.advance(_ASKED_S - 1)
    later = Pretender()
    drain(worker(spool, spool.run("forward"), later))
    assert later.sent == []
