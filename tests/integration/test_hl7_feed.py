"""An HL7 feed over real sockets: cut and joined frames, slow and foreign senders, TLS, and answers after the commit."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.dimse.tls import TlsFiles, client_context, server_context
from gateway.spool.heard import HeardLedger
from gateway.stages.orders import OrderStage
from gateway.worklist.hl7_orders import FeedRules
from gateway.worklist.mllp import Frame, framed
from gateway.worklist.mllp_listener import MllpListener, MllpListening
from tests.support.ledger import NOON, TestSpool
from tests.support.pki import make_pki


def order(number: int = 1, control: str = "NW", patient: str = "P1", name: str = "Rao^Asha") -> bytes:
    day = f"{NOON:%Y%m%d}1200"
    segments = (
        f"MSH|^~\\&|HIS|HOSP|BOX|ROOM|{day}||ORM^O01|C{number}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{patient}^^^HOSP^PI||{name}||19710402|F",
        f"ORC|{control}|PL{number}|FI{number}",
        f"OBR|1|PL{number}|FI{number}|FUN^Fundus|||||||||||||||||||||||^^^{day}",
    )
    return "\r".join((*segments, "")).encode()


class Feed:
    """One feed with its loop in this thread's hands."""

    def __init__(self, spool: TestSpool, senders: tuple[str, ...] = (), tls: TlsFiles | None = None) -> None:
        self.spool = spool
        spool.steps.configure([], feeds=["RIS"])
        self.heard = HeardLedger(spool.database, spool.clock)
        self.stage = OrderStage(
            rules=FeedRules("RIS", spool.clock.now().tzinfo or NOON.tzinfo, self.heard.seed()),  # type: ignore[arg-type]  # the clock is aware
            keep_days=1,
            listening=MllpListening("127.0.0.1", 0, senders, None if tls is None else lambda: server_context(tls)),
            heard=self.heard,
            acquisitions=spool.acquisitions,
            health=spool.health,
            clock=spool.clock,
            beat=lambda: None,
            wait_s=0.2,
        )

    def call(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.stage.listener.port))
        sock.settimeout(5)
        self.stage.round()
        return sock

    def answers(self, sock: socket.socket, count: int = 1) -> list[str]:
        """The acknowledgement codes that come back."""
        heard = b""
        while heard.count(b"\x1c\r") < count:
            self.stage.round()
            heard += sock.recv(65_536)
        return [part.split(b"MSA|")[1][:2].decode() for part in heard.split(b"\x1c\r")[:-1]]

    def numbers(self) -> set[str]:
        return {step.accession_number for step in self.spool.steps.candidates("fundus")}


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path)
    yield made
    made.close()


@pytest.fixture
def feed(spool: TestSpool) -> Iterator[Feed]:
    made = Feed(spool)
    yield made
    made.stage.close()


def test_an_order_is_in_the_ledger_before_it_is_acknowledged(feed: Feed) -> None:
    with feed.call() as sock:
        sock.sendall(framed(order()))
        feed.stage.round()
        assert feed.numbers() == {"FI1"}
        assert feed.answers(sock) == ["AA"]
        sock.sendall(framed(order(control="CA")))
        assert feed.answers(sock) == ["AA"]
    assert feed.numbers() == set()


def test_two_messages_in_one_segment_and_one_in_many(feed: Feed) -> None:
    with feed.call() as sock:
        sock.sendall(framed(order(1)) + framed(order(2)))
        assert feed.answers(sock, 2) == ["AA", "AA"]
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in framed(order(3)):
            sock.send(bytes([byte]))
            feed.stage.listener.serve(0.001)
        assert feed.answers(sock) == ["AA"]
    assert feed.numbers() == {"FI1", "FI2", "FI3"}


def test_a_slow_sender_keeps_nobody_waiting(feed: Feed) -> None:
    with feed.call() as slow, feed.call() as quick:
        slow.sendall(framed(order(1))[:50])
        feed.stage.round()
        quick.sendall(framed(order(2)))
        assert feed.answers(quick) == ["AA"]
        slow.sendall(framed(order(1))[50:])
        assert feed.answers(slow) == ["AA"]
    assert feed.numbers() == {"FI1", "FI2"}


