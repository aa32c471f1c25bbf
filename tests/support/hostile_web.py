"""DICOMweb services that mean harm or know no better, each by name: instead of storing, and instead of a query."""

import gzip
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tests.support.dicomweb import Caller, Request, store_answer

ANOTHER_UID = "1.2.826.0.1.3680043.8.498.666"
_OK = b"HTTP/1.1 200 OK\r\n"
_DICOM_JSON = b"Content-Type: application/dicom+json\r\n"
_BOMB_BYTES = 300_000_000

Harm = Callable[[Caller, Request], None]


def instead_of_storing(harm: Harm) -> Callable[[Caller], None]:
    """A service that does harm to each store, and knows no queries."""

    def act(caller: Caller) -> None:
        while True:
            request = caller.read()
            if request.method == "POST":
                harm(caller, request)
            else:
                caller.answer(404)

    return act


def stores_and_then(harm: Harm) -> Callable[[Caller], None]:
    """A service that stores in order, and does harm to each query."""

    def act(caller: Caller) -> None:
        while True:
            request = caller.read()
            if request.method == "POST":
                caller.answer(200, store_answer(request.uids))
            else:
                harm(caller, request)

    return act


# -- harm to HTTP itself --------------------------------------------------------------------------------------------


def _raw(data: bytes) -> Harm:
    def harm(caller: Caller, _: Request) -> None:
        caller.sock.sendall(data)
        _wait_for_end(caller)

    return harm


def _closing(data: bytes) -> Harm:
    def harm(caller: Caller, _: Request) -> None:
        caller.sock.sendall(data)
        raise EOFError

    return harm


def _for_ever(head: bytes, block: bytes) -> Harm:
    def harm(caller: Caller, _: Request) -> None:
        caller.sock.sendall(head)
        while True:
            caller.sock.sendall(block)

    return harm


def _drips(caller: Caller, _: Request) -> None:
    for letter in _OK * 1000:
        caller.sock.sendall(bytes([letter]))
        time.sleep(0.2)


def _wait_for_end(caller: Caller) -> None:
    while caller.sock.recv(65_536):
        pass


def _says(status: int, body: object = None, **headers: str) -> Harm:
    return lambda caller, _: caller.answer(status, body, **headers)


def _bomb(caller: Caller, _: Request) -> None:
    body = gzip.compress(bytes(_BOMB_BYTES), 9)
    caller.answer(200, body, Content_Encoding="gzip")


HTTP: Mapping[str, Harm] = MappingProxyType(
    {
        "silence": _raw(b""),
        "an answer byte by byte": _drips,
        "garbage": _raw(b"220 mail.example ESMTP ready\r\n\r\n"),
        "half an answer": _closing(_OK + b"Content-Length: 5000\r\n\r\n{"),
        "a chunk cut short": _closing(_OK + _DICOM_JSON + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n{}"),
        "a chunk of no length": _raw(_OK + b"Transfer-Encoding: chunked\r\n\r\nlots\r\n{}\r\n"),
        "two lengths": _raw(_OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        "a length below zero": _raw(_OK + b"Content-Length: -2\r\n\r\n{}"),
        "a body without end": _for_ever(
            _OK + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        ),
        "headers without end": _for_ever(_OK, b"X-More: of the same\r\n" * 1000),
        "always to go on": _for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        "a body of 9 exabytes": _raw(_OK + b"Content-Length: 9223372036854775807\r\n\r\n{"),
        "hangs up": _closing(b""),
        "a reset": lambda caller, _: caller.reset(),
        "a redirect": _says(302, Location="https://elsewhere.example/studies"),
        "a redirect for good": _says(308, Location="https://elsewhere.example/studies"),
    }
)
_PAGE = b"<html><body>Please log in</body></html>"
_ENTITIES = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + b"c" * 1000 + b'">]><a>' + b"&b;" * 10_000 + b"</a>"


# -- harm to the answer of a store ----------------------------------------------------------------------------------


def _both(caller: Caller, request: Request) -> None:
    caller.answer(202, store_answer(request.uids, dict.fromkeys(request.uids, 0xC000)))


def _uid_of_no_kind(caller: Caller, _: Request) -> None:
    caller.answer(200, {"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [12345]}}, 7, None]}})


def _failed(reason: int, status: int = 409) -> Harm:
    return lambda caller, request: caller.answer(status, store_answer([], dict.fromkeys(request.uids, reason)))


STORE: Mapping[str, Harm] = MappingProxyType(
    {
        **HTTP,
        "success without a word": _says(200),
        "success with a page": _says(200, _PAGE, content_type="text/html", Content_Type="text/html"),
        "success that names nobody": _says(200, store_answer([])),
        "success that names another": _says(200, store_answer([ANOTHER_UID])),
        "202 that names another": _says(202, store_answer([ANOTHER_UID], {f"{ANOTHER_UID}.1": 0xA700})),
        "a name that is no text": _uid_of_no_kind,
        "stored and failed at once": _both,
        "stored with a failing reason": _failed(0xC000, 200),
        "a compressed bomb": _bomb,
        "a deep bomb": _says(200, b"[" * 1_000_000, Content_Type="application/dicom+json"),
        "an entity bomb": _says(200, _ENTITIES, content_type="x", Content_Type="application/dicom+xml"),
        "no content, with content": _raw(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"),
        "no credentials": _says(401, WWW_Authenticate="Basic"),
        "too large": _says(413),
        "out of space": _failed(0xA700),
    }
)
"""What a service may do to a store; nothing of it stores anything."""


# -- harm to the answer of a query ----------------------------------------------------------------------------------


def _match(**changes: str) -> Harm:
    def harm(caller: Caller, request: Request) -> None:
        uid = request.target.partition("=")[2]
        row = {"00080018": {"vr": "UI", "Value": [uid]}}
        caller.answer(200, [row | {tag[1:]: {"vr": "UI", "Value": [value]} for tag, value in changes.items()}])

    return harm


QUERY: Mapping[str, Harm] = MappingProxyType(
    {
        **HTTP,
        "a page": _says(200, _PAGE, Content_Type="text/html", content_type="x"),
        "an error that calls itself success": _says(200, {"Message": "internal error"}),
        "a match without a name": _says(200, [{"00100010": {"vr": "PN"}}]),
        "a compressed bomb": _bomb,
        "a deep bomb": _says(200, b"[" * 1_000_000),
        "an entity bomb": _says(200, _ENTITIES, content_type="x", Content_Type="application/dicom+xml"),
        "no credentials": _says(401, WWW_Authenticate="Basic"),
        "no queries": _says(404),
        "too busy": _says(503, Retry_After="1"),
        "another instance": _says(200, [{"00080018": {"vr": "UI", "Value": [ANOTHER_UID]}}]),
        "the instance in another study": _match(_0020000D=ANOTHER_UID),
        "the instance of another class": _match(_00080016=ANOTHER_UID),
        "no match": _says(200, []),
        "nothing": _says(204),
    }
)
"""What a service may do to a query; nothing of it proves that it has the instance."""

SAYS_NO: frozenset[str] = frozenset(
    {"another instance", "the instance in another study", "the instance of another class", "no match", "nothing"}
)
"""Answers to a query that come in order and do not name the instance: that the service does not have it."""
