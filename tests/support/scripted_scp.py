"""A peer that does exactly what a test tells it, byte by byte: silence, nonsense, answers for somebody else."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from io import BytesIO
from types import TracebackType
from typing import Self

from pydicom import Dataset
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

_HEADER = struct.Struct(">BBL")
_RELEASE_RQ = 5
_RELEASE_RP = _HEADER.pack(6, 0, 4) + bytes(4)


class Wire:
    """One accepted connection, seen from the scripted side."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def read_pdu(self) -> tuple[int, bytes]:
        """Type and whole bytes of the next PDU; type 0 when the caller is gone."""
        head = self._exactly(_HEADER.size)
        if len(head) < _HEADER.size:
            return 0, head
        kind, _, length = _HEADER.unpack(head)
        return kind, head + self._exactly(length)

    def accept(self, *, result: int = 0, max_length: int = 16_384) -> None:
        """Take the association request and accept every context with its first transfer syntax (or `result`)."""
        _, pdu = self.read_pdu()
        request = A_ASSOCIATE_RQ()
        request.decode(pdu)
        primitive = request.to_primitive()
        contexts = primitive.presentation_context_definition_list
        for context in contexts:
            context.result = result
            context.transfer_syntax = list(context.transfer_syntax[:1])
        primitive.presentation_context_definition_list = []
        primitive.presentation_context_definition_results_list = contexts
        primitive.result, primitive.result_source = 0, 1
        primitive.maximum_length_received = max_length
        self.sock.sendall(A_ASSOCIATE_AC(primitive).encode())

    def read_message(self) -> tuple[int, Dataset]:
        """Context id and command set of the next message; its data set, if any, is read and dropped."""
        context_id, command, _ = self.read_whole_message(keep=False)
        return context_id, command

    def read_whole_message(self, *, keep: bool = True) -> tuple[int, Dataset, bytes]:
        """Context id, command set and, if it is to be kept, data set of the next message."""
        command = data = b""
        while True:
            kind, pdu = self.read_pdu()
            if kind != 4:
                raise EOFError(f"PDU {kind}")
            context_id, control, fragment = pdu[10], pdu[11], pdu[12:]
            if control & 1:
                command += fragment
            elif keep:
                data += fragment
            if not control & 2:
                continue
            dataset = decode(BytesIO(command), is_implicit_vr=True, is_little_endian=True)
            if not control & 1 or dataset.CommandDataSetType == 0x0101:
                return context_id, dataset, data

    def begin_message(self, context_id: int, command: Dataset) -> None:
        """Send a command set that announces a data set, and none of that."""
        command.CommandDataSetType = 0x0001
        fragment = encode(command, is_implicit_vr=True, is_little_endian=True) or b""
        value = struct.pack(">LBB", len(fragment) + 2, context_id, 3) + bytes(fragment)
        self.sock.sendall(_HEADER.pack(4, 0, len(value)) + value)

    def send_message(self, context_id: int, command: Dataset, data: bytes = b"", *, length: int | None = None) -> None:
        """Send a command set (and data set) in one PDU each; `length` overrides the PDU length of the first."""
        command.CommandDataSetType = 0x0001 if data else 0x0101
        for control, fragment in ((3, encode(command, is_implicit_vr=True, is_little_endian=True)), (2, data)):
            if fragment:
                value = struct.pack(">LBB", len(fragment) + 2, context_id, control) + bytes(fragment)
                self.sock.sendall(_HEADER.pack(4, 0, length or len(value)) + value)
                length = None

    def respond(self, context_id: int, request: Dataset, **changes: object) -> None:
        """Answer a request with success, or with whatever `changes` (by keyword, None to leave out) say."""
        response = Dataset()
        response.CommandField = int(request.CommandField) | 0x8000
        response.MessageIDBeingRespondedTo = request.MessageID
        response.AffectedSOPClassUID = request.get("AffectedSOPClassUID") or request.RequestedSOPClassUID
        if "AffectedSOPInstanceUID" in request:
            response.AffectedSOPInstanceUID = request.AffectedSOPInstanceUID
        response.Status = 0
        for keyword, value in changes.items():
            if value is None:
                delattr(response, keyword)
            else:
                setattr(response, keyword, value)
        self.send_message(context_id, response)

    def reset(self) -> None:
        """End with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_for_end(self) -> None:
        """Read until the caller is gone; a release is answered, so that nobody waits for that."""
        while kind := self.read_pdu()[0]:
            if kind == _RELEASE_RQ:
                self.sock.sendall(_RELEASE_RP)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = self.sock.recv(count - len(data))
            except OSError:
                more = b""
            if not more:
                return data
            data += more
        return data


class ScriptedScp:
    """Listens on loopback and runs `script` for each connection in turn."""

    def __init__(self, script: Callable[[Wire], None]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, name="scripted-scp", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A blocked accept is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with sock, contextlib.suppress(OSError, EOFError):
                sock.settimeout(10)
                self._script(Wire(sock))
