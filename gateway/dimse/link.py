"""A byte link to a peer, plain or TLS, whose every wait is bounded and whose every fault has a phase."""

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from gateway.dimse import link_faults
from gateway.dimse.congestion import Losses, Way
from gateway.dimse.peer import Peer
from gateway.dimse.tls import client_context
from gateway.domain import pacing
from gateway.domain.errors import GatewayError, Phase

_READ_BYTES = 65_536
_UNSENT_BYTES = 262_144
_RTO_MAX_OPTION = 44
"""TCP_RTO_MAX_MS of Linux 6.15 and newer, which this Python has no name for."""
_LONGEST_RESEND_MS = 2_000
_WHY_WAIT_S = 2.0
_LONGEST_WAIT_S = 2.0
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


class PeerClosed(ConnectionError):  # noqa: N818 - an ordinary end of a link
    """The peer ended the link in order, which is still no answer."""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What a finished handshake says about the peer; `expires` is OpenSSL's text of notAfter."""

    version: str
    subject: str
    expires: str


class Link:
    """An open connection: sends, receives and knows whether the peer has said anything yet.

    Not safe for use by several threads; it owns no thread itself.
    """

    def __init__(self, peer: Peer, sock: socket.socket, beat: Beat = no_beat, *, accepted: bool = False) -> None:
        self.peer = peer
        self._beat = beat
        self._socket = sock
        self._inbox = bytearray()
        self._heard = False
        self._why = not accepted  # a caller is not called back to learn why it hung up
        self._pace: Pace | None = None
        self._way = Way(sock)
        self._spread = _UNPACED

    def pace_by(self, pace: Pace | None) -> None:
        """Let `pace` say when and how much may be sent from now on."""
        self._pace = pace

    def round_trip_s(self) -> float:
        """The least round-trip time of this connection in seconds (the kernel's TCP_INFO); 0 if it does not say."""
        return self._way.round_trip_s()

    def queueing_s(self) -> float:
        """By how many seconds the round trip is longer at present than at its least: the queue before the link."""
        return self._way.queueing_s()

    def carry(self, size: int) -> None:
        """What is sent next belongs to an object of `size` bytes: have the kernel send it as suits the link."""
        self._way.carry(size)

    def share_losses(self, losses: Losses) -> None:
        """Go by, and add to, what other connections to this peer know of the link's losses."""
        self._way.share(losses)

    def send(self, data: bytes, phase: Phase) -> None:
        """Send all of `data`; raises a `GatewayError` if no byte is taken for the peer's stall time."""
        view = memoryview(data)
        stall_s = self.peer.timeouts.stall_s
        deadline = time.monotonic() + stall_s
        while view:
            self._beat()
            now = view
            if self._pace is not None:
                now = view[: self._pace(len(view))]
                self._spread_by(self._pace.share())
                deadline = max(deadline, time.monotonic() + _LONGEST_WAIT_S)  # what waits by our own will is no stall
            self._socket.settimeout(min(_LONGEST_WAIT_S, stall_s))
            try:
                view = view[self._socket.send(now) :]
                deadline = time.monotonic() + stall_s
            except TimeoutError as fault:
                if time.monotonic() >= deadline:
                    raise self._fault(fault, phase) from fault
            except OSError as fault:
                raise self._fault(fault, phase) from fault

    def _spread_by(self, rate: float | None) -> None:
        """Have the kernel space packets by `rate`: what the pace grants at once would leave in one burst."""
        wanted = _UNPACED if rate is None else max(1, min(int(rate * _HEADROOM), _UNPACED - 1))
        if wanted != self._spread:
            self._spread = wanted
            with contextlib.suppress(OSError):  # a kernel that cannot sends in bursts of a tenth of a second
                self._socket.setsockopt(socket.SOL_SOCKET, _PACING_OPTION, struct.pack("=I", wanted))

    def offer(self, data: bytes) -> None:
        """Send `data` if that needs no waiting: a farewell, which is lost without harm."""
        self._socket.settimeout(0.0)
        with contextlib.suppress(OSError):  # the link ends now, in one way or the other
            self._socket.send(data)

    def read(self, count: int, deadline: float, phase: Phase) -> bytes | None:
        """Exactly `count` bytes, or None if they are not there at `deadline` (on the monotonic clock)."""
        while len(self._inbox) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._beat()
            self._fill(min(left, _LONGEST_WAIT_S), phase)
        data = bytes(self._inbox[:count])
        del self._inbox[:count]
        return data

    def wait(self, wait_s: float, phase: Phase) -> bool:
        """Whether a byte is here within `wait_s`; none is taken."""
        deadline = time.monotonic() + wait_s
        while not self._inbox:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._beat()
            self._fill(min(left, _LONGEST_WAIT_S), phase)
        return True

    def peek(self, count: int, phase: Phase) -> bytes:
        """Up to `count` bytes that are already here, without waiting and without taking them."""
        while len(self._inbox) < count and self._fill(0.0, phase):
            pass
        return bytes(self._inbox[:count])

    def close(self) -> None:
        """Release the socket; a TLS link is closed without waiting for the peer's farewell."""
        self._socket.close()

    def tls_facts(self) -> TlsFacts | None:
        """What the TLS handshake established; None on a plain link."""
        if not isinstance(self._socket, ssl.SSLSocket):
            return None
        certificate = self._socket.getpeercert() or {}
        subject = cast("tuple[tuple[tuple[str, str], ...], ...]", certificate.get("subject", ()))
        names = [text for part in subject for key, text in part if key == "commonName"]
        return TlsFacts(self._socket.version() or "", names[0] if names else "", str(certificate.get("notAfter", "")))

    def numeric_address(self) -> str:
        """The peer's address as it was connected to."""
        return str(self._socket.getpeername()[0])

    def _fill(self, wait_s: float, phase: Phase) -> bool:
        self._socket.settimeout(wait_s)
        try:
            # A peer that writes its answer in two pieces waits, by Nagle's algorithm, until the first is acknowledged.
            # The kernel forgets this wish after a while, so it is said before every wait. It saves 40 ms an answer.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise PeerClosed
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError as fault:
            raise self._fault(fault, phase) from fault
        self._heard = True
        self._inbox += data
        return True

    def _fault(self, fault: OSError, phase: Phase) -> GatewayError:
        if link_faults.is_alert(fault):
            return link_faults.tls_fault(self.peer, fault)
        if self._heard or isinstance(fault, TimeoutError):
            return link_faults.broken(self.peer, fault, phase)
        if isinstance(self._socket, ssl.SSLSocket):
            if self._socket.version() == "TLSv1.3" and self._why:
                return ask_why_closed(self.peer)
            return link_faults.closed_after_handshake(self.peer)
        return link_faults.closed_unanswered(self.peer, fault)


