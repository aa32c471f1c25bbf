"""What goes wrong on a connection to a DICOMweb service, in sentences with what the loop does about it."""

from gateway.dicomweb.peer import StowPeer
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.link_faults import OUR_CERTIFICATE, LinkFaults, is_alert

__all__ = [
    "OUR_CERTIFICATE",
    "broken",
    "closed_after_handshake",
    "is_alert",
    "protocol_fault",
    "silent",
    "tls_fault",
    "unreachable",
    "unresolved",
]

_RETRY = Disposition.RETRY
_FAULTS = LinkFaults(
    keeps_trying="The gateway keeps trying; check that the service runs and that the network leads to it.",
    wrong_door="Check that host and port of the URL are those of its HTTPS service.",
)
unresolved = _FAULTS.unresolved
unreachable = _FAULTS.unreachable
tls_fault = _FAULTS.tls_fault
broken = _FAULTS.broken
closed_after_handshake = _FAULTS.closed_after_handshake


def silent(peer: StowPeer, seconds: float) -> GatewayError:
    """The fault when an answer does not come, or not to its end, in time."""
    return GatewayError(
        f"{peer.name} did not finish its answer within {seconds:.0f} s.",
        disposition=_RETRY,
        phase=Phase.RESPONSE,
        remedy="The gateway keeps trying; if this lasts, the service may be overloaded or the time-out too short.",
        code="time-out",
    )


def protocol_fault(peer: StowPeer, what: str) -> GatewayError:
    """The fault when what comes back is not what HTTP or DICOMweb allow."""
    return GatewayError(
        f"{peer.name} broke the protocol: {what}.",
        disposition=_RETRY,
        phase=Phase.RESPONSE,
        remedy="The gateway keeps trying; if this lasts, check that the URL is that of a DICOMweb service.",
        code="protocol",
    )
