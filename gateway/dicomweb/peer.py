"""Settings of one DICOMweb service: where it is, who we are to it, how long to wait and how much to send at once."""

import base64
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from gateway.domain.errors import ConfigurationError

_HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class HttpTimeouts:
    """How long each phase may take, in seconds.

    `response_s_per_megabyte` is added to `response_s` for every 10**6 bytes of a request, because an archive may write
    everything before it answers. `stall_s` bounds how long bytes that were sent wait to be taken.
    """

    connect_s: float = 10.0
    tls_s: float = 15.0
    response_s: float = 60.0
    response_s_per_megabyte: float = 2.0
    stall_s: float = 60.0

    def for_response(self, size: int) -> float:
        """Seconds to wait for the answer to a request of `size` bytes."""
        return self.response_s + self.response_s_per_megabyte * size / 1_000_000


class Way(Protocol):
    """What chooses how the kernel sends over one connection."""

    def carry(self, size: int) -> None:
        """Have the kernel send the next piece of `size` bytes that go without a pause as suits the link."""
        ...


class _KernelsOwn:
    """The `Way` that leaves the choice to the kernel."""

    def __init__(self, _: socket.socket) -> None:
        pass

    def carry(self, size: int) -> None:
        """Choose nothing."""


def anonymous() -> str:
    """The authorization of a service that asks for none."""
    return ""


@dataclass(frozen=True, slots=True)
class StowPeer:
    """One DICOMweb service that this box stores to.

    `name` is the configured name, used in sentences; `url` its base, to which ``/studies`` is added. `tls_context` is
    asked at each new connection and `authorization` (the value of that header, empty for none) at each request, so that
    replaced certificates and tokens count at once; both may raise `ConfigurationError`. `way` is made for each
    connection.
    """

    name: str
    url: str
    tls_context: Callable[[], ssl.SSLContext] = field(repr=False)
    authorization: Callable[[], str] = field(default=anonymous, repr=False)
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)
    max_batch_bytes: int = 50_000_000
    max_batch_instances: int = 100
    way: Callable[[socket.socket], Way] = field(default=_KernelsOwn, repr=False)

    @property
    def host(self) -> str:
        """Host name or IP address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """TCP port."""
        return urlsplit(self.url).port or _HTTPS_PORT

    @property
    def address(self) -> str:
        """Host and port as a person writes them, and as the Host header wants them."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def target(self, resource: str) -> str:
        """The request target of `resource`, which begins with a slash."""
        return urlsplit(self.url).path.rstrip("/") + resource


def basic(user: str, password: bytes) -> str:
    """The Authorization header of a user with a password (RFC 7617); raises `ConfigurationError`."""
    if ":" in user or not user:
        raise ConfigurationError("A user name for HTTP is not empty and has no colon.", remedy="Correct the user name.")
    return "Basic " + base64.b64encode(user.encode() + b":" + password).decode("ascii")


def bearer(token: bytes) -> str:
    """The Authorization header of a bearer token (RFC 6750); raises `ConfigurationError`, which never repeats it."""
    text = token.decode("ascii", errors="replace").strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(
            "The bearer token is empty or holds characters that no token has.", remedy="Replace the file of the token."
        )
    return f"Bearer {text}"
