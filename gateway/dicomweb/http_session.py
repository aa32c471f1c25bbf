"""One HTTP/1.1 connection to a DICOMweb service: a request and its whole, bounded answer; redirects are not followed.

httpcore writes and reads HTTP; the connection under it is this box's own (`wire`), so that each wait has a deadline and
each fault a phase.
"""

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Self

import httpcore

from gateway.dicomweb import link_faults
from gateway.dicomweb.peer import StowPeer
from gateway.dicomweb.wire import Beat, Pace, Wire, connect, no_beat, secure, why_closed
from gateway.domain.errors import GatewayError, Phase
from gateway.domain.identifiers import IMPLEMENTATION_VERSION_NAME

_LARGEST_ANSWER = 4_194_304
_LONGEST_RETRY_AFTER_S = 3600.0
_GZIP = frozenset({"gzip", "x-gzip", "deflate"})
_EITHER_HEADER = 47
"""Of gzip or zlib, as zlib tells them apart (its windowBits)."""
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer; header names are in small letters. `repeated`: the request may have arrived twice."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    repeated: bool = False

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in small letters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after_s(self) -> float:
        """Seconds that the service asks to be left alone (RFC 9110 section 10.2.3); 0 if it does not say.

        At most an hour: a service that asks for more is asked again before. A moment is counted from the service's own
        Date, because the clock of this box may be wrong.
        """
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", text):
            return min(float(text), _LONGEST_RETRY_AFTER_S)
        try:
            wait = parsedate_to_datetime(text) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError):
            return 0.0
        return min(max(0.0, wait.total_seconds()), _LONGEST_RETRY_AFTER_S)


class HttpSession:
    """A connection that is used request by request, from one thread; a lost one is made anew by the next request."""

    def __init__(self, peer: StowPeer, wire: Wire, *, beat: Beat = no_beat, pace: Pace | None = None) -> None:
        self.peer = peer
        self._beat = beat
        self._pace = pace
        self._used = False
        self._take(wire)

    @classmethod
    def open(cls, peer: StowPeer, *, beat: Beat = no_beat, pace: Pace | None = None) -> Self:
        """Connect; raises a `GatewayError` in phase CONFIGURE, RESOLVE, CONNECT or TLS."""
        return cls(peer, secure(peer, connect(peer), beat, pace), beat=beat, pace=pace)

    @property
    def wire(self) -> Wire:
        """The connection in use."""
        return self._wire

    def usable(self) -> bool:
        """Whether the connection still stands; false after a fault or when the service has ended it meanwhile."""
        return not self._http.is_closed() and not self._http.has_expired()

    def close(self) -> None:
        """Release the connection."""
        self._http.close()

    def ask(
        self,
        method: str,
        resource: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        content: Iterable[bytes] = (),
        size: int = 0,
    ) -> HttpAnswer:
        """Send a request whose `content` has `size` bytes and take its answer, whatever its status.

        An idle connection that turns out to have been closed is replaced once: nothing was answered, and a repeated
        store is harmless (its instances are told apart by UID), so `content` must be iterable more than once.

        Raises
        ------
        GatewayError
            RETRY in phase TRANSFER or RESPONSE: the outcome at the service is unknown. Phase TLS: it refused our
            certificate late. Whatever `content` raises; the connection has then ended.
        """
        fresh = not self._used
        if not self.usable():
            self.close()
            self._take(secure(self.peer, connect(self.peer), self._beat, self._pace))
            fresh = True
        request = self._request(method, resource, headers, content, size)
        self._used = True
        try:
            return self._exchange(request)
        except _Unanswered:
            if fresh:
                raise why_closed(self._wire) from None
        self._take(secure(self.peer, connect(self.peer), self._beat, self._pace))
        try:
            return replace(self._exchange(request), repeated=True)
        except _Unanswered:
            raise why_closed(self._wire) from None

    def _take(self, wire: Wire) -> None:
        origin = httpcore.Origin(b"https", self.peer.host.encode(), self.peer.port)
        self._wire = wire
        self._http = httpcore.HTTP11Connection(origin, wire)

    def _request(
        self, method: str, resource: str, headers: Mapping[str, str], content: Iterable[bytes], size: int
    ) -> httpcore.Request:
        sent = {
            "Host": self.peer.address,
            "User-Agent": IMPLEMENTATION_VERSION_NAME,
            "Accept-Encoding": "identity",  # without it any coding may come (RFC 9110 section 12.5.3)
            **headers,
        }
        if authorization := self.peer.authorization():
            sent["Authorization"] = authorization
        if size:
            sent["Content-Length"] = str(size)
        timeouts = self.peer.timeouts
        return httpcore.Request(
            method,
            httpcore.URL(
                scheme=b"https",
                host=self.peer.host.encode(),
                port=self.peer.port,
                target=self.peer.target(resource).encode("ascii"),
            ),
            headers=list(sent.items()),
            content=content,
            extensions={"timeout": {"write": timeouts.stall_s, "read": timeouts.for_response(size)}},
        )

    def _exchange(self, request: httpcore.Request) -> HttpAnswer:
        self._wire.begin()
        try:
            response = self._http.handle_request(request)
            try:
                body = self._body(response)
            finally:
                response.close()
        except httpcore.RemoteProtocolError as fault:
            self.close()
            raise self._protocol_fault() from fault
        except GatewayError:
            self.close()
            raise
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return HttpAnswer(response.status, headers, _uncoded(body, headers.get("content-encoding", "")))

    def _body(self, response: httpcore.Response) -> bytes:
        body = bytearray()
        for block in response.iter_stream():
            body += block
            if len(body) > _LARGEST_ANSWER:
                raise link_faults.protocol_fault(self.peer, "its answer does not end")
        return bytes(body)

    def _protocol_fault(self) -> Exception:
        if not self._wire.heard:
            return _Unanswered()
        if self._wire.ended:
            closed = ConnectionResetError(0, "closed in the middle of its answer")
            return link_faults.broken(self.peer, closed, Phase.RESPONSE)
        return link_faults.protocol_fault(self.peer, "its answer is not HTTP/1.1")


def _uncoded(body: bytes, coding: str) -> bytes:
    """A body without the coding that was not asked for; as it came if it is not what it says, or grows without end."""
    if coding.strip().lower() not in _GZIP or not body:
        return body
    unpacker = zlib.decompressobj(_EITHER_HEADER)
    try:
        plain = unpacker.decompress(body, _LARGEST_ANSWER)
    except zlib.error:
        return body
    return plain if unpacker.eof else body


class _Unanswered(Exception):  # noqa: N818 - told apart inside this file only
    """The connection ended before a byte of answer came."""
