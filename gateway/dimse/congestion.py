"""What the kernel knows of a connection's way, and which of its congestion controls suits what is sent over it.

BBR sends no faster than it was acknowledged before. Of small objects, whose requests mostly wait for answers, each
association then uses its share of the link for a part of the time; cubic lets them go at once. A large object fills the
link with either, and with cubic better, unless packets get lost although nothing waits before the link: cubic takes
that for a full link, and BBR does not.
"""

import contextlib
import socket
import struct

_CUBIC, _BBR = b"cubic", b"bbr"
_SMALL_BYTES = 262_144
_NO_QUEUE = 0.5
_ENOUGH_LOSSES = 3
_INFO_BYTES = 192
_RTT, _TOTAL_RETRANSMISSIONS, _MIN_RTT = 68, 100, 148
_NOT_MEASURED = 0xFFFFFFFF


class Way:
    """The way of one TCP connection, as ``TCP_INFO`` tells it. Its answers are 0 where the kernel does not say."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._control = b""
        self._resent = 0
        self._lost_for_nothing = 0

    def round_trip_s(self) -> float:
        """The least round-trip time of this connection in seconds."""
        return self._facts()[1]

    def queueing_s(self) -> float:
        """By how many seconds the round trip is longer at present than at its least: the queue before the link."""
        now, least, _ = self._facts()
        return max(0.0, now - least) if least else 0.0

    def carry(self, size: int) -> None:
        """Have the kernel send the next piece of an object of `size` bytes as suits the link."""
        now, least, resent = self._facts()
        if resent > self._resent and now - least < _NO_QUEUE * least:
            self._lost_for_nothing += 1
        self._resent = resent
        lossy = self._lost_for_nothing >= _ENOUGH_LOSSES
        self._choose(_BBR if lossy and size > _SMALL_BYTES else _CUBIC)

    def _choose(self, control: bytes) -> None:
        if control == self._control:
            return
        self._control = control
        with contextlib.suppress(OSError):  # this kernel has it not, or not for us: its own choice stays
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control)

    def _facts(self) -> tuple[float, float, int]:
        """The smoothed and the least round-trip time in seconds, and how many segments were sent again."""
        try:
            facts = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        except OSError:
            return 0.0, 0.0, 0
        if len(facts) < _MIN_RTT + 4:
            return 0.0, 0.0, 0
        smoothed, resent, least = (
            int(struct.unpack_from("=I", facts, place)[0]) for place in (_RTT, _TOTAL_RETRANSMISSIONS, _MIN_RTT)
        )
        return smoothed / 1_000_000, 0.0 if least == _NOT_MEASURED else least / 1_000_000, resent
