"""DCMTK's storescp with its fault switches."""

import time
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000, ImplicitVRLittleEndian

from gateway.dimse.peer import Peer
from gateway.dimse.store import StoreSession
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import StoreOutcome
from tests.peers.dimse.conftest import HASTY, Instance, peer_at
from tests.support.peers import StoreScp
from tests.support.pki import Pki, make_revocation_list

RETRY, PARK = Disposition.RETRY, Disposition.PARK


def send(peer: Peer, instance: Instance) -> StoreOutcome:
    path, sop_class, uid, syntax = instance
    with StoreSession.open(peer, [(sop_class, syntax)]) as session:
        return session.store(path, sop_class_uid=sop_class, sop_instance_uid=uid, transfer_syntax_uid=syntax)


@pytest.mark.parametrize(
    "options",
    [
        (), ("-pdu", "4096"), ("-pdu", "131072"), ("--fork",), ("-up",), ("+B",), ("-dhl",), ("-pm",), ("+px",),
        ("+pz",), ("-ta", "1"), ("-td", "1"), ("-vc",), ("-ic",), ("-uf",), ("+x=",), ("+xe",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_instance_arrives_whatever_it_is_told(
    tmp_path: Path, pki: Pki, instance: Instance, options: tuple[str, ...]
) -> None:
    with StoreScp(tmp_path, pki, *options) as scp:
        assert send(peer_at(scp.port, "STORESCP", pki.files()), instance).status == 0
        (held,) = scp.files()
        assert dcmread(held).SOPInstanceUID == instance[2]


def test_an_abort_after_the_object_is_tried_again(tmp_path: Path, pki: Pki, instance: Instance) -> None:
    with StoreScp(tmp_path, pki, "--abort-after") as scp:
        with pytest.raises(GatewayError, match="abort") as caught:
            send(peer_at(scp.port, "STORESCP", pki.files()), instance)
        assert (caught.value.disposition, caught.value.phase) == (RETRY, Phase.RESPONSE)


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
            send(peer_at(scp.port, "STORESCP", pki.files(), HASTY), instance)
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


def test_what_it_ignores_it_says_it_has_stored(tmp_path: Path, pki: Pki, instance: Instance) -> None:
    with StoreScp(tmp_path, pki, "--ignore") as scp:
        assert send(peer_at(scp.port, "STORESCP", pki.files()), instance).status == 0
        assert not scp.files(), "which is why a status is no proof where more is asked for"


def test_a_peer_that_hangs_up_on_the_idle_is_called_again(tmp_path: Path, pki: Pki, instance: Instance) -> None:
    _, sop_class, _, syntax = instance
    with StoreScp(tmp_path, pki, "-ts", "1") as scp:
        peer = peer_at(scp.port, "STORESCP", pki.files())
        with StoreSession.open(peer, [(sop_class, syntax)]) as session:
            deadline = time.monotonic() + 10
            while session.usable() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not session.usable(), "so that nothing is sent into the dead association"
        assert send(peer, instance).status == 0
        assert len(scp.files()) == 1


@pytest.mark.parametrize("retired", ["+pa", "+pn"])  # TLS 1.0, and authenticated without encryption
def test_a_peer_without_a_common_cipher_is_named(tmp_path: Path, pki: Pki, instance: Instance, retired: str) -> None:
    with StoreScp(tmp_path, pki, retired) as scp:
        with pytest.raises(GatewayError, match="in common") as caught:
            send(peer_at(scp.port, "STORESCP", pki.files()), instance)
        assert (caught.value.phase, caught.value.disposition) == (Phase.TLS, PARK)
        assert not scp.files()


def test_a_revoked_certificate_is_named(tmp_path: Path, pki: Pki, instance: Instance) -> None:
    revoked = make_revocation_list(pki, "box", tmp_path / "revoked.pem")
    with StoreScp(tmp_path, pki, "+crl", str(revoked), "+crv") as scp:
        with pytest.raises(GatewayError) as caught:
            send(peer_at(scp.port, "STORESCP", pki.files()), instance)
        assert (caught.value.phase, caught.value.disposition) == (Phase.TLS, PARK)
        assert "revoked" in caught.value.message
        assert not scp.files()


def test_a_certificate_is_named_where_one_is_required(tmp_path: Path, pki: Pki, instance: Instance) -> None:
    with StoreScp(tmp_path, pki, "-rc") as scp:
        with pytest.raises(GatewayError) as caught:
            send(peer_at(scp.port, "STORESCP", pki.files("")), instance)
        assert (caught.value.phase, caught.value.disposition) == (Phase.TLS, PARK)
    with StoreScp(tmp_path, pki, "-ic") as scp:
        assert send(peer_at(scp.port, "STORESCP", pki.files("")), instance).status == 0


def test_an_unknown_class_is_refused_in_its_context(tmp_path: Path, instance: Instance) -> None:
    path, _, uid, syntax = instance
    unknown = "1.2.826.0.1.3680043.8.498.1"
    with (
        StoreScp(tmp_path, None) as scp,
        StoreSession.open(peer_at(scp.port, "STORESCP"), [(unknown, syntax)]) as session,
    ):
        with pytest.raises(GatewayError) as caught:
            session.store(path, sop_class_uid=unknown, sop_instance_uid=uid, transfer_syntax_uid=syntax)
        assert (caught.value.phase, caught.value.disposition, caught.value.code) == (Phase.NEGOTIATE, PARK, "context 3")


def test_plain_works_as_well(tmp_path: Path, instance: Instance) -> None:
    with StoreScp(tmp_path, None) as scp:
        assert send(peer_at(scp.port, "STORESCP"), instance).status == 0
        assert len(scp.files()) == 1
