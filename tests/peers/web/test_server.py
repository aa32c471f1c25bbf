"""The server around the page: it takes requests, beats by answering, and ends when told."""

import http.client
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.domain.errors import ConfigurationError
from gateway.web.server import serve
from tests.support.fake_page import FakePage, make_page


def _ask(page: FakePage, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=30)
    connection.request(method, path, body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders())


def test_it_answers_and_tells_no_version(page: FakePage) -> None:
    status, headers = _ask(page, "GET", "/health")
    assert status == 200
    assert headers["Server"] == "gateway"


def test_it_beats_after_it_has_answered_itself(page: FakePage) -> None:
    deadline = time.monotonic() + 30
    while not page.beats and time.monotonic() < deadline:  # it asks itself in its own time
        time.sleep(0.05)
    assert page.beats


def test_too_large_a_body_is_refused(page: FakePage) -> None:
    assert _ask(page, "POST", "/login", b"x" * 400_000)[0] == 413


def test_nonsense_on_the_wire_does_not_end_it(page: FakePage) -> None:
    address = urlsplit(page.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as wire:
        wire.sendall(b"\x16\x03\x01\x02\x00nonsense\r\n\r\n")
        wire.recv(1024)
    assert _ask(page, "GET", "/health")[0] == 200


def test_an_address_in_use_is_an_error_and_not_a_silence(page: FakePage, tmp_path: Path) -> None:
    other = make_page(tmp_path / "other")
    port = urlsplit(page.url).port or 0
    with pytest.raises(ConfigurationError, match=str(port)):
        serve(other.app, "127.0.0.1", port, threading.Event(), lambda: None)


def test_it_ends_when_told(tmp_path: Path) -> None:
    page, stop, ended = make_page(tmp_path), threading.Event(), threading.Event()
    ports: list[int] = []

    def run() -> None:
        serve(page.app, "127.0.0.1", 0, stop, stop.set, on_ready=ports.append)
        ended.set()

    threading.Thread(target=run).start()
    assert ended.wait(30)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]), timeout=5)