def test_a_message_cut_in_half_is_kept_with_its_fault_and_no_order(feed: Feed) -> None:
    with feed.call() as sock:
        sock.sendall(framed(order())[:120])
        feed.stage.round()
    feed.stage.round()
    (kept,) = feed.heard.messages("RIS")
    assert "its end never came" in kept.fault
    assert (kept.answer, kept.body, kept.sender) == ("AE", order()[:119], "127.0.0.1")
    assert feed.numbers() == set()
    assert [issue.key for issue in feed.spool.status.issues()] == ["worklist.RIS.message"]


def test_a_stalled_message_is_answered_and_the_call_ended() -> None:
    seen: list[str] = []
    listening = MllpListening("127.0.0.1", 0)

    def take(frame: Frame, _: str) -> bytes:
        seen.append(frame.fault)
        return b"nak"

    listener = MllpListener(listening, take, stalled_s=0.0)
    with socket.create_connection(("127.0.0.1", listener.port)) as sock:
        sock.settimeout(5)
        listener.serve(1)
        sock.sendall(b"\x0bhalf")
        while not seen:
            listener.serve(1)
        assert sock.recv(100) == framed(b"nak")
        assert sock.recv(100) == b""
    listener.close()
    assert "its end never came" in seen[0]


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "AE"),
        (framed(b"MSH|garbage"), "AR"),
        (framed(order(name="M\xfcller^A").decode().encode("latin-1")), "AE"),
    ],
)
def test_garbage_and_wrong_encoding_are_answered_kept_and_survived(feed: Feed, sent: bytes, answer: str) -> None:
    with feed.call() as sock:
        sock.sendall(sent)
        assert feed.answers(sock) == [answer]
        assert feed.heard.messages("RIS")[0].fault
        sock.sendall(framed(order(2)))
        assert feed.answers(sock) == ["AA"]
    assert feed.numbers() == {"FI2"}
    assert feed.spool.status.issues() == []


def test_a_sender_that_is_not_on_the_list_is_not_heard(spool: TestSpool) -> None:
    strict = Feed(spool, senders=("192.0.2.0/24",))
    with strict.call() as sock:
        assert sock.recv(10) == b""
    strict.stage.close()
    assert strict.heard.messages() == []


def test_over_tls_only_a_sender_with_a_certificate_is_heard(spool: TestSpool, tmp_path: Path) -> None:
    pki = make_pki(tmp_path / "pki")
    feed = Feed(spool, tls=pki.files("pacs"))
    answers: list[bytes] = []

    def send(files: TlsFiles) -> None:
        context = client_context(files)
        try:
            with (
                socket.create_connection(("127.0.0.1", feed.stage.listener.port), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as sock,
            ):
                sock.sendall(framed(order(1)) + framed(order(2)))
                answers.append(sock.recv(65_536))
        except OSError:
            answers.append(b"refused")

    for files in (replace(pki.files("box"), certificate=None, key=None), pki.files("box")):
        sender = threading.Thread(target=send, args=(files,))
        sender.start()
        while sender.is_alive():
            feed.stage.round()
    feed.stage.close()
    assert b"MSA|" not in answers[0]
    assert b"MSA|AA" in answers[1]
    assert feed.numbers() == {"FI1", "FI2"}


def test_many_senders_at_once_are_all_answered(feed: Feed) -> None:
    answers: list[bytes] = []

    def send(number: int) -> None:
        with socket.create_connection(("127.0.0.1", feed.stage.listener.port)) as sock:
            sock.settimeout(10)
            sock.sendall(framed(order(number)))
            answers.append(sock.recv(65_536))

    senders = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        feed.stage.round()
    assert sum(b"MSA|AA" in answer for answer in answers) == 12
    assert len(feed.numbers()) == 12
