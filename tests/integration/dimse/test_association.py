"""Calling peers that refuse, are silent, are not there, or speak another language: each ends in its own phase."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from gateway.dimse.demo_peers import DemoPacs
from gateway.dimse.negotiation import Proposal
from gateway.dimse.opening import open_association
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import REJECTIONS
from gateway.dimse.store import UNCOMPRESSED
from gateway.domain.errors import ConfigurationError, Disposition, GatewayError, Phase
from tests.integration.dimse.conftest import Peers
from tests.support.pki import Pki
from tests.support.scripted_scp import ScriptedScp, Wire

RETRY, PARK = Disposition.RETRY, Disposition.PARK
ECHO = (Proposal("1.2.840.10008.1.1", UNCOMPRESSED),)


def refused(peer: Peer) -> GatewayError:
    """The fault of calling `peer`."""
    with pytest.raises(GatewayError) as caught:
        open_association(peer, ECHO)
    assert caught.value.remedy
    return caught.value


def sends(data: bytes) -> ScriptedScp:
    """A peer that answers the association request by `data`."""

    def script(wire: Wire) -> None:
        wire.read_pdu()
        wire.sock.sendall(data)
        wire.wait_for_end()

    return ScriptedScp(script)


@pytest.mark.parametrize(("source", "reason"), REJECTIONS)
@pytest.mark.parametrize("result", [1, 2])
def test_every_rejection(peers: Peers, result: int, source: int, reason: int) -> None:
    with sends(bytes([3, 0, 0, 0, 0, 4, 0, result, source, reason])) as scp:
        fault = refused(peers(scp.port))
    assert fault.phase is Phase.NEGOTIATE
    assert fault.code == f"{result}/{source}/{reason}"
    assert fault.disposition is REJECTIONS[source, reason].disposition


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bytes([7, 0, 0, 0, 0, 4, 0, 0, 2, 1]), "abort 2/1"),
        (bytes([7, 0, 0, 0, 0, 4, 0, 0, 0, 0]), "abort 0/0"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol"),
        (bytes([6, 0, 0, 0, 0, 4, 0, 0, 0, 0]), "protocol"),
        (bytes([2, 0, 255, 255, 255, 255]), "protocol"),
        (bytes([2, 0, 0, 0, 0, 4, 0, 1, 0, 0]), "protocol"),
        (bytes([3, 0, 0, 0, 0, 2, 0, 1]), "protocol"),
        (b"", "time-out"),
        (bytes([2, 0, 0, 0, 1, 0, 0, 1]), "time-out"),
    ],
)
def test_answers_that_are_none(peers: Peers, data: bytes, code: str) -> None:
    with sends(data) as scp:
        threads = threading.active_count()
        fault = refused(peers(scp.port, hasty=code == "time-out"))
        assert threading.active_count() <= threads
    assert (fault.phase, fault.disposition, fault.code) == (Phase.NEGOTIATE, RETRY, code)


@pytest.mark.parametrize("reset", [True, False])
def test_a_link_closed_without_an_answer(peers: Peers, reset: bool) -> None:
    def script(wire: Wire) -> None:
        wire.read_pdu()
        if reset:
            wire.reset()

    with ScriptedScp(script) as scp:
        fault = refused(peers(scp.port))
    assert (fault.phase, fault.disposition) == (Phase.NEGOTIATE, RETRY)
    assert "TLS or plain" in fault.remedy


def test_nothing_listens_and_no_such_name(peers: Peers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    assert refused(peers(port)).phase is Phase.CONNECT
    for host in ("no-such-host.invalid", "bad..name", "x" * 300):
        fault = refused(peers(104, host=host))
        assert (fault.phase, fault.disposition) == (Phase.RESOLVE, RETRY)


def test_a_wrong_ae_title_is_parked(tmp_path: Path, pki: Pki, peers: Peers) -> None:
    with DemoPacs(tmp_path, tls=pki.files("pacs")) as pacs:
        fault = refused(peers(pacs.port, tls=pki.files(), called="OTHER"))
    assert (fault.disposition, fault.code) == (PARK, "1/1/7")


@pytest.mark.parametrize(
    "identity",
    [("rogue", "does not trust the CA"), ("", "showed none"), ("expired", "expired")],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_a_certificate_that_the_peer_refuses_is_named_in_both_tls_versions(
    tmp_path: Path, pki: Pki, peers: Peers, identity: tuple[str, str], version: ssl.TLSVersion
) -> None:
    name, words = identity
    with DemoPacs(tmp_path, tls=pki.files("pacs")) as pacs:
        assert pacs._context is not None
        pacs._context.maximum_version = version
        fault = refused(peers(pacs.port, tls=pki.files(name)))
    if version is ssl.TLSVersion.TLSv1_2 and not name:
        words = "in common"  # TLS 1.2 has no alert of its own for a missing certificate
    assert (fault.phase, fault.disposition) == (Phase.TLS, PARK)
    assert words in fault.message


@pytest.mark.parametrize(
    ("shown", "words"), [("rogue", "CA that is not among"), ("expired", "expired"), ("elsewhere", "name this")]
)
def test_a_peer_certificate_that_does_not_verify_is_parked(
    tmp_path: Path, pki: Pki, peers: Peers, shown: str, words: str
) -> None:
    with DemoPacs(tmp_path, tls=pki.files(shown)) as pacs:
        for host in ("localhost", "127.0.0.1"):
            fault = refused(peers(pacs.port, tls=pki.files(), host=host))
            assert (fault.phase, fault.disposition) == (Phase.TLS, PARK)
            assert words in fault.message


def test_without_the_name_check_the_chain_still_counts(tmp_path: Path, pki: Pki, peers: Peers) -> None:
    with DemoPacs(tmp_path, tls=pki.files("elsewhere")) as pacs:
        open_association(peers(pacs.port, tls=pki.files(check_host_name=False)), ECHO).release()
    with DemoPacs(tmp_path, tls=pki.files("rogue")) as pacs:
        assert refused(peers(pacs.port, tls=pki.files(check_host_name=False))).phase is Phase.TLS


def test_tls_to_a_plain_peer_and_plain_to_a_tls_peer(tmp_path: Path, pki: Pki, peers: Peers) -> None:
    with DemoPacs(tmp_path, tls=None) as pacs:
        fault = refused(peers(pacs.port, tls=pki.files()))
        assert (fault.phase, fault.disposition) == (Phase.TLS, PARK)
        assert "not TLS" in fault.message
    with sends(bytes([0x15, 3, 3, 0, 2, 2, 10])) as scp:
        fault = refused(peers(scp.port))
        assert (fault.phase, fault.disposition) == (Phase.TLS, PARK)
        assert "expects TLS" in fault.message
    with DemoPacs(tmp_path, tls=pki.files("pacs")) as pacs:
        fault = refused(peers(pacs.port))
        assert fault.phase in {Phase.TLS, Phase.NEGOTIATE}
        assert "TLS" in fault.remedy


def test_a_peer_that_only_speaks_old_tls(pki: Pki, peers: Peers) -> None:
    def script(wire: Wire) -> None:
        wire.sock.recv(4096)
        wire.sock.sendall(bytes([0x15, 3, 1, 0, 2, 2, 70]))
        wire.wait_for_end()

    with ScriptedScp(script) as scp:
        fault = refused(peers(scp.port, tls=pki.files()))
    assert (fault.phase, fault.disposition) == (Phase.TLS, PARK)
    assert "in common" in fault.message


@pytest.mark.parametrize("behaviour", ["silent", "close", "reset"])
def test_a_handshake_that_does_not_end(pki: Pki, peers: Peers, behaviour: str) -> None:
    def script(wire: Wire) -> None:
        wire.sock.recv(4096)
        if behaviour == "reset":
            wire.reset()
        elif behaviour == "silent":
            wire.sock.recv(1)

    with ScriptedScp(script) as scp:
        fault = refused(peers(scp.port, tls=pki.files(), hasty=behaviour == "silent"))
    assert (fault.phase, fault.disposition) == (Phase.TLS, RETRY)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_a_close_right_after_the_handshake_is_a_tls_matter_that_may_be_the_certificate(
    pki: Pki, peers: Peers, version: ssl.TLSVersion
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.certificate("pacs"), pki.key("pacs"))
    context.maximum_version = version

    def script(wire: Wire) -> None:
        secured = context.wrap_socket(wire.sock, server_side=True)
        Wire(secured).reset()

    with ScriptedScp(script) as scp:
        fault = refused(peers(scp.port, tls=pki.files()))
    assert (fault.phase, fault.disposition) == (Phase.TLS, RETRY)
    assert "certificate" in fault.message


def test_a_missing_tls_file_is_a_matter_of_configuration(tmp_path: Path, pki: Pki, peers: Peers) -> None:
    pki_copy = pki.files()
    missing = type(pki_copy)(tmp_path / "missing.crt", pki_copy.certificate, pki_copy.key)
    with sends(b"") as scp, pytest.raises(ConfigurationError, match=r"missing\.crt"):
        open_association(peers(scp.port, tls=missing), ECHO)


def test_a_crossing_release_is_answered(peers: Peers) -> None:
    answered: list[int] = []

    def script(wire: Wire) -> None:
        wire.accept()
        kind, _ = wire.read_pdu()
        assert kind == 5
        wire.sock.sendall(bytes([5, 0, 0, 0, 0, 4, 0, 0, 0, 0]))
        answered.append(wire.read_pdu()[0])
        wire.sock.sendall(bytes([6, 0, 0, 0, 0, 4, 0, 0, 0, 0]))

    with ScriptedScp(script) as scp:
        open_association(peers(scp.port), ECHO).release()
    assert answered == [6]
