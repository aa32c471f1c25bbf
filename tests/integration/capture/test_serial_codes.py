"""A scanner over a real pseudo terminal: whole codes, cut ones, noise, a port that goes and comes back; to the step."""

import os
import pty
import tty
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.capture.serial_codes import CodeLine, SerialCodes
from gateway.domain.errors import GatewayError
from gateway.domain.requests import RequestKind
from gateway.stages.scan import ScanStage
from tests.support.ledger import TestSpool, step


@dataclass
class Wire:
    """The scanner's end of the line, and a name for the port that stays when it is plugged in anew."""

    link: Path
    seconds: float = 0.0
    ends: list[int] = field(default_factory=list)

    def plug_in(self) -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        self.ends = [master, slave]
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))

    def pull_out(self) -> None:
        self.link.unlink(missing_ok=True)
        for end in self.ends:
            with suppress(OSError):
                os.close(end)
        self.ends = []

    def send(self, data: bytes) -> None:
        os.write(self.ends[0], data)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    made = Wire(tmp_path / "by-id")
    made.plug_in()
    yield made
    made.pull_out()


def reader(wire: Wire, **settings: object) -> SerialCodes:
    line = CodeLine("desk", str(wire.link), **settings)  # type: ignore[arg-type]  # settings of the line
    return SerialCodes(line, monotonic=wire.monotonic)


def troubled(codes: SerialCodes) -> bool:
    return codes.trouble is not None


def until(codes: SerialCodes, count: int = 1) -> list[str]:
    found: list[str] = []
    for _ in range(50):
        found += codes.read(0.1)
        if len(found) >= count:
            break
    return found


@pytest.mark.parametrize(
    ("terminator", "sent", "codes"),
    [
        ("cr", b"A1\rP2\r", ["A1", "P2"]),
        ("cr", b"A1\r\nP2\r\n", ["A1", "P2"]),
        ("cr", b"A1\nP2\n", ["A1", "P2"]),
        ("lf", b"A1\nP2\n", ["A1", "P2"]),
        ("crlf", b"A1\r\nP2\r\n", ["A1", "P2"]),
        ("etx", b"\x02A1\x03\x02P2\x03", ["A1", "P2"]),
        ("tab", b"A1\tP2\t", ["A1", "P2"]),
        ("cr", b"\r\r A1 \r\x00P2\r", ["A1", "P2"]),
    ],
)
def test_codes_come_whole(wire: Wire, terminator: str, sent: bytes, codes: list[str]) -> None:
    line = reader(wire, terminator=terminator)
    assert line.read(0.01) == []  # the port is open from here on
    wire.send(sent)
    assert until(line, 2) == codes
    assert not troubled(line)
    line.close()


def test_a_code_in_pieces_is_one_code(wire: Wire) -> None:
    line = reader(wire)
    line.read(0.01)
    wire.send(b"A12")
    assert line.read(0.1) == []
    wire.send(b"34\r")
    assert until(line) == ["A1234"]


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_an_end_of_two_signs_is_no_code_without_end(wire: Wire, end: bytes) -> None:
    line = reader(wire)
    line.read(0.01)
    wire.send(b"A1" + end)
    assert until(line) == ["A1"]
    wire.seconds += 2
    assert line.read(0.01) == []
    assert not troubled(line)


def test_what_was_sent_while_nobody_read_opens_nobody(wire: Wire) -> None:
    wire.send(b"OLD\r")
    line = reader(wire)
    assert line.read(0.05) == []
    wire.send(b"NEW\r")
    assert until(line) == ["NEW"]


def test_a_code_without_end_never_joins_the_next(wire: Wire) -> None:
    line = reader(wire)
    line.read(0.01)
    wire.send(b"A1")
    line.read(0.1)
    wire.seconds += 2
    assert line.read(0.01) == []
    assert line.trouble is not None
    assert "does not end with CR" in str(line.trouble)
    wire.send(b"A2\r")
    assert until(line) == ["A2"]
    assert not troubled(line)


def test_noise_is_bounded_and_fits_nothing(wire: Wire) -> None:
    line = reader(wire)
    line.read(0.01)
    wire.send(b"\xff" * 300)
    for _ in range(5):
        line.read(0.05)
    assert line.trouble is not None
    wire.send(b"A\xb11\r")
    assert until(line) == ["A\ufffd1"]


def test_a_scanner_that_is_pulled_out_is_named_and_found_again(wire: Wire) -> None:
    line = reader(wire)
    line.read(0.01)
    wire.pull_out()
    line.read(0.05)
    assert line.trouble is not None
    assert "Plug it in" in line.trouble.remedy
    wire.plug_in()
    assert line.read(0.0) == []  # not tried again at once
    wire.seconds += 4
    line.read(0.01)
    assert not troubled(line)
    wire.send(b"A1\r")
    assert until(line) == ["A1"]
    line.close()


def test_a_port_that_is_not_there_is_no_end(tmp_path: Path) -> None:
    line = SerialCodes(CodeLine("desk", str(tmp_path / "nothing")))
    assert line.read(0.0) == []
    assert line.trouble is not None


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path / "spool")
    made.steps.configure(["HIS"])
    made.steps.answered("HIS", [step(1), step(2)])
    yield made
    made.close()


def test_from_the_scanner_to_the_open_step(wire: Wire, spool: TestSpool) -> None:
    line = reader(wire)
    stage = ScanStage(
        name="desk",
        device="fundus",
        codes=line,
        read_code=lambda _, code: ("accession_number", code),
        desk=spool.desk,
        health=spool.health,
        beat=lambda: None,
        wait_s=0.1,
    )
    stage.round()
    wire.send(b"A2\r")
    for _ in range(20):
        stage.round()
        if waiting := spool.requests.waiting("assemble"):
            break
    (request,) = waiting
    assert (request.kind, request.filed_by) == (RequestKind.SCAN, "scanner desk")
    spool.requests.carry_out(request)
    active = spool.steps.active("fundus")
    assert active is not None
    assert active.key.step_id == "SPS2"
    wire.pull_out()
    stage.round()
    stage.round()
    assert [issue.key for issue in spool.status.issues()] == ["scanner.desk.line"]
    stage.close()


class Stuck:
    """A scanner that gives what it is told to."""

    trouble: GatewayError | None = None

    def __init__(self) -> None:
        self.next: list[str] = []

    def read(self, wait_s: float) -> list[str]:
        del wait_s
        codes, self.next = self.next, []
        return codes

    def close(self) -> None:
        """Release nothing."""


def test_a_scanner_that_never_stops_costs_no_file_a_code(spool: TestSpool) -> None:
    codes = Stuck()
    stage = ScanStage(
        name="desk", device="fundus", codes=codes, read_code=lambda _, code: ("", code), desk=spool.desk,
        health=spool.health, beat=lambda: None, monotonic=spool.clock.monotonic,
    )  # fmt: skip

    def said(*those: str, after_s: float = 0.3) -> int:
        spool.clock.advance(after_s)
        codes.next = list(those)
        stage.round()
        return len(spool.requests.waiting("assemble"))

    assert [said("A1") for _ in range(20)][-1] == 1  # one label that lies before it
    assert said("A1", after_s=2) == 2
    assert [said(f"x{number}", f"y{number}") for number in range(100)][-1] < 20
    assert ["without end" in issue.text for issue in spool.status.issues()] == [True]
    before = said(after_s=2)
    assert spool.status.issues() == []
    assert said("A2", after_s=10) == before + 1
