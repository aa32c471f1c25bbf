"""Every status of the C-FIND and N-ACTION tables, said by a scripted peer, is raised as its row says."""

import pytest

from gateway.dimse.commitment import CommitmentSession
from gateway.dimse.query_back import held_instances
from gateway.dimse.status import ACTION_STATUS, FIND_STATUS, PeerRefused
from gateway.domain.commitment import ProofItem, ProofRequest
from gateway.domain.errors import Disposition, Phase
from gateway.domain.identifiers import DestinationName, Uid, mint_uid
from tests.integration.dimse.conftest import Peers
from tests.support.scripted_scp import ScriptedScp, Wire

RETRY, PARK = Disposition.RETRY, Disposition.PARK
ACTION = {
    0x0110: RETRY, 0x0112: PARK, 0x0114: PARK, 0x0115: PARK, 0x0117: PARK, 0x0118: PARK, 0x0119: PARK, 0x0122: PARK,
    0x0123: PARK, 0x0124: PARK, 0x0131: RETRY, 0x0210: RETRY, 0x0211: PARK, 0x0212: PARK, 0x0213: RETRY,
    0x4242: RETRY, 0xC000: RETRY, 0xB000: RETRY, 0xFFFF: RETRY,
}  # fmt: skip
FIND = {
    0x0122: PARK, 0x0124: PARK, 0x0210: RETRY, 0x0211: PARK, 0x0212: PARK, 0x0213: RETRY, 0xA700: RETRY,
    0xA701: RETRY, 0xA900: PARK, 0xA9AB: PARK, 0xC000: RETRY, 0xC123: RETRY, 0x0110: RETRY, 0x4242: RETRY,
    0xFFFF: RETRY,
}  # fmt: skip
ITEMS = (ProofItem(Uid("1.2"), Uid("1.2.1"), Uid("1.2.840.10008.5.1.4.1.1.7"), Uid("1.2.1.1")),)


def saying(status: int) -> ScriptedScp:
    def script(wire: Wire) -> None:
        wire.accept()
        wire.respond(*wire.read_message(), Status=status)
        wire.wait_for_end()

    return ScriptedScp(script)


def test_no_row_is_left_out() -> None:
    assert set(ACTION_STATUS) - {0x0000} <= set(ACTION)
    assert set(FIND_STATUS) - {0x0000, 0xFE00, 0xFF00, 0xFF01} <= set(FIND)


@pytest.mark.parametrize("code", ACTION, ids="{:04X}".format)
def test_a_request_for_commitment_that_is_refused(peers: Peers, code: int) -> None:
    request = ProofRequest(mint_uid(), DestinationName("main"), ITEMS)
    with (
        saying(code) as scp,
        pytest.raises(PeerRefused, match=f"{code:04X}") as caught,
        CommitmentSession.open(peers(scp.port), lambda _: None) as session,
    ):
        session.ask(request)
    assert (caught.value.disposition, caught.value.phase) == (ACTION[code], Phase.COMMIT)
    assert caught.value.remedy


@pytest.mark.parametrize("code", FIND, ids="{:04X}".format)
def test_a_query_that_is_refused(peers: Peers, code: int) -> None:
    with saying(code) as scp, pytest.raises(PeerRefused, match=f"{code:04X}") as caught:
        held_instances(peers(scp.port), ITEMS)
    assert (caught.value.disposition, caught.value.phase) == (FIND[code], Phase.QUERY)
    assert caught.value.remedy
