"""Proof with Orthanc over mutual TLS, by the real roles: it reports over an association of its own to our listener."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from gateway.bootstrap.settings import load_configuration
from gateway.spool.database import Database
from tests.support.house import House
from tests.support.peers import Orthanc
from tests.support.pki import Pki, make_pki
from tests.support.ports import free_port

_PATIENCE_S = 60.0
_PATIENT = "idle_s = 0.5, early_s = 0.0, again_s = 0.2, wait_s = 0.0"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


class Site:
    """An Orthanc that knows the gateway at `port`, and the gateway."""

    def __init__(self, root: Path, pki: Pki, pacs: Orthanc, port: int) -> None:
        self.pacs = pacs
        self._pki = pki
        self.port = port
        self.house = House(root, pacs.port)
        self._plain = self.house.config.read_text()
        self._log = root / "gateway.log"

    def configure(self, proof: str, *, commitment: str = _PATIENT, port: int | None = None) -> None:
        files = f'ca = "{self._pki.certificate("ca")}", certificate = "{self._pki.certificate("box")}"'
        tls = f'tls = {{ {files}, key = "file:{self._pki.key("box")}" }}\n'
        text = f'{self._plain}proof = "{proof}"\ncommitment = {{ {commitment} }}\n{tls}'
        self.house.config.write_text(f"{text}\n[listener]\nport = {port or self.port}\n{tls}")
        load_configuration(self.house.config)

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [sys.executable, "-m", "gateway", "--config", str(self.house.config), "run"]
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(_PATIENCE_S) == 0, self._log.read_text()[-4000:]
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"{self.states()}\n{self._log.read_text()[-6000:]}"
            time.sleep(0.1)

    def states(self) -> list[str]:
        return [str(row[0]) for row in self.rows("SELECT state FROM delivery ORDER BY id")]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        database = Database(self.house.spool, read_only=True)
        with database.read() as connection:
            found = [tuple(row) for row in connection.execute(sql)]
        database.close()
        return found

    def at_pacs(self) -> dict[str, str]:
        """Orthanc's number of each SOP Instance UID."""
        return {str(dcmread(BytesIO(self.pacs.file_of(n))).SOPInstanceUID): n for n in self.pacs.instances()}

    def lose_one(self) -> None:
        """The archive loses an instance that it said it had stored."""
        number = self.pacs.instances()[0]
        link = http.client.HTTPConnection("127.0.0.1", self.pacs.http_port, timeout=20)
        link.request("DELETE", f"/instances/{number}")
        assert link.getresponse().status == 200
        link.close()


@pytest.fixture
def site(tmp_path: Path, pki: Pki) -> Iterator[Site]:
    port = free_port()
    known = {"box": {"AET": "BOX", "Host": "localhost", "Port": port, "UseDicomTls": True}}
    with Orthanc(tmp_path / "pacs", pki, ae_title="PACS", settings={"DicomModalities": known}) as pacs:
        yield Site(tmp_path / "house", pki, pacs, port)


def test_what_is_stored_is_committed_by_a_report_over_a_new_association(site: Site) -> None:
    site.configure("commitment")
    names = [site.house.drop(number)[0] for number in range(4)]
    with site.running():
        site.until(lambda: site.states() == ["committed"] * 4)
    assert len(names) == len(site.pacs.instances())
    assert set(site.rows("SELECT state FROM commitment")) == {("reported",)}
    assert {row[0] for row in site.rows("SELECT event FROM journal")} >= {"stored", "proof asked", "committed"}


def test_an_instance_that_the_archive_lost_is_stored_again_and_committed(site: Site) -> None:
    site.configure("status")
    for number in range(3):
        site.house.drop(number)
    with site.running():
        site.until(lambda: site.states() == ["stored"] * 3)
    before = set(site.at_pacs())
    site.lose_one()
    assert len(site.pacs.instances()) == 2
    site.configure("commitment")
    with site.running():
        site.until(lambda: site.states() == ["committed"] * 3)
    assert set(site.at_pacs()) == before
    outcomes = {row[0] for row in site.rows("SELECT outcome FROM commitment_item")}
    assert outcomes == {"committed", "0112"}


def test_a_report_that_never_came_is_asked_for_anew(site: Site) -> None:
    elsewhere = free_port()
    site.configure("commitment", commitment=f"{_PATIENT}, report_h = 0.001", port=elsewhere)
    site.house.drop(1)
    with site.running():
        site.until(lambda: site.rows("SELECT 1 FROM commitment WHERE state = 'expired'"))
        assert site.states() == ["stored"]
    site.configure("commitment", commitment=f"{_PATIENT}, report_h = 0.001")
    with site.running():
        site.until(lambda: site.states() == ["committed"])


def test_query_back_where_there_is_no_commitment(site: Site) -> None:
    site.configure("status")
    for number in range(3):
        site.house.drop(number)
    with site.running():
        site.until(lambda: site.states() == ["stored"] * 3)
    before = set(site.at_pacs())
    site.lose_one()
    site.configure("query")
    with site.running():
        site.until(lambda: site.states() == ["committed"] * 3)
    assert set(site.at_pacs()) == before
