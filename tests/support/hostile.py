"""Peers that mean harm or know no better, each by name, with the phase and the disposition that must come of it."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType, TracebackType
from typing import Self

from pydicom import Dataset
from pynetdicom.dsutils import decode

from gateway.domain.errors import Disposition, Phase
from tests.support.scripted_scp import Wire

_RETRY, _PARK = Disposition.RETRY, Disposition.PARK
_NEGOTIATE, _TRANSFER, _RESPONSE = Phase.NEGOTIATE, Phase.TRANSFER, Phase.RESPONSE
_PDU = struct.Struct(">BBL")
_ABORT = bytes.fromhex("07000000000400000200")
_RELEASE_RQ = bytes.fromhex("05000000000400000000")
_LONGEST_S = 60.0
_ANOTHER_UID = "1.2.826.0.1.3680043.8.498.666"


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What a peer does after the TCP connection, and how the gateway must name it.

    `big` wants an object that no socket buffer can hold.
    """

    act: Callable[[Wire], None]
    phase: Phase
    disposition: Disposition = _RETRY
    big: bool = False


class HostilePeer:
    """Listens on loopback; every connection gets the same treatment, each in a thread of its own."""

    def __init__(self, act: Callable[[Wire], None]) -> None:
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="hostile-peer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):  # some are closed already
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._treat, args=(sock,), name="hostile-act", daemon=True).start()

    def _treat(self, sock: socket.socket) -> None:
        # a caller that leaves in the middle of a PDU leaves half a header behind
        with sock, contextlib.suppress(OSError, EOFError, struct.error, IndexError):
            sock.settimeout(_LONGEST_S)
            self._act(Wire(sock))


# -- before and during negotiation ----------------------------------------------------------------------------------


def _silent(wire: Wire) -> None:
    wire.wait_for_end()


def _garbage_first(wire: Wire) -> None:
    wire.sock.sendall(b"220 mail.example ESMTP ready\r\n" * 40)
    wire.wait_for_end()


def _hangs_up(wire: Wire) -> None:
    wire.read_pdu()


def _aborts_the_request(wire: Wire) -> None:
    wire.read_pdu()
    wire.sock.sendall(_ABORT)
    wire.wait_for_end()


def _reject(result: int, source: int, reason: int) -> Callable[[Wire], None]:
    def act(wire: Wire) -> None:
        wire.read_pdu()
        wire.sock.sendall(bytes([3, 0, 0, 0, 0, 4, 0, result, source, reason]))
        wire.wait_for_end()

    return act


def _half_acceptance(wire: Wire) -> None:
    wire.read_pdu()
    wire.sock.sendall(_PDU.pack(2, 0, 200) + bytes(50))
    wire.wait_for_end()


def _endless_acceptance(wire: Wire) -> None:
    wire.read_pdu()
    wire.sock.sendall(_PDU.pack(2, 0, 0xFFFFFFFF))
    _pour(wire, bytes(65_536))


def _dripping_acceptance(wire: Wire) -> None:
    wire.read_pdu()
    wire.sock.sendall(_PDU.pack(2, 0, 2000))
    _drip(wire)


def _refuses_all_contexts(wire: Wire) -> None:
    wire.accept(result=3)
    wire.wait_for_end()


def _data_for_an_answer(wire: Wire) -> None:
    wire.read_pdu()
    wire.sock.sendall(_PDU.pack(4, 0, 6) + struct.pack(">LBB", 2, 1, 3))
    wire.wait_for_end()


# -- while the object is sent ---------------------------------------------------------------------------------------


def _reads_nothing(wire: Wire) -> None:
    wire.accept()
    time.sleep(_LONGEST_S)


def _after_some_data(what: Callable[[Wire], None]) -> Callable[[Wire], None]:
    def act(wire: Wire) -> None:
        wire.accept()
        for _ in range(6):
            wire.read_pdu()
        what(wire)

    return act


def _abort_now(wire: Wire) -> None:
    wire.sock.sendall(_ABORT)
    wire.wait_for_end()


def _stored_too_early(wire: Wire) -> None:
    wire.accept()
    context_id, request = _request_only(wire)
    wire.respond(context_id, request)
    wire.wait_for_end()


def _request_only(wire: Wire) -> tuple[int, Dataset]:
    """The command of the store request, before any of its data."""
    _, pdu = wire.read_pdu()
    length = int.from_bytes(pdu[6:10], "big")
    command = decode(BytesIO(pdu[12 : 10 + length]), is_implicit_vr=True, is_little_endian=True)
    return pdu[10], command


# -- instead of the answer ------------------------------------------------------------------------------------------


def _answer(what: Callable[[Wire, int, Dataset], None]) -> Callable[[Wire], None]:
    def act(wire: Wire) -> None:
        wire.accept()
        while True:
            what(wire, *wire.read_message())

    return act


def _say(**changes: object) -> Callable[[Wire], None]:
    return _answer(lambda wire, context_id, request: wire.respond(context_id, request, **changes))


def _raw(data: bytes) -> Callable[[Wire], None]:
    def what(wire: Wire, _: int, __: Dataset) -> None:
        wire.sock.sendall(data)
        wire.wait_for_end()

    return _answer(what)


def _another_message(wire: Wire, context_id: int, request: Dataset) -> None:
    wire.respond(context_id, request, MessageIDBeingRespondedTo=int(request.MessageID) + 77)


def _another_context(wire: Wire, context_id: int, request: Dataset) -> None:
    wire.respond(context_id + 100, request)


