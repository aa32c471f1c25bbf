"""The TCP and TLS connection under HTTP: every wait is bounded, every fault has a phase, an early answer is noticed."""

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import httpcore

from gateway.dicomweb import link_faults
from gateway.dicomweb.peer import StowPeer
from gateway.domain import pacing
from gateway.domain.errors import GatewayError, Phase

_READ_BYTES = 65_536
_UNSENT_BYTES = 262_144
_RTO_MAX_OPTION = 44
"""TCP_RTO_MAX_MS of Linux 6.15 and newer, which this Python has no name for."""
_LONGEST_RESEND_MS = 2_000
_LONGEST_WAIT_S = 2.0
_WHY_WAIT_S = 2.0
_TCP_INFO_MIN_RTT = 148
_UNKNOWN_RTT = 0xFFFFFFFF
_INTERIM = b"HTTP/1.1 1"
_BULK_BYTES = 1 << 30
"""A request fills the link for many round trips, however small the objects in it are."""
_Target = tuple[str, int] | tuple[str, int, int, int]
Beat = Callable[[], None]
"""Called at least every few seconds while bytes are sent or awaited, so that a long transfer is seen to be alive."""


Pace = pacing.Pace

_PACING_OPTION = 47
"""SO_MAX_PACING_RATE, which this Python has no name for."""
_UNPACED = 0xFFFFFFFF
_HEADROOM = 1.1
"""The kernel counts headers as well, and only spreads what the pace grants: the pace itself keeps the cap."""


def no_beat() -> None:
    """What a caller who need not be told passes as beat: nothing."""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What a finished handshake says about the service; `expires` is OpenSSL's text of notAfter."""

    version: str
    subject: str
    expires: str


class Wire(httpcore.NetworkStream):
    """An open TLS connection as httpcore wants it. `heard` tells whether the current request got any byte back."""

    def __init__(self, peer: StowPeer, sock: ssl.SSLSocket, beat: Beat = no_beat, pace: Pace | None = None) -> None:
        self.peer = peer
        self.heard = False
        self.ended = False
        self._socket = sock
        self._way = peer.way(sock)
        self._beat = beat
        self._pace = pace
        self._spread = _UNPACED
        self._inbox = b""
        self._answer_by: float | None = None

    def begin(self) -> None:
        """Forget what the last request heard."""
        self.heard = False
        self._answer_by = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes`, empty at the end; the whole answer must be there `timeout` after it was first awaited.

        Raises a `GatewayError` in phase RESPONSE or, for a late refusal of our certificate, TLS.
        """
        wait_s = self.peer.timeouts.response_s if timeout is None else timeout
        if self._answer_by is None:
            self._answer_by = time.monotonic() + wait_s
        while not self._inbox and not self.ended:
            left = self._answer_by - time.monotonic()
            if left <= 0:
                raise link_faults.silent(self.peer, wait_s)
            self._beat()
            self._fill(min(left, _LONGEST_WAIT_S))
        data, self._inbox = self._inbox[:max_bytes], self._inbox[max_bytes:]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`.

        Raises `httpcore.WriteError`, upon which httpcore turns to the answer, when one is there already or the other
        side stopped listening; a `GatewayError` (RETRY, TRANSFER) when no byte is taken for the stall time.
        """
        stall_s = self.peer.timeouts.stall_s if timeout is None else timeout
        view = memoryview(buffer)
        allowed = 0  # what TLS was once given it must be given again, at least, until it takes it
        deadline = time.monotonic() + stall_s
        while view:
            self._beat()
            self._fill(0.0)
            if self._answered() or self.ended:
                raise httpcore.WriteError("answered before all was sent")
            try:
                self._way.carry(_BULK_BYTES)
                allowed = allowed or self._allowed(len(view))
                self._socket.settimeout(min(_LONGEST_WAIT_S, stall_s))
                view, allowed = view[self._socket.send(view[:allowed]) :], 0
                deadline = time.monotonic() + stall_s
            except TimeoutError as fault:
                if time.monotonic() >= deadline:
                    raise link_faults.broken(self.peer, fault, Phase.TRANSFER) from fault
            except OSError as fault:
                raise httpcore.WriteError(type(fault).__name__) from fault

    def _answered(self) -> bool:
        """Whether more came than interim answers, upon which the request goes on (RFC 9110 section 15.2)."""
        rest = self._inbox
        while rest.startswith(_INTERIM) and (end := rest.find(b"\r\n\r\n")) >= 0:
            rest = rest[end + 4 :]
        unfinished = rest.startswith(_INTERIM) or _INTERIM.startswith(rest)
        return not unfinished or len(self._inbox) > _READ_BYTES

    def _allowed(self, count: int) -> int:
        """How many of `count` bytes may go now; the kernel is told to space their packets."""
        if self._pace is None:
            return count
        granted, rate = self._pace(count), self._pace.share()
        wanted = _UNPACED if rate is None else max(1, min(int(rate * _HEADROOM), _UNPACED - 1))
        if wanted != self._spread:
            self._spread = wanted
            with contextlib.suppress(OSError):  # a kernel that cannot sends in bursts of a tenth of a second
                self._socket.setsockopt(socket.SOL_SOCKET, _PACING_OPTION, struct.pack("=I", wanted))
        return granted

    def close(self) -> None:
        """Release the socket, without waiting for a farewell."""
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        """What httpcore asks: whether an idle connection was ended or spoken to meanwhile."""
        return self._spoken_to() if info == "is_readable" else None

    def tls_facts(self) -> TlsFacts:
        """What the TLS handshake established."""
        certificate = self._socket.getpeercert() or {}
        subject = cast("tuple[tuple[tuple[str, str], ...], ...]", certificate.get("subject", ()))
        names = [text for part in subject for key, text in part if key == "commonName"]
        return TlsFacts(self._socket.version() or "", names[0] if names else "", str(certificate.get("notAfter", "")))

    def round_trip_s(self) -> float:
        """The least round-trip time of this connection in seconds (the kernel's TCP_INFO); 0 if it does not say."""
        try:
            facts = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_MIN_RTT + 4)
        except OSError:
            return 0.0
        if len(facts) < _TCP_INFO_MIN_RTT + 4:
            return 0.0
        microseconds = int(struct.unpack_from("=I", facts, _TCP_INFO_MIN_RTT)[0])
        return 0.0 if microseconds == _UNKNOWN_RTT else microseconds / 1_000_000

    def late_refusal_possible(self) -> bool:
        """Whether the other side may still refuse our certificate after the handshake (TLS 1.3)."""
        return self._socket.version() == "TLSv1.3"

    def _spoken_to(self) -> bool:
        try:
            self._fill(0.0)
        except GatewayError:
            self.ended = True
        return bool(self._inbox) or self.ended

    def _fill(self, wait_s: float) -> None:
        try:
            self._socket.settimeout(wait_s)
            data = self._socket.recv(_READ_BYTES)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as fault:
            self.ended = True
            if link_faults.is_alert(fault):
                raise link_faults.tls_fault(self.peer, fault) from fault
            if self.heard:
                raise link_faults.broken(self.peer, fault, Phase.RESPONSE) from fault
            return
        self.ended = not data
        self.heard = self.heard or bool(data)
        self._inbox += data


