"""Takes HL7 messages over MLLP from several senders at once, in one thread; who stalls harms nobody else."""

import ipaddress
import logging
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.worklist.mllp import Frame, FrameReader, framed

_log = logging.getLogger(__name__)
_MOST_CALLS = 32
_CHUNK = 65_536
_STALLED_S = 30.0
_IDLE_S = 3600.0
_ANSWER_S = 5.0
_HANDSHAKE_S = 5.0

TakeFrame = Callable[[Frame, str], bytes]
"""Sees to one frame from a sender and returns the answer; what it raises ends the call without an answer."""


@dataclass(frozen=True, slots=True)
class MllpListening:
    """Where to listen and to whom: addresses or networks, none for anybody; port 0 takes a free one."""

    host: str
    port: int
    senders: tuple[str, ...] = ()
    context: Callable[[], ssl.SSLContext] | None = None


@dataclass(slots=True)
class _Call:
    sock: socket.socket
    sender: str
    heard_at: float
    reader: FrameReader = field(default_factory=FrameReader)


class MllpListener:
    """A listener; `serve` it from one thread, then `close`. Raises `GatewayError` when the port cannot be had."""

    def __init__(self, listening: MllpListening, take: TakeFrame, *, stalled_s: float = _STALLED_S) -> None:
        self._networks = [ipaddress.ip_network(sender) for sender in listening.senders]
        self._context = listening.context
        self._take = take
        self._stalled_s = stalled_s
        self._calls: dict[int, _Call] = {}
        family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
        try:
            self._socket = socket.create_server((listening.host, listening.port), family=family)
        except OSError as fault:
            raise GatewayError(
                f"HL7 orders cannot be listened for at {listening.host}:{listening.port}: {fault.strerror}.",
                disposition=Disposition.RETRY,
                phase=Phase.CONNECT,
                remedy="Free the port, or set another one in the table hl7 and tell the sender.",
            ) from fault
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return int(self._socket.getsockname()[1])

    def serve(self, wait_s: float) -> bool:
        """Wait up to `wait_s` seconds for something to do and do it; whether there was something."""
        ready = self._selector.select(wait_s)
        for key, _ in ready:
            if key.fileobj is self._socket:
                self._accept()
            elif key.fd in self._calls:
                self._read(self._calls[key.fd])
        for call in [*self._calls.values()]:
            silent_s = time.monotonic() - call.heard_at
            if silent_s > (self._stalled_s if call.reader.is_inside else _IDLE_S):
                self._end(call, answer=True)
        return bool(ready)

    def close(self) -> None:
        """Stop listening and end the calls that are open."""
        for call in [*self._calls.values()]:
            self._drop(call)
        self._selector.close()
        self._socket.close()

    def _accept(self) -> None:
        try:
            sock, address = self._socket.accept()
        except OSError as fault:  # the caller was gone before it was taken
            _log.warning("hl7 listener cannot take a call: %s", fault.strerror)
            return
        sender = str(address[0])
        if len(self._calls) >= _MOST_CALLS or not self._may_send(sender):
            _log.warning("hl7 call from %s refused", sender)
            sock.close()
            return
        try:
            # short, because one thread serves all: a caller that dawdles in TLS is a stranger
            sock.settimeout(_HANDSHAKE_S)
            if self._context is not None:
                sock = self._context().wrap_socket(sock, server_side=True)
            sock.settimeout(0)
        except OSError as fault:
            _log.warning("hl7 call from %s failed: %s", sender, type(fault).__name__)
            sock.close()
            return
        self._calls[sock.fileno()] = _Call(sock, sender, time.monotonic())
        self._selector.register(sock, selectors.EVENT_READ)

    def _may_send(self, sender: str) -> bool:
        address = ipaddress.ip_address(sender.partition("%")[0])
        return not self._networks or any(address in network for network in self._networks)

    def _read(self, call: _Call) -> None:
        """Take what has come; TLS may hold more than the socket shows, so it is read until nothing is left."""
        while True:
            try:
                data = call.sock.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                data = b""
            if not data:
                self._end(call, answer=False)
                return
            call.heard_at = time.monotonic()
            if not self._answer(call, call.reader.feed(data)):
                return
            if not isinstance(call.sock, ssl.SSLSocket):
                return

    def _end(self, call: _Call, *, answer: bool) -> None:
        """End a call; what it leaves unfinished is seen to, and answered if the sender may still listen."""
        if self._answer(call, call.reader.end(), send=answer):
            self._drop(call)

    def _answer(self, call: _Call, frames: Sequence[Frame], *, send: bool = True) -> bool:
        """Have frames seen to and answered in order; whether the call is still open."""
        for frame in frames:
            try:
                answer = self._take(frame, call.sender)
                if send:
                    call.sock.settimeout(_ANSWER_S)
                    call.sock.sendall(framed(answer))
                    call.sock.settimeout(0)
            except OSError as fault:
                _log.warning("hl7 call from %s ended unanswered: %s", call.sender, type(fault).__name__)
                self._drop(call)
                return False
            except GatewayError:
                self._drop(call)
                raise
        return True

    def _drop(self, call: _Call) -> None:
        number = call.sock.fileno()
        if number >= 0:
            self._selector.unregister(call.sock)
            self._calls.pop(number, None)
            call.sock.close()
