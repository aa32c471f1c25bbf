"""Power cuts between the moments of a commitment: asked, answered, reported. Nothing is proven twice, nothing never."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.events import Event

from gateway.dimse.demo_commitment import DemoCommitment, ReportsTo
from gateway.dimse.demo_peers import DemoPacs
from gateway.spool.database import Database
from tests.support.house import House
from tests.support.peers import free_port

_PATIENCE_S = 60.0
_INSTANCES = 3
_PROOF = """\
proof = "commitment"
commitment = {{ idle_s = 0.2, early_s = 0.0, again_s = 0.2, wait_s = {wait_s}, report_h = 0.001 }}

[listener]
port = {port}
host = "127.0.0.1"
"""


class Cutting(DemoCommitment):
    """Commits as the demo does, and cuts the gateway's power once, at one moment."""

    def __init__(self, moment: str, reports_to: ReportsTo | None, **of_demo: Any) -> None:
        super().__init__(reports_to=reports_to, **of_demo)
        self.moment = moment
        self.victim = 0

    def _cut_at(self, moment: str) -> None:
        if moment == self.moment and self.victim:
            os.kill(self.victim, signal.SIGKILL)
            self.victim = 0

    def request(self, event: Event) -> tuple[int, Dataset | None]:
        self._cut_at("asked")
        return super().request(event)

    def _bring(self, association: Association, report: Dataset) -> None:
        self._cut_at("answered")
        super()._bring(association, report)
        self._cut_at("reported")


class CuttingPacs(DemoPacs):
    """A PACS whose commitment cuts the power."""

    def __init__(self, folder: Path, moment: str, reports_to: ReportsTo | None) -> None:
        super().__init__(folder, ae_title="PACS", tls=None)
        self.cutting = Cutting(moment, reports_to, ae_title="PACS", holds=lambda uid: (folder / f"{uid}.dcm").exists())

    def _listen(self, port: int, handlers: Any) -> None:
        self._entity.add_supported_context("1.2.840.10008.1.20.1")
        store, (action, _) = handlers
        super()._listen(port, [store, (action, self._request)])

    def _request(self, event: Event) -> tuple[int, Dataset | None]:
        return self.cutting.request(event)


@contextmanager
def forward(house: House) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "gateway", "--config", str(house.config), "run", "forward"]
    with (house.root / "forward.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def rows(house: House, sql: str) -> list[Any]:
    database = Database(house.spool, read_only=True)
    with database.read() as connection:
        found = [row[0] for row in connection.execute(sql)]
    database.close()
    return found


def until(house: House, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, (house.root / "forward.log").read_text()[-4000:]
        time.sleep(0.05)


@pytest.mark.parametrize("moment", ["asked", "answered", "reported"])
@pytest.mark.parametrize("same_association", [True, False])
def test_a_cut_at_each_moment_of_a_commitment(tmp_path: Path, moment: str, *, same_association: bool) -> None:
    port = free_port()
    to = None if same_association else ReportsTo(port, "BOX")
    with CuttingPacs(tmp_path / "pacs", moment, to) as pacs:
        house = House(tmp_path / "house", pacs.port)
        for number in range(_INSTANCES):
            house.drop(number)
        house.live_through()
        assert rows(house, "SELECT state FROM delivery") == ["stored"] * _INSTANCES
        plain = house.config.read_text()
        house.config.write_text(plain + _PROOF.format(port=port, wait_s=5.0 if same_association else 0.0))
        with forward(house) as first:
            pacs.cutting.victim = first.pid
            assert first.wait(_PATIENCE_S) == -signal.SIGKILL
        with forward(house):
            until(house, lambda: rows(house, "SELECT state FROM delivery") == ["committed"] * _INSTANCES)
    proven = rows(house, "SELECT subject FROM journal WHERE event = 'committed'")
    assert len(proven) == len(set(proven)) == _INSTANCES
    assert rows(house, "SELECT proof_rounds FROM delivery") == [0] * _INSTANCES
    assert len(pacs.stored()) == _INSTANCES