def resolve(peer: StowPeer) -> list[tuple[socket.AddressFamily, _Target]]:
    """Addresses of the service in the order to try; raises a `GatewayError` (RETRY, RESOLVE) if there is none."""
    try:
        found = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        cause = fault if isinstance(fault, OSError) else OSError(0, "not a host name")
        raise link_faults.unresolved(peer, cause) from fault
    # Python built without IPv6 answers with bytes there; such an address cannot be called.
    return [(family, target) for family, _, _, _, target in found if isinstance(target[0], str)]


def connect(peer: StowPeer) -> socket.socket:
    """A connected TCP socket, the first of the addresses that answers; raises RETRY in phase RESOLVE or CONNECT."""
    deadline = time.monotonic() + peer.timeouts.connect_s
    last = OSError(0, "no address")
    for family, target in resolve(peer):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(max(0.1, deadline - time.monotonic()))
            _tune(sock, peer.timeouts.stall_s)
            sock.connect(target)
        except OSError as fault:
            sock.close()
            last = fault
        else:
            return sock
    raise link_faults.unreachable(peer, last)


def secure(peer: StowPeer, sock: socket.socket, beat: Beat = no_beat, pace: Pace | None = None) -> Wire:
    """The connection over `sock` after the TLS handshake; closes `sock` and raises in phase TLS when that fails."""
    try:
        context = peer.tls_context()
    except GatewayError:
        sock.close()
        raise
    context.set_alpn_protocols(["http/1.1"])
    sock.settimeout(peer.timeouts.tls_s)
    try:
        # wrapping looks at the socket, and fails by itself when the service has reset it meanwhile
        wrapped = context.wrap_socket(sock, server_hostname=peer.host, do_handshake_on_connect=False)
    except OSError as fault:
        sock.close()
        raise link_faults.tls_fault(peer, fault) from fault
    try:
        wrapped.do_handshake()
    except OSError as fault:
        wrapped.close()
        raise link_faults.tls_fault(peer, fault) from fault
    return Wire(peer, wrapped, beat, pace)


def why_closed(wire: Wire) -> GatewayError:
    """The fault when a connection ended before a byte of answer came.

    A write that meets a closed socket makes the kernel discard an alert that lies unread; so the service is called
    again without a word, and a client that only reads gets it (RFC 8446 sections 4.4.2.4 and 6.2).
    """
    closed = link_faults.broken(wire.peer, ConnectionResetError(0, "closed without an answer"), Phase.RESPONSE)
    if not wire.late_refusal_possible():
        return closed
    try:
        again = secure(wire.peer, connect(wire.peer))
    except GatewayError as fault:
        return fault if fault.phase is Phase.TLS else closed
    try:
        again.read(1, _WHY_WAIT_S)
    except GatewayError as fault:
        return fault if fault.phase is Phase.TLS else closed
    finally:
        again.close()
    return link_faults.closed_after_handshake(wire.peer) if again.ended else closed


def _tune(sock: socket.socket, stall_s: float) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_s * 1000))
    # A link that was away for half a minute would else lie idle for as long again, until the next retransmission.
    with contextlib.suppress(OSError):  # an older kernel has its own pace
        sock.setsockopt(socket.IPPROTO_TCP, _RTO_MAX_OPTION, _LONGEST_RESEND_MS)
    # What the kernel holds unsent is not yet on its way: keep it short, so that "sent" is close to the truth.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
