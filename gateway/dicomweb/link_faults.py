"""Why a connection could not be made or broke: name, TCP and TLS faults as sentences with what the loop does.

A certificate that is refused, by either side, is parked: trying at full speed changes nothing. Everything that time
may heal is retried for ever.
"""

import ssl
from collections.abc import Mapping
from types import MappingProxyType

from gateway.dicomweb.peer import StowPeer
from gateway.domain.errors import Disposition, GatewayError, Phase

_RETRY, _PARK = Disposition.RETRY, Disposition.PARK
_KEEPS_TRYING = "The gateway keeps trying; check that the service runs and that the network leads to it."
OUR_CERTIFICATE = "Have its administrator trust this box's certificate, or install a certificate that it trusts."
_ITS_CERTIFICATE = "Install the CA that issued its certificate, or ask its administrator for a valid certificate."
_IS_IT_HTTPS = "Check that host and port of the URL are those of its HTTPS service."

# X509_V_ERR_* of OpenSSL's verification result.
_VERIFY_TEXTS: Mapping[int, str] = MappingProxyType(
    {
        9: "is not valid yet; check the clocks of both sides",
        10: "has expired",
        18: "is self-signed and not among the trusted ones",
        19: "comes from a CA that is not among the trusted ones",
        20: "comes from a CA that is not among the trusted ones",
        21: "comes from a CA that is not among the trusted ones",
        23: "has been revoked",
        26: "was not issued for a server",
        62: "does not name this host",
        64: "does not name this address",
    }
)

# How OpenSSL's reason ends for an alert about our certificate (RFC 8446 section 6.2).
_CERTIFICATE_ALERTS: Mapping[str, str] = MappingProxyType(
    {
        "CERTIFICATE_REQUIRED": "it requires a certificate and this box showed none",
        "CERTIFICATE_EXPIRED": "it finds this box's certificate expired",
        "CERTIFICATE_REVOKED": "it finds this box's certificate revoked",
        "UNKNOWN_CA": "it does not trust the CA of this box's certificate",
        "BAD_CERTIFICATE": "it refuses this box's certificate",
        "UNSUPPORTED_CERTIFICATE": "it cannot use this box's kind of certificate",
        "CERTIFICATE_UNKNOWN": "it refuses this box's certificate",
        "ACCESS_DENIED": "it denies access to this box's certificate",
        "DECRYPT_ERROR": "it cannot verify this box's certificate",
    }
)
_NOTHING_IN_COMMON = (
    "HANDSHAKE_FAILURE", "PROTOCOL_VERSION", "INSUFFICIENT_SECURITY", "NO_SHARED", "UNSUPPORTED_PROTO"
)  # fmt: skip
_NOT_TLS = (
    "WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL"
)  # fmt: skip


def unresolved(peer: StowPeer, fault: OSError) -> GatewayError:
    """The fault when the host name has no address."""
    return GatewayError(
        f"The name {peer.host} of {peer.name} cannot be resolved: {fault.strerror or 'no answer'}.",
        disposition=_RETRY,
        phase=Phase.RESOLVE,
        remedy="The gateway keeps trying; check the name and the name service.",
        code="resolve",
    )


def unreachable(peer: StowPeer, fault: OSError) -> GatewayError:
    """The fault when no address of the service takes a TCP connection."""
    if isinstance(fault, TimeoutError):
        text = f"{peer.name} at {peer.address} does not answer at all (time-out)."
    elif isinstance(fault, ConnectionRefusedError):
        text = f"Nothing listens for {peer.name} at {peer.address} (refused)."
    else:
        text = f"{peer.name} at {peer.address} cannot be reached: {_reason(fault)}."
    return GatewayError(text, disposition=_RETRY, phase=Phase.CONNECT, remedy=_KEEPS_TRYING, code=type(fault).__name__)


