"""What goes wrong on a link to a DICOM peer, in sentences with what the loop does about it."""

from gateway.dimse.peer import Peer
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.link_faults import LinkFaults, is_alert, reason_of

__all__ = [
    "broken",
    "closed_after_handshake",
    "closed_unanswered",
    "is_alert",
    "protocol_fault",
    "silent",
    "speaks_tls",
    "tls_fault",
    "unreachable",
    "unresolved",
]

_RETRY, _PARK = Disposition.RETRY, Disposition.PARK
_PLAIN_OR_TLS = "Check whether this port of the peer expects TLS or plain DICOM."
_FAULTS = LinkFaults(
    keeps_trying="The gateway keeps trying; check that the peer runs and that the network leads to it.",
    wrong_door=_PLAIN_OR_TLS,
)
unresolved = _FAULTS.unresolved
unreachable = _FAULTS.unreachable
tls_fault = _FAULTS.tls_fault
broken = _FAULTS.broken
closed_after_handshake = _FAULTS.closed_after_handshake


def speaks_tls(peer: Peer) -> GatewayError:
    """The fault when a plain association request is answered by a TLS record."""
    return GatewayError(
        f"{peer.name} expects TLS at {peer.address}, and this box is set to speak plain DICOM.",
        disposition=_PARK,
        phase=Phase.TLS,
        remedy=_PLAIN_OR_TLS,
        code="tls expected",
    )


def closed_unanswered(peer: Peer, fault: OSError) -> GatewayError:
    """The fault when a plain link ends before the association request is answered."""
    return GatewayError(
        f"{peer.name} closed the link without answering the association request ({reason_of(fault)}).",
        disposition=_RETRY,
        phase=Phase.NEGOTIATE,
        remedy=_PLAIN_OR_TLS,
        code=type(fault).__name__,
    )


def silent(peer: Peer, phase: Phase, what: str, seconds: float) -> GatewayError:
    """The fault when an answer does not come in time."""
    return GatewayError(
        f"{peer.name} did not answer {what} within {seconds:.0f} s.",
        disposition=_RETRY,
        phase=phase,
        remedy="The gateway keeps trying; if this lasts, the peer may be overloaded or the time-out too short.",
        code="time-out",
    )


def protocol_fault(peer: Peer, phase: Phase, what: str) -> GatewayError:
    """The fault when a peer says what the protocol does not allow."""
    return GatewayError(
        f"{peer.name} broke the protocol: {what}.",
        disposition=_RETRY,
        phase=phase,
        remedy="The gateway keeps trying with a new association; if this lasts, tell the maker of the peer.",
        code="protocol",
    )
