"""Every way in which a link fails has a phase, a disposition and words; certificates are never a network matter."""

import ssl

import pytest

from gateway.dimse import link_faults
from gateway.dimse.peer import Peer
from gateway.domain.errors import Disposition, Phase

PEER = Peer("Main PACS", "pacs.example", 2762, "MAIN", "BOX")
RETRY, PARK = Disposition.RETRY, Disposition.PARK


def ssl_fault(reason: str) -> ssl.SSLError:
    fault = ssl.SSLError(1, reason)
    fault.reason = reason
    return fault


@pytest.mark.parametrize(
    ("reason", "disposition", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", PARK, "showed none"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", PARK, "expired"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", PARK, "revoked"),
        ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", PARK, "refuses"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", PARK, "refuses"),
        ("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", PARK, "kind"),
        ("TLSV1_ALERT_UNKNOWN_CA", PARK, "does not trust"),
        ("TLSV1_ALERT_ACCESS_DENIED", PARK, "denies"),
        ("TLSV1_ALERT_DECRYPT_ERROR", PARK, "cannot verify"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", PARK, "in common"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", PARK, "in common"),
        ("TLSV1_ALERT_INSUFFICIENT_SECURITY", PARK, "in common"),
        ("TLSV1_UNRECOGNIZED_NAME", RETRY, "ended the handshake"),
        ("TLSV1_ALERT_UNRECOGNIZED_NAME", PARK, "host name"),
        ("TLSV1_ALERT_INTERNAL_ERROR", RETRY, "internal error"),
        ("WRONG_VERSION_NUMBER", PARK, "not TLS"),
        ("RECORD_LAYER_FAILURE", PARK, "not TLS"),
        ("NO_SHARED_CIPHER", PARK, "in common"),
        ("SOMETHING_NEW", RETRY, "something new"),
    ],
)
def test_alerts_and_other_tls_faults(reason: str, disposition: Disposition, words: str) -> None:
    fault = link_faults.tls_fault(PEER, ssl_fault(reason))
    assert (fault.phase, fault.disposition) == (Phase.TLS, disposition)
    assert words in fault.message
    assert fault.remedy


@pytest.mark.parametrize(
    ("code", "words"),
    [(9, "clock"), (10, "expired"), (18, "self-signed"), (19, "CA"), (20, "CA"), (21, "CA"), (23, "revoked"),
     (26, "server"), (62, "name this host"), (64, "this address"), (99, "cannot be verified")],
)  # fmt: skip
def test_a_peer_certificate_that_does_not_verify_parks(code: int, words: str) -> None:
    fault = ssl.SSLCertVerificationError(1, "certificate verify failed")
    fault.verify_code = code
    found = link_faults.tls_fault(PEER, fault)
    assert (found.phase, found.disposition) == (Phase.TLS, PARK)
    assert words in found.message


@pytest.mark.parametrize("fault", [TimeoutError(), ConnectionResetError(104, "reset"), ssl.SSLEOFError(8, "EOF")])
def test_a_handshake_that_breaks_off_is_tried_again(fault: OSError) -> None:
    found = link_faults.tls_fault(PEER, fault)
    assert (found.phase, found.disposition) == (Phase.TLS, RETRY)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (TimeoutError(), "does not answer at all"),
        (ConnectionRefusedError(111, "Connection refused"), "Nothing listens"),
        (OSError(113, "No route to host"), "no route to host"),
    ],
)
def test_connect_faults_are_retried(fault: OSError, words: str) -> None:
    found = link_faults.unreachable(PEER, fault)
    assert (found.phase, found.disposition) == (Phase.CONNECT, RETRY)
    assert words in found.message
    assert "pacs.example:2762" in found.message


def test_the_rest_of_the_faults() -> None:
    assert link_faults.unresolved(PEER, OSError(-2, "Name or service not known")).phase is Phase.RESOLVE
    assert link_faults.closed_after_handshake(PEER).phase is Phase.TLS
    assert link_faults.closed_after_handshake(PEER).disposition is RETRY
    assert link_faults.speaks_tls(PEER).disposition is PARK
    assert link_faults.broken(PEER, TimeoutError(), Phase.TRANSFER).phase is Phase.TRANSFER
    assert link_faults.closed_unanswered(PEER, ConnectionResetError(104, "Reset")).phase is Phase.NEGOTIATE
    assert link_faults.silent(PEER, Phase.RESPONSE, "the echo", 3).code == "time-out"
    assert link_faults.protocol_fault(PEER, Phase.RESPONSE, "x").disposition is RETRY
    assert link_faults.is_alert(ssl_fault("TLSV1_ALERT_UNKNOWN_CA"))
    assert not link_faults.is_alert(ConnectionResetError())


def test_an_address_with_colons_is_written_in_brackets() -> None:
    assert Peer("x", "::1", 104, "A", "B").address == "[::1]:104"
