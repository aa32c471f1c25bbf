"""Settings of one DICOM peer: where it is, what both sides are called, how long to wait and how much to send."""

from dataclasses import dataclass, field

from gateway.dimse.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each phase may take, in seconds.

    `response_s_per_megabyte` is added to `response_s` for every 10**6 bytes of a stored object, because an archive
    may write the whole object before it answers. `stall_s` bounds how long unacknowledged or undrained bytes wait.
    Resolving a name has the time-out of the system's resolver.
    """

    connect_s: float = 10.0
    tls_s: float = 15.0
    association_s: float = 30.0
    response_s: float = 60.0
    response_s_per_megabyte: float = 2.0
    stall_s: float = 60.0
    release_s: float = 5.0

    def for_response(self, size: int) -> float:
        """Seconds to wait for the answer to a request that carried `size` bytes."""
        return self.response_s + self.response_s_per_megabyte * size / 1_000_000


@dataclass(frozen=True, slots=True)
class Peer:
    """One Application Entity that this box calls.

    `name` is the configured name, used in sentences. `max_pdu_bytes` is the longest P-DATA-TF variable field that
    this side receives and, if the peer takes that much, sends (PS3.8 Annex D.1).
    """

    name: str
    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    tls: TlsFiles | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_pdu_bytes: int = 131_072

    @property
    def address(self) -> str:
        """Host and port as a person writes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
