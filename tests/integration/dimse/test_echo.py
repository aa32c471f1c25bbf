"""The echo tells which layer fails, as the page shows it."""

from pathlib import Path

from gateway.dimse.demo_peers import DemoPacs, DemoWorklist
from gateway.dimse.echo import echo
from gateway.dimse.peer import Peer
from tests.integration.dimse.conftest import Peers
from tests.support.pki import Pki
from tests.support.scripted_scp import ScriptedScp, Wire


def layers(peer: Peer) -> list[tuple[str, bool]]:
    steps = echo(peer)
    assert all(step.detail and step.milliseconds >= 0 for step in steps)
    assert all(step.ok or step.remedy for step in steps)
    return [(step.layer, step.ok) for step in steps]


def test_all_layers_of_a_good_peer(tmp_path: Path, pki: Pki, peers: Peers) -> None:
    with DemoPacs(tmp_path, tls=pki.files("pacs")) as pacs:
        steps = echo(peers(pacs.port, tls=pki.files(), host="localhost"))
    assert [(step.layer, step.ok) for step in steps] == [
        (layer, True) for layer in ("name", "connect", "TLS", "association", "echo")
    ]
    assert "TLS 1.3" in steps[2].detail
    assert "CN=pacs" in steps[2].detail
    assert "until" in steps[2].detail


def test_a_plain_peer_has_no_tls_layer(peers: Peers) -> None:
    with DemoWorklist([], tls=None) as ris:
        assert layers(peers(ris.port, called="DEMORIS")) == [
            ("name", True),
            ("connect", True),
            ("association", True),
            ("echo", True),
        ]


def test_the_failing_layer_is_the_last(tmp_path: Path, pki: Pki, peers: Peers) -> None:
    assert layers(peers(1, host="no-such-host.invalid")) == [("name", False)]
    with DemoPacs(tmp_path, tls=pki.files("pacs")) as pacs:
        good = [("name", True), ("connect", True)]
        assert layers(peers(pacs.port, tls=pki.files("rogue"))) == [*good, ("TLS", False)]
        assert layers(peers(pacs.port, tls=pki.files(ca="rogueca"))) == [*good, ("TLS", False)]
        wrong = peers(pacs.port, tls=pki.files(), called="OTHER")
        assert layers(wrong) == [*good, ("TLS", True), ("association", False)]
        port = pacs.port
    assert layers(peers(port)) == [("name", True), ("connect", False)]


def test_an_echo_that_is_not_accepted_or_fails(peers: Peers) -> None:
    def not_accepted(wire: Wire) -> None:
        wire.accept(result=3)
        wire.wait_for_end()

    def fails(wire: Wire) -> None:
        wire.accept()
        context_id, request = wire.read_message()
        wire.respond(context_id, request, Status=0x0122)
        wire.wait_for_end()

    def silent(wire: Wire) -> None:
        wire.accept()
        wire.wait_for_end()

    for script in (not_accepted, fails, silent):
        with ScriptedScp(script) as scp:
            peer = peers(scp.port, hasty=script is silent)
            assert layers(peer)[-2:] == [("association", True), ("echo", False)]
