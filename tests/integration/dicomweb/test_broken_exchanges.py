"""Exchanges that break: each is named and retried, in whatever place it broke."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.dicomweb.multipart import StowItem
from gateway.domain.errors import Phase
from tests.integration.dicomweb.conftest import item
from tests.integration.dicomweb.test_store import RETRY, fault_of
from tests.support.dicomweb import Caller, ScriptedService, in_pieces, store_answer
from tests.support.pki import Pki


def half_an_answer(caller: Caller) -> None:
    caller.read()
    caller.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{")


def half_a_chunk(caller: Caller) -> None:
    request = caller.read()
    body = in_pieces(json.dumps(store_answer(request.uids)).encode())[:-20]  # every instance is named in it
    caller.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)


def resets(caller: Caller) -> None:
    caller.read()
    caller.reset()


def drops_in_mid_request(caller: Caller) -> None:
    caller.read(body=False)
    caller.sock.recv(65_536)
    caller.reset()


def speaks_no_http(caller: Caller) -> None:
    caller.read()
    caller.sock.sendall(b"220 mail.example ESMTP\r\n\r\n")


def never_ends(caller: Caller) -> None:
    caller.read()
    caller.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        caller.sock.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")


def is_silent(caller: Caller) -> None:
    caller.read()
    caller.sock.recv(1)


def drips(caller: Caller) -> None:
    caller.read()
    caller.sock.settimeout(0.2)
    for letter in b"HTTP/1.1 200 OK\r\n" * 50:
        caller.sock.sendall(bytes([letter]))
        with contextlib.suppress(TimeoutError):
            caller.sock.recv(1)
            return


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (half_an_answer, "middle of its answer"),
        (half_a_chunk, "middle of its answer"),
        (resets, "closed without an answer"),
        (speaks_no_http, "not HTTP/1.1"),
        (never_ends, "does not end"),
        (is_silent, "within 3 s"),
        (drips, "within 3 s"),
    ],
)
def test_a_broken_exchange_is_retried_and_named(
    pki: Pki, items: list[StowItem], script: Callable[[Caller], None], words: str
) -> None:
    with ScriptedService(pki, script) as archive:
        fault = fault_of(archive, pki, items)
    assert (fault.disposition, fault.phase) == (RETRY, Phase.RESPONSE)
    assert words in fault.message


def test_a_connection_dropped_in_mid_request_is_retried(pki: Pki, tmp_path: Path) -> None:
    with ScriptedService(pki, drops_in_mid_request) as archive:
        fault = fault_of(archive, pki, [item(tmp_path, 1, rows=20_000)])
    assert (fault.disposition, fault.phase) == (RETRY, Phase.RESPONSE)
