"""Why a link to a peer could not be made or broke: name, TCP and TLS faults as sentences with what the loop does.

A certificate that is refused, by either side, is parked: trying at full speed changes nothing. Everything that time
may heal is retried for ever.
"""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from gateway.domain.errors import Disposition, GatewayError, Phase

_RETRY, _PARK = Disposition.RETRY, Disposition.PARK
OUR_CERTIFICATE = "Have its administrator trust this box's certificate, or install a certificate that it trusts."
_ITS_CERTIFICATE = "Install the CA that issued its certificate, or ask its administrator for a valid certificate."

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

# Substrings of OpenSSL's reason for an alert that the peer sent about our certificate (RFC 8446 section 6.2).
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
_AGREEMENT_ALERTS = ("HANDSHAKE_FAILURE", "PROTOCOL_VERSION", "INSUFFICIENT_SECURITY", "NO_SHARED", "UNSUPPORTED_PROTO")
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "UNKNOWN_PROTOCOL",
)


class Called(Protocol):
    """A peer as it is called: its name in the configuration, its host, and where it is reached."""

    @property
    def name(self) -> str:
        """Name in the configuration."""
        ...

    @property
    def host(self) -> str:
        """Host name or address."""
        ...

    @property
    def address(self) -> str:
        """Host and port in words."""
        ...


@dataclass(frozen=True, slots=True)
class LinkFaults:
    """The faults of links of one protocol.

    `keeps_trying` says what the gateway does about trouble, and what to look at meanwhile; `wrong_door` what to check
    when the other side seems to speak another protocol.
    """

    keeps_trying: str
    wrong_door: str

    def unresolved(self, peer: Called, fault: OSError) -> GatewayError:
        """The fault when the host name has no address."""
        return GatewayError(
            f"The name {peer.host} of {peer.name} cannot be resolved: {fault.strerror or 'no answer'}.",
            disposition=_RETRY,
            phase=Phase.RESOLVE,
            remedy="The gateway keeps trying; check the name and the name service.",
            code="resolve",
        )

    def unreachable(self, peer: Called, fault: OSError) -> GatewayError:
        """The fault when no address of the peer takes a TCP connection."""
        if isinstance(fault, TimeoutError):
            text = f"{peer.name} at {peer.address} does not answer at all (time-out)."
        elif isinstance(fault, ConnectionRefusedError):
            text = f"Nothing listens for {peer.name} at {peer.address} (refused)."
        else:
            text = f"{peer.name} at {peer.address} cannot be reached: {reason_of(fault)}."
        return self._retry(text, Phase.CONNECT, type(fault).__name__)

    def broken(self, peer: Called, fault: OSError, phase: Phase) -> GatewayError:
        """The fault when an established link ends or stalls: what was under way has an unknown outcome."""
        if isinstance(fault, TimeoutError):
            text = f"The link to {peer.name} takes or brings no more bytes (time-out)."
        else:
            text = f"The link to {peer.name} broke: {reason_of(fault)}."
        return self._retry(text, phase, type(fault).__name__)

    def closed_after_handshake(self, peer: Called) -> GatewayError:
        """The fault when a TLS 1.3 peer closes without a word before it has sent anything.

        In TLS 1.3 the client's handshake ends before the server has judged the client's certificate, so this is what
        a refused certificate looks like when the alert is lost. A link failure looks the same, so it is retried.
        """
        return GatewayError(
            f"TLS with {peer.name} failed: it closed the link right after the handshake, as a peer does that "
            "does not accept this box's certificate.",
            disposition=_RETRY,
            phase=Phase.TLS,
            remedy=OUR_CERTIFICATE,
            code="closed",
        )

    def tls_fault(self, peer: Called, fault: OSError) -> GatewayError:
        """The fault of a TLS handshake, or of a TLS alert that arrived later."""
        text, disposition, remedy, code = self._tls_row(peer, fault)
        return GatewayError(
            f"TLS with {peer.name} failed: {text}.", disposition=disposition, phase=Phase.TLS, remedy=remedy, code=code
        )

    def _retry(self, text: str, phase: Phase, code: str) -> GatewayError:
        return GatewayError(text, disposition=_RETRY, phase=phase, remedy=self.keeps_trying, code=code)

    def _tls_row(self, peer: Called, fault: OSError) -> tuple[str, Disposition, str, str]:
        if isinstance(fault, ssl.SSLCertVerificationError):
            why = _VERIFY_TEXTS.get(fault.verify_code, "cannot be verified")
            return f"its certificate {why}", _PARK, _ITS_CERTIFICATE, f"verify {fault.verify_code}"
        if isinstance(fault, TimeoutError):
            return "the handshake was not finished in time", _RETRY, self.wrong_door, "time-out"
        reason = _ssl_reason(fault)
        if "ALERT" in reason:
            return self._alert_row(reason)
        if any(sign in reason for sign in _NOT_TLS):
            return f"what it speaks at {peer.address} is not TLS", _PARK, self.wrong_door, reason
        if any(sign in reason for sign in _AGREEMENT_ALERTS):
            return "both sides have no TLS version or cipher in common", _PARK, "Update the older side.", reason
        return f"it ended the handshake ({reason_of(fault)})", _RETRY, self.wrong_door, reason or type(fault).__name__

    def _alert_row(self, reason: str) -> tuple[str, Disposition, str, str]:
        for sign, text in _CERTIFICATE_ALERTS.items():
            if reason.endswith(sign):
                return text, _PARK, OUR_CERTIFICATE, reason
        if any(sign in reason for sign in _AGREEMENT_ALERTS):
            return "both sides have no TLS version or cipher in common", _PARK, "Update the older side.", reason
        if reason.endswith("UNRECOGNIZED_NAME"):
            return "it does not know the host name that was called", _PARK, "Correct the host name.", reason
        alert = reason.rpartition("ALERT_")[2].lower().replace("_", " ")
        return f"it sent the alert {alert}", _RETRY, self.keeps_trying, reason


def is_alert(fault: OSError) -> bool:
    """Whether the peer itself said by a TLS alert why it ends the link."""
    return "ALERT" in _ssl_reason(fault)


def reason_of(fault: OSError) -> str:
    """Why a link ended, in a few words."""
    if isinstance(fault, socket.gaierror):
        return "name not resolved"
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "closed by the peer"
    if isinstance(fault, ssl.SSLError):
        return (_ssl_reason(fault) or "TLS failure").lower().replace("_", " ")
    return (fault.strerror or "closed by the peer").lower()


def _ssl_reason(fault: OSError) -> str:
    """OpenSSL's reason in capitals, for example ``TLSV1_ALERT_UNKNOWN_CA``; empty if there is none."""
    return str(getattr(fault, "reason", None) or "") if isinstance(fault, ssl.SSLError) else ""
