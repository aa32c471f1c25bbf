"""A TCP proxy on loopback that hurts what passes, also TLS as opaque bytes: reset, end, stall, a flipped bit, a rate.

Bytes are counted from the caller to the target; every connection asks the plan what is to be done to it.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

Kind = Literal["", "rst", "fin", "stall", "flip"]
_BLOCK = 16_384
_ABRUPT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Hurt:
    """What is done to one connection when `after` bytes have passed; a `rate` of 0 is no limit."""

    kind: Kind = ""
    after: int = 0
    rate_bytes_s: float = 0


CLEAN = Hurt()


class FaultProxy:
    """Listens on a free port and carries each connection to `target`, as `plan` (of its number, from 1) says."""

    def __init__(self, target: int, plan: Callable[[int], Hurt] = lambda _: CLEAN) -> None:
        self._target = target
        self._plan = plan
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.hurt = 0
        self.passed = 0
        self._open: set[socket.socket] = set()
        self._away = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # it may never have been waited on
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.die()
        self._thread.join(10)

    def die(self) -> None:
        """Reset every connection and every one that is tried from now on."""
        self._away = True
        with self._lock:
            victims = list(self._open)
        for sock in victims:
            _reset(sock)

    def revive(self) -> None:
        """Carry connections again."""
        self._away = False

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            if self._away:
                _reset(caller)
                continue
            self.connections += 1
            threading.Thread(target=self._carry, args=(caller, self._plan(self.connections)), daemon=True).start()

    def _carry(self, caller: socket.socket, hurt: Hurt) -> None:
        try:
            target = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            _reset(caller)
            return
        if hurt.rate_bytes_s:  # what lies in the proxy's own buffer has not passed yet
            for sock in (caller, target):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {caller, target}
        back = threading.Thread(target=self._pump, args=(target, caller), daemon=True)
        back.start()
        with contextlib.suppress(OSError):  # an end of the connection is what this is about
            self._pump_hurting(caller, target, hurt)
        back.join()
        with self._lock:
            self._open -= {caller, target}
        caller.close()
        target.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # as above
            # a target that answers in two pieces would else wait 40 ms between them, which no link is to blame for
            while data := _received_at_once(source):
                sink.sendall(data)
        with contextlib.suppress(OSError):  # as above
            sink.shutdown(socket.SHUT_WR)

    def _pump_hurting(self, caller: socket.socket, target: socket.socket, hurt: Hurt) -> None:
        passed = 0
        while data := caller.recv(_BLOCK):
            if hurt.rate_bytes_s:
                time.sleep(len(data) / hurt.rate_bytes_s)
            due = hurt.kind and passed <= hurt.after < passed + len(data)
            passed += len(data)
            if due:
                self.hurt += 1
                data = self._inflict(hurt, data, caller, target)
            target.sendall(data)
            self.passed += len(data)
        target.shutdown(socket.SHUT_WR)

    def _inflict(self, hurt: Hurt, data: bytes, caller: socket.socket, target: socket.socket) -> bytes:
        """Do the harm; what of `data` still passes."""
        if hurt.kind == "flip":
            return bytes([*data[:-1], data[-1] ^ 1])
        if hurt.kind == "rst":
            _reset(caller)
            _reset(target)
        elif hurt.kind == "fin":
            for sock in (caller, target):
                sock.shutdown(socket.SHUT_RDWR)
        elif hurt.kind == "stall":
            while target.fileno() >= 0 and not self._is_gone(caller):
                time.sleep(0.1)
            _reset(target)
        raise ConnectionError(hurt.kind)

    @staticmethod
    def _is_gone(sock: socket.socket) -> bool:
        """Whether the caller has given up; its bytes stay unread."""
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return info[0] != _ESTABLISHED


_ESTABLISHED = 1


def _received_at_once(sock: socket.socket) -> bytes:
    """What comes next, acknowledged without delay; the kernel forgets this wish, so it is said each time."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return sock.recv(_BLOCK)


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPT)
        sock.shutdown(socket.SHUT_RD)
        sock.close()