def resolve(peer: Peer) -> list[tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]]:
    """Addresses of the peer in the order to try; raises a `GatewayError` (RETRY, RESOLVE) if there is none."""
    try:
        found = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        cause = fault if isinstance(fault, OSError) else OSError(0, "not a host name")
        raise link_faults.unresolved(peer, cause) from fault
    # Python built without IPv6 answers with bytes there; such an address cannot be called.
    return [(family, target) for family, _, _, _, target in found if isinstance(target[0], str)]


def connect(peer: Peer) -> socket.socket:
    """A connected TCP socket, the first of the peer's addresses that answers; raises RETRY in phase CONNECT."""
    deadline = time.monotonic() + peer.timeouts.connect_s
    last: OSError = OSError(0, "no address")
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


def secure(peer: Peer, sock: socket.socket, beat: Beat = no_beat) -> Link:
    """The link over `sock` after the TLS handshake, if the peer has TLS; closes `sock` when that fails."""
    if peer.tls is None:
        return Link(peer, sock, beat)
    return _closing_on_fault(sock, lambda: _handshake(peer, sock, beat))


def open_link(peer: Peer, beat: Beat = no_beat) -> Link:
    """Resolve, connect and secure.

    Raises
    ------
    GatewayError
        In phase RESOLVE, CONNECT or TLS.
    ConfigurationError
        If the TLS files cannot be used.
    """
    return secure(peer, connect(peer), beat)


def ask_why_closed(peer: Peer) -> GatewayError:
    """Learn why a TLS 1.3 peer closed unheard: call again and say nothing, so that its alert is not lost.

    A write that meets a closed socket makes the kernel discard the alert that lies unread; a client that only
    reads gets it (RFC 8446 section 6.2, and section 4.4.2.4 for the late refusal of a client certificate).
    """
    try:
        link = open_link(peer)
    except GatewayError as fault:
        return fault if fault.phase is Phase.TLS else link_faults.closed_after_handshake(peer)
    link._why = False  # noqa: SLF001 - this probe must not ask again
    try:
        link.read(1, time.monotonic() + _WHY_WAIT_S, Phase.TLS)
    except GatewayError as fault:
        return fault
    finally:
        link.close()
    return link_faults.closed_after_handshake(peer)


def _handshake(peer: Peer, sock: socket.socket, beat: Beat) -> Link:
    if peer.tls is None:
        raise ValueError("a plain peer has no handshake")
    context = client_context(peer.tls)
    sock.settimeout(peer.timeouts.tls_s)
    try:
        # wrapping looks at the socket, and fails by itself when the peer has reset it meanwhile
        wrapped = context.wrap_socket(sock, server_hostname=peer.host, do_handshake_on_connect=False)
    except OSError as fault:
        sock.close()
        raise link_faults.tls_fault(peer, fault) from fault
    try:
        wrapped.do_handshake()
    except OSError as fault:
        wrapped.close()
        raise link_faults.tls_fault(peer, fault) from fault
    return Link(peer, wrapped, beat)


def _closing_on_fault(sock: socket.socket, action: Callable[[], Link]) -> Link:
    try:
        return action()
    except GatewayError:
        sock.close()
        raise


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