def _half_a_response(wire: Wire, context_id: int, _: Dataset) -> None:
    wire.sock.sendall(_PDU.pack(4, 0, 100) + struct.pack(">LBB", 96, context_id, 3) + bytes(30))
    wire.wait_for_end()


def _dripping_response(wire: Wire, context_id: int, _: Dataset) -> None:
    wire.sock.sendall(_PDU.pack(4, 0, 5000) + struct.pack(">LBB", 4996, context_id, 3))
    _drip(wire)


def _command_without_end(wire: Wire, context_id: int, _: Dataset) -> None:
    fragment = struct.pack(">LBB", 16_002, context_id, 1) + bytes(16_000)
    _pour(wire, _PDU.pack(4, 0, len(fragment)) + fragment)


def _empty_pdus(wire: Wire, _: int, __: Dataset) -> None:
    _pour(wire, _PDU.pack(4, 0, 0) * 100)


def _answers_for_ever(wire: Wire, context_id: int, request: Dataset) -> None:
    while True:
        wire.respond(context_id, request, Status=0xFF00)


def _hang_up(wire: Wire, _: int, __: Dataset) -> None:
    wire.sock.close()


def _reset(wire: Wire, _: int, __: Dataset) -> None:
    wire.reset()


def _pour(wire: Wire, data: bytes) -> None:
    while True:
        wire.sock.sendall(data)


def _drip(wire: Wire) -> None:
    while True:
        wire.sock.sendall(b"\0")
        time.sleep(0.2)


MISBEHAVIOURS: Mapping[str, Misbehaviour] = MappingProxyType(
    {
        "silent from the first": Misbehaviour(_silent, _NEGOTIATE),
        "garbage before the association": Misbehaviour(_garbage_first, _NEGOTIATE),
        "hangs up on the request": Misbehaviour(_hangs_up, _NEGOTIATE),
        "aborts the request": Misbehaviour(_aborts_the_request, _NEGOTIATE),
        "rejects for now": Misbehaviour(_reject(2, 3, 2), _NEGOTIATE),
        "does not know the called title": Misbehaviour(_reject(1, 1, 7), _NEGOTIATE, _PARK),
        "half an acceptance": Misbehaviour(_half_acceptance, _NEGOTIATE),
        "an acceptance of 4 GB": Misbehaviour(_endless_acceptance, _NEGOTIATE),
        "an acceptance byte by byte": Misbehaviour(_dripping_acceptance, _NEGOTIATE),
        "data for an acceptance": Misbehaviour(_data_for_an_answer, _NEGOTIATE),
        "refuses every context": Misbehaviour(_refuses_all_contexts, _NEGOTIATE, _PARK),
        "reads nothing": Misbehaviour(_reads_nothing, _TRANSFER, big=True),
        "aborts in mid-object": Misbehaviour(_after_some_data(_abort_now), _TRANSFER, big=True),
        "resets in mid-object": Misbehaviour(_after_some_data(Wire.reset), _TRANSFER, big=True),
        "says stored at half time": Misbehaviour(_stored_too_early, _RESPONSE, big=True),
        "never answers": Misbehaviour(_answer(lambda *_: None), _RESPONSE),
        "half a response": Misbehaviour(_answer(_half_a_response), _RESPONSE),
        "a response byte by byte": Misbehaviour(_answer(_dripping_response), _RESPONSE),
        "a response of 4 GB": Misbehaviour(_raw(_PDU.pack(4, 0, 0xFFFFFFFF)), _RESPONSE),
        "a command without end": Misbehaviour(_answer(_command_without_end), _RESPONSE),
        "empty PDUs without end": Misbehaviour(_answer(_empty_pdus), _RESPONSE),
        "a value longer than its PDU": Misbehaviour(_raw(_PDU.pack(4, 0, 6) + b"\0\0\xff\xff\x01\x03"), _RESPONSE),
        "answers for ever": Misbehaviour(_answer(_answers_for_ever), _RESPONSE, _PARK),
        "another message id": Misbehaviour(_answer(_another_message), _RESPONSE),
        "another context": Misbehaviour(_answer(_another_context), _RESPONSE),
        "another instance's UID": Misbehaviour(_say(AffectedSOPInstanceUID=_ANOTHER_UID), _RESPONSE),
        "another class's UID": Misbehaviour(_say(AffectedSOPClassUID=_ANOTHER_UID), _RESPONSE),
        "no status": Misbehaviour(_say(Status=None), _RESPONSE),
        "no such PDU": Misbehaviour(_raw(_PDU.pack(0x99, 0, 4) + bytes(4)), _RESPONSE),
        "the answer to another question": Misbehaviour(_say(CommandField=0x8020), _RESPONSE),
        "aborts instead of an answer": Misbehaviour(_raw(_ABORT), _RESPONSE),
        "releases instead of an answer": Misbehaviour(_raw(_RELEASE_RQ), _RESPONSE),
        "hangs up instead of an answer": Misbehaviour(_answer(_hang_up), _RESPONSE),
        "resets instead of an answer": Misbehaviour(_answer(_reset), _RESPONSE),
        "out of resources": Misbehaviour(_say(Status=0xA700), _RESPONSE),
        "cannot understand": Misbehaviour(_say(Status=0xC000), _RESPONSE, _PARK),
        "a duplicate that was never sent": Misbehaviour(_say(Status=0x0111), _RESPONSE, _PARK),
    }
)
"""Every misbehaviour by its name."""
