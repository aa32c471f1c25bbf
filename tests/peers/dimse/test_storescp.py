"""DCMTK's storescp with its fault switches."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000, ImplicitVRLittleEndian

from gateway.dimse.peer import Peer
from gateway.dimse.store import StoreSession
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import StoreOutcome
from tests.peers.dimse.conftest import Instance, peer_at
from tests.support.peers import StoreScp
from tests.support.pki import Pki

RETRY, PARK = Disposition.RETRY, Disposition.PARK


def send(peer: Peer, instance: Instance) -> StoreOutcome:
    path, sop_class, uid, syntax = instance
    with StoreSession.open(peer, [(sop_class, syntax)]) as session:
        return session.store(path, sop_class_uid=sop_class, sop_instance_uid=uid, transfer_syntax_uid=syntax)


@pytest.mark.parametrize("options", [(), ("-pdu", "4096"), ("--abort-after",)])
def test_an_instance_arrives_whatever_the_pdu_size(
    tmp_path: Path, pki: Pki, instance: Instance, options: tuple[str, ...]
) -> None:
    with StoreScp(tmp_path, pki, *options) as scp:
        peer = peer_at(scp.port, "STORESCP", pki.files())
        if options == ("--abort-after",):
            with pytest.raises(GatewayError, match="abort") as caught:
                send(peer, instance)
            assert (caught.value.disposition, caught.value.phase) == (RETRY, Phase.RESPONSE)
        else:
            assert send(peer, instance).status == 0
            (held,) = scp.files()
            assert dcmread(held).SOPInstanceUID == instance[2]


@pytest.mark.parametrize("option", ["--abort-during", "--refuse"])
def test_its_fault_switches_are_all_tried_again(tmp_path: Path, pki: Pki, instance: Instance, option: str) -> None:
    with StoreScp(tmp_path, pki, option) as scp:
        with pytest.raises(GatewayError) as caught:
            send(peer_at(scp.port, "STORESCP", pki.files()), instance)
        assert not scp.files()
    phases = {"--abort-during": {Phase.TRANSFER, Phase.RESPONSE}}
    assert caught.value.phase in phases.get(option, {Phase.NEGOTIATE})
    assert caught.value.disposition is RETRY


def test_we_say_who_we_are(tmp_path: Path, pki: Pki, instance: Instance) -> None:
    with StoreScp(tmp_path, pki, "--reject") as scp:  # rejects callers without an Implementation Class UID
        assert send(peer_at(scp.port, "STORESCP", pki.files()), instance).status == 0


def test_a_slow_goodbye_does_not_unsay_the_answer(tmp_path: Path, pki: Pki, instance: Instance) -> None:
    with StoreScp(tmp_path, pki, "--sleep-after", "3") as scp:
        assert send(peer_at(scp.port, "STORESCP", pki.files()), instance).status == 0


def test_a_late_answer_is_a_time_out_though_the_peer_may_hold_the_instance(
    tmp_path: Path, pki: Pki, instance: Instance
) -> None:
    with StoreScp(tmp_path, pki, "--sleep-during", "5") as scp:
        with pytest.raises(GatewayError, match="did not answer") as caught:
            send(peer_at(scp.port, "STORESCP", pki.files()), instance)
        assert (caught.value.disposition, caught.value.phase) == (RETRY, Phase.RESPONSE)


def test_a_peer_that_takes_implicit_vr_only_says_so(tmp_path: Path, pki: Pki) -> None:
    path = Path(str(get_testdata_file("JPEG2000.dcm")))
    meta = dcmread(path, stop_before_pixels=True).file_meta
    sop_class, uid = str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID)
    with StoreScp(tmp_path, pki, "+xi") as scp:
        peer = peer_at(scp.port, "STORESCP", pki.files())
        with StoreSession.open(peer, [(sop_class, str(JPEG2000))]) as session:
            assert session.accepted(sop_class) == {ImplicitVRLittleEndian}
        with pytest.raises(GatewayError, match="transfer syntax") as caught:
            send(peer, (path, sop_class, uid, str(JPEG2000)))
    assert (caught.value.disposition, caught.value.phase) == (PARK, Phase.NEGOTIATE)


def test_plain_works_as_well(tmp_path: Path, instance: Instance) -> None:
    with StoreScp(tmp_path, None) as scp:
        assert send(peer_at(scp.port, "STORESCP"), instance).status == 0
        assert len(scp.files()) == 1
