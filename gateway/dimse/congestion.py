"""What the kernel knows of a connection's way, and which of its congestion controls suits what is sent over it.

BBR sends no faster than it was acknowledged before. Of small objects, whose requests mostly wait for answers, each
association then uses its share of the link for a part of the time; cubic lets them go at once. A large object fills the
link with either, and with cubic better, unless packets get lost although nothing waits before the link: cubic takes
that for a full link, and BBR does not.
"""

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass

_CUBIC, _BBR = b"cubic", b"bbr"
_SMALL_BYTES = 262_144
_NO_QUEUE = 0.5
_ENOUGH_LOSSES = 3
_FORGOTTEN_AFTER = 3_000
"""Packets that arrive at once: on a link that loses one in a hundred so many in a row are as good as impossible."""

_INFO_BYTES = 192
_RTT, _TOTAL_RETRANSMISSIONS, _MIN_RTT, _SENT = 68, 100, 148, 156
_NOT_MEASURED = 0xFFFFFFFF


class Losses:
    """Whether packets get lost on the way to a peer although nothing waits before the link; for several threads.

    All connections to the peer add to it, and a new one goes by it at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost = 0
        self._clean = 0

    def met(self, sent: int, *, lost: bool, queued: bool) -> None:
        """Take in `sent` packets, of which some were `lost` or none; what is lost from a queue says nothing."""
        with self._lock:
            if lost and not queued:
                self._lost, self._clean = self._lost + 1, 0
            elif not lost:
                self._clean += sent
            if self._clean >= _FORGOTTEN_AFTER:
                self._lost = 0

    def are_usual(self) -> bool:
        """Whether enough was lost for nothing, and not too long ago."""
        return self._lost >= _ENOUGH_LOSSES


class Way:
    """The way of one TCP connection, as ``TCP_INFO`` tells it. Its answers are 0 where the kernel does not say."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._control = b""
        self._sent = 0
        self._resent = 0
        self._queued = False
        self._losses = Losses()

    def share(self, losses: Losses) -> None:
        """Go by, and add to, what other connections know of the way."""
        self._losses = losses

    def round_trip_s(self) -> float:
        """The least round-trip time of this connection in seconds."""
        return self._facts().least_s

    def queueing_s(self) -> float:
        """By how many seconds the round trip is longer at present than at its least: the queue before the link."""
        facts = self._facts()
        return max(0.0, facts.smoothed_s - facts.least_s) if facts.least_s else 0.0

    def carry(self, size: int) -> None:
        """Have the kernel send the next piece of an object of `size` bytes as suits the link."""
        self._look()
        self._choose(_BBR if self._losses.are_usual() and size > _SMALL_BYTES else _CUBIC)

    def _look(self) -> None:
        """Take in what was lost since the last look, when nothing waited at either of them."""
        facts = self._facts()
        queued = facts.smoothed_s - facts.least_s >= _NO_QUEUE * facts.least_s
        lost = facts.resent > self._resent
        self._losses.met(facts.sent - self._sent, lost=lost, queued=queued or self._queued)
        self._sent, self._resent, self._queued = facts.sent, facts.resent, queued

    def _choose(self, control: bytes) -> None:
        if control == self._control:
            return
        self._control = control
        with contextlib.suppress(OSError):  # this kernel has it not, or not for us: its own choice stays
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control)

    def _facts(self) -> "_Facts":
        try:
            facts = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        except OSError:
            return _Facts()
        if len(facts) < _SENT + 4:
            return _Facts()
        smoothed, resent, least, sent = (
            int(struct.unpack_from("=I", facts, place)[0]) for place in (_RTT, _TOTAL_RETRANSMISSIONS, _MIN_RTT, _SENT)
        )
        return _Facts(smoothed / 1_000_000, 0.0 if least == _NOT_MEASURED else least / 1_000_000, sent, resent)


@dataclass(frozen=True, slots=True)
class _Facts:
    """The smoothed and the least round-trip time, and how many segments with data were sent, and sent again."""

    smoothed_s: float = 0.0
    least_s: float = 0.0
    sent: int = 0
    resent: int = 0