def tls_fault(peer: StowPeer, fault: OSError) -> GatewayError:
    """The fault of a TLS handshake, or of a TLS alert that arrived later."""
    text, disposition, remedy, code = _tls_row(peer, fault)
    return GatewayError(
        f"TLS with {peer.name} failed: {text}.", disposition=disposition, phase=Phase.TLS, remedy=remedy, code=code
    )


def is_alert(fault: OSError) -> bool:
    """Whether the other side itself said by a TLS alert why it ends the connection."""
    return "ALERT" in _ssl_reason(fault)


def closed_after_handshake(peer: StowPeer) -> GatewayError:
    """The fault when a TLS 1.3 service closes without a word: a refused certificate whose alert was lost looks so.

    In TLS 1.3 the client's handshake ends before the server has judged the client's certificate. A link failure looks
    the same, so it is retried.
    """
    return GatewayError(
        f"{peer.name} closed the connection right after the TLS handshake, as a service does that does not accept "
        "this box's certificate.",
        disposition=_RETRY,
        phase=Phase.TLS,
        remedy=OUR_CERTIFICATE,
        code="closed",
    )


def broken(peer: StowPeer, fault: OSError, phase: Phase) -> GatewayError:
    """The fault when an open connection ends or stalls: what was under way has an unknown outcome."""
    if isinstance(fault, TimeoutError):
        text = f"The connection to {peer.name} takes no more bytes (time-out)."
    else:
        text = f"The connection to {peer.name} broke: {_reason(fault)}."
    return GatewayError(text, disposition=_RETRY, phase=phase, remedy=_KEEPS_TRYING, code=type(fault).__name__)


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


def _tls_row(peer: StowPeer, fault: OSError) -> tuple[str, Disposition, str, str]:
    if isinstance(fault, ssl.SSLCertVerificationError):
        why = _VERIFY_TEXTS.get(fault.verify_code, "cannot be verified")
        return f"its certificate {why}", _PARK, _ITS_CERTIFICATE, f"verify {fault.verify_code}"
    if isinstance(fault, TimeoutError):
        return "the handshake was not finished in time", _RETRY, _IS_IT_HTTPS, "time-out"
    reason = _ssl_reason(fault)
    if "ALERT" in reason:
        return _alert_row(reason)
    if any(sign in reason for sign in _NOT_TLS):
        return f"what it speaks at {peer.address} is not TLS", _PARK, _IS_IT_HTTPS, reason
    if any(sign in reason for sign in _NOTHING_IN_COMMON):
        return "both sides have no TLS version or cipher in common", _PARK, "Update the older side.", reason
    return f"it ended the handshake ({_reason(fault)})", _RETRY, _IS_IT_HTTPS, reason or type(fault).__name__


def _alert_row(reason: str) -> tuple[str, Disposition, str, str]:
    for sign, text in _CERTIFICATE_ALERTS.items():
        if reason.endswith(sign):
            return text, _PARK, OUR_CERTIFICATE, reason
    if any(sign in reason for sign in _NOTHING_IN_COMMON):
        return "both sides have no TLS version or cipher in common", _PARK, "Update the older side.", reason
    if reason.endswith("UNRECOGNIZED_NAME"):
        return "it does not know the host name that was called", _PARK, "Correct the host name in the URL.", reason
    alert = reason.rpartition("ALERT_")[2].lower().replace("_", " ")
    return f"it sent the alert {alert}", _RETRY, _KEEPS_TRYING, reason


def _reason(fault: OSError) -> str:
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "closed by the other side"
    if isinstance(fault, ssl.SSLError):
        return (_ssl_reason(fault) or "TLS failure").lower().replace("_", " ")
    return (fault.strerror or "closed by the other side").lower()


def _ssl_reason(fault: OSError) -> str:
    """OpenSSL's reason in capitals, for example ``TLSV1_ALERT_UNKNOWN_CA``; empty if there is none."""
    return str(getattr(fault, "reason", None) or "") if isinstance(fault, ssl.SSLError) else ""
