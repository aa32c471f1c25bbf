"""A barcode scanner on a serial line opens patients on the real gateway; and a device whose clock is years off."""

import os
import pty
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from gateway.bootstrap.people import open_sent
from gateway.bootstrap.settings import load_configuration
from tests.peers.chain.box import Box, Peer, now, photo_device
from tests.peers.chain.orders import entry
from tests.peers.images import exported
from tests.support.peers import StoreScp, WorklistScp
from tests.support.pki import make_pki

_OPENED = photo_device(rule="active_step", file_name="(?P<date>\\d{8})_.*")
_BY_NUMBER = photo_device("xray", file_name="(?P<date>\\d{8})_.*")


@dataclass
class Desk:
    """A box with a scanner on its desk, the scanner's end of the line, and the PACS."""

    box: Box
    line: int
    corridor: int
    pacs: StoreScp
    count: int = 0

    def scan(self, code: str) -> None:
        os.write(self.line, f"{code}\r".encode())

    def until_scanned(self, code: str, patient: str) -> None:
        """Scan as a person does who sees nothing happen: again after two seconds."""
        for _ in range(10):
            self.scan(code)
            for _ in range(20):
                if self.opened() == patient:
                    return
                time.sleep(0.1)
        raise AssertionError(f"{code} opened nobody: {self.box.status().issues()}")

    def opened(self) -> str:
        device = next(one for one in self.box.status().devices() if one.name == "photo")
        return device.active_step.patient_id if device.active_step else ""

    def picture(self, day: str = "") -> str:
        self.count += 1
        name = f"{day or f'{now():%Y%m%d}'}_{self.count}.png"
        self.box.drop("photo", name, exported()["odd-png"].data + bytes([self.count]))
        return name


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("scanner")
    line, port = pty.openpty()
    corridor, second_port = pty.openpty()
    tty.setraw(port)
    tty.setraw(second_port)
    orders = [entry(1, "One^Patient"), entry(2, "Two^Patient"), entry(3, "Three^Patient"), entry(4, "Three^Patient")]
    orders[3].PatientID = orders[2].PatientID
    with StoreScp(root / "pacs", None) as pacs, WorklistScp(root, orders) as ris:
        peers = [Peer("destination", "main", pacs.port, pacs.ae_title), Peer("worklist", "RIS", ris.port, ris.ae_title)]
        scanners = (
            f'[[scanner]]\nname = "desk"\ndevice = "photo"\nport = "{os.ttyname(port)}"\n'
            "pattern = '(?P<accession_number>ACC[0-9]+)'\n"
            '[[scanner]]\nname = "second"\ndevice = "photo"\nport = "/dev/serial/by-id/nothing"\n'
            "pattern = '(?P<patient_id>P[0-9]+)'\n"
            f'[[scanner]]\nname = "corridor"\ndevice = "xray"\nport = "{os.ttyname(second_port)}"\n'
        )
        devices = {"photo": _OPENED, "xray": _BY_NUMBER}
        box = Box(root / "box", make_pki(root / "pki").folder, peers, devices, more=scanners)
        yield Desk(box, line, corridor, pacs)
    for end in (line, port, corridor, second_port):
        os.close(end)


def test_a_morning_at_the_desk(desk: Desk) -> None:
    box = desk.box
    with box.running():
        box.until(lambda: len(list(box.status().steps())) == 4, "the worklist has not come")
        box.until(lambda: any(beat.loop == "scan desk" for beat in box.status().beats()), "nobody reads the scanner")
        _first_patient(desk)
        _second_patient_is_asked_for_twice(desk)
        _what_opens_nobody(desk)
        _where_nobody_is_opened(desk)
        _a_clock_years_off(desk)
    arrived: dict[str, list[Dataset]] = {}
    for found in map(dcmread, desk.pacs.files()):
        arrived.setdefault(str(found.PatientID), []).append(found)
    assert {patient: len(found) for patient, found in arrived.items()} == {"P1": 1, "P2": 1}


def _first_patient(desk: Desk) -> None:
    desk.until_scanned("ACC1", "P1")
    desk.picture()
    desk.box.until(lambda: desk.box.stored_at("main") == 1, "the picture did not arrive")


def _second_patient_is_asked_for_twice(desk: Desk) -> None:
    """Although the first was closed: a moment ago she was at the device."""
    desk.box.command("step", "close", "photo")
    desk.scan("ACC2")
    assert _scan_shown(desk, "Scan the code again")
    assert desk.opened() == ""
    desk.until_scanned("ACC2", "P2")
    desk.picture()
    desk.box.until(lambda: desk.box.stored_at("main") == 2, "the second picture did not arrive")


def _scan_shown(desk: Desk, words: str) -> bool:
    sent = open_sent(load_configuration(desk.box.config))
    desk.box.until(lambda: any(words in scan.outcome for scan in sent.scans()), f"no scan says: {words}")
    return True


def _what_opens_nobody(desk: Desk) -> None:
    desk.scan("4711-nonsense")
    assert _scan_shown(desk, "does not have the form")
    desk.scan("ACC999")
    assert _scan_shown(desk, "fits no step of the worklist")
    (unknown,) = open_sent(load_configuration(desk.box.config)).scans()
    assert (unknown.code, unknown.kind, unknown.unknown) == ("ACC999", "accession_number", True)
    with pytest.raises(AssertionError, match="2 steps of one patient"):
        desk.box.command("step", "scan", "photo", "P3")  # as the second scanner would read it
    assert desk.opened() == "P2"
    issues = {issue.key: issue.text for issue in desk.box.status().issues()}
    assert "2 steps of one patient" in issues["scan.photo"]
    assert "cannot be read" in issues["scanner.second.line"]
    assert "P3" not in issues["scan.photo"]


def _where_nobody_is_opened(desk: Desk) -> None:
    os.write(desk.corridor, b"ACC1\r")
    assert _scan_shown(desk, "Nobody can be opened on xray: its pictures find their patient by accession number alone")
    xray = next(one for one in desk.box.status().devices() if one.name == "xray")
    assert (xray.active_since, xray.takes_patients) == (None, False)
    (issue,) = [one for one in desk.box.status().issues() if one.key == "scan.xray"]
    assert "opened nobody" in issue.text


def _a_clock_years_off(desk: Desk) -> None:
    name = desk.picture("20080101")
    held = ("held", name)
    desk.box.until(lambda: held in [(row.state, row.display_name) for row in desk.box.rows()], "2008 is not held")
    assert "The clock of the device is far off" in desk.box.row(name).reason
    (issue,) = [issue for issue in desk.box.status().issues() if issue.key.startswith("clock.photo.")]
    assert "behind the clock of this box" in issue.text
    assert "Set date and time on the device photo" in issue.suggestion


def test_the_log_has_no_code_and_no_name(desk: Desk) -> None:
    log = Path(desk.box.log).read_text(errors="replace")
    assert "scanner=desk" in log
    for secret in ("ACC1", "ACC2", "ACC999", "nonsense", "Patient^"):
        assert secret not in log
