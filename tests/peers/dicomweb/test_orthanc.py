"""Orthanc's STOW-RS behind nginx with mutual TLS and a password: it stores, answers oddly, and refuses by name."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from gateway.dicomweb.http_session import HttpSession
from gateway.dicomweb.multipart import StowItem
from gateway.dicomweb.probe import LAYERS, probe
from gateway.dicomweb.qido import held_instances
from gateway.dicomweb.store import StowSession
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import StoreOutcome
from tests.support.dicom_files import secondary_capture
from tests.support.dicomweb import Nginx, stow_peer
from tests.support.peers import Orthanc
from tests.support.pki import Pki

PARK = Disposition.PARK
REAL = ["JPEG2000.dcm", "SC_rgb_rle.dcm", "JPEG-lossy.dcm", "CT_small.dcm", "examples_ybr_color.dcm"]


def small(folder: Path, count: int) -> list[StowItem]:
    items = []
    for number in range(count):
        path = folder / f"{number}.dcm"
        _, uid, syntax = secondary_capture(path)
        items.append(StowItem(path, uid, syntax, sent_before=False))
    return items


def junk(folder: Path) -> StowItem:
    path = folder / "junk.dcm"
    path.write_bytes(bytes(128) + b"DICM" + b"no data set at all" * 100)
    return StowItem(path, "1.2.3.4.5", "1.2.840.10008.1.2.1")


def test_instances_of_many_transfer_syntaxes_arrive_unchanged(orthanc: Orthanc, nginx: Nginx, pki: Pki) -> None:
    items = []
    for name in REAL:
        path = Path(str(get_testdata_file(name)))
        meta = dcmread(path, stop_before_pixels=True).file_meta
        items.append(StowItem(path, str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID)))
    with StowSession.open(stow_peer(nginx.url, pki)) as session:
        found = dict(session.store_batch(items))
    assert found == {item: StoreOutcome(0, "", item.transfer_syntax_uid) for item in items}
    held = {str(one.SOPInstanceUID): one for one in (dcmread(BytesIO(orthanc.file_of(n))) for n in orthanc.instances())}
    for item in items:
        sent = dcmread(item.path)
        assert held[item.sop_instance_uid].PixelData == sent.PixelData
        assert held[item.sop_instance_uid].file_meta.TransferSyntaxUID == item.transfer_syntax_uid


def test_a_batch_with_junk_stores_the_good_ones_and_parks_the_junk(
    orthanc: Orthanc, nginx: Nginx, pki: Pki, tmp_path: Path
) -> None:
    first, second = small(tmp_path, 2)
    bad = junk(tmp_path)
    before = len(orthanc.instances())
    with StowSession.open(stow_peer(nginx.url, pki)) as session:
        found = dict(session.store_batch([first, bad, second]))
    assert isinstance(found[first], StoreOutcome)
    assert isinstance(found[second], StoreOutcome)
    fault = found[bad]
    assert isinstance(fault, GatewayError)
    assert (fault.disposition, fault.code) == (PARK, "HTTP 400")
    assert len(orthanc.instances()) == before + 2


def test_a_resend_makes_no_second_object(orthanc: Orthanc, nginx: Nginx, pki: Pki, tmp_path: Path) -> None:
    items = small(tmp_path, 20)
    before = len(orthanc.instances())
    with StowSession.open(stow_peer(nginx.url, pki)) as session:
        for _ in range(3):
            assert all(isinstance(result, StoreOutcome) for _, result in session.store_batch(items))
        assert session.usable()
    assert len(orthanc.instances()) == before + 20


def test_a_query_tells_what_is_held(nginx: Nginx, pki: Pki, tmp_path: Path) -> None:
    items = small(tmp_path, 25)
    peer = stow_peer(nginx.url, pki)
    with StowSession.open(peer) as session:
        list(session.store_batch(items))
    uids = [item.sop_instance_uid for item in items]
    query = HttpSession.open(peer)
    assert held_instances(query, [*uids, "1.2.3.4.5.6"]) == frozenset(uids)
    query.close()


def test_nginx_that_takes_only_small_requests_gets_small_requests(orthanc: Orthanc, pki: Pki, tmp_path: Path) -> None:
    items = small(tmp_path, 6)
    with (
        Nginx(tmp_path / "narrow", pki, orthanc, largest="1500") as narrow,
        StowSession.open(stow_peer(narrow.url, pki)) as session,
    ):
        found = dict(session.store_batch(items))
        assert session.most_bytes < 1500
    assert all(isinstance(result, StoreOutcome) for result in found.values())


def test_nginx_that_refuses_a_request_before_it_was_sent_is_heard(orthanc: Orthanc, pki: Pki, tmp_path: Path) -> None:
    """Its default limit, and a request of eight times that: the refusal comes while the body is on its way."""
    items = []
    for number in range(16):
        path = tmp_path / f"{number}.dcm"
        _, uid, syntax = secondary_capture(path, rows=500, columns=1024)
        items.append(StowItem(path, uid, syntax, sent_before=False))
    before = len(orthanc.instances())
    with (
        Nginx(tmp_path / "default", pki, orthanc, largest="1m") as narrow,
        StowSession.open(stow_peer(narrow.url, pki)) as session,
    ):
        found = dict(session.store_batch(items))
        assert session.most_bytes < 1_100_000
    assert [type(result) for result in found.values()] == [StoreOutcome] * 16
    assert len(orthanc.instances()) == before + 16


def test_the_probe_reaches_the_service(nginx: Nginx, pki: Pki) -> None:
    steps = probe(stow_peer(nginx.url, pki))
    assert [(step.layer, step.ok) for step in steps] == [(layer, True) for layer in LAYERS]
    assert "CN=pacs" in steps[2].detail


@pytest.mark.parametrize(
    ("shown", "layer", "words"),
    [
        ({"identity": ""}, "TLS", "showed none"),
        ({"identity": "rogue"}, "TLS", "refuses this box's certificate"),
        ({"identity": "expired"}, "TLS", "refuses this box's certificate"),
        ({"ca": "rogueca"}, "TLS", "CA that is not among"),
        ({"password": b"wrong"}, "service", "credentials"),
        ({"password": b""}, "service", "credentials"),
    ],
)
def test_each_refusal_is_named_at_its_layer(
    nginx: Nginx, pki: Pki, shown: dict[str, Any], layer: str, words: str
) -> None:
    last = probe(stow_peer(nginx.url, pki, **shown))[-1]
    assert (last.layer, last.ok) == (layer, False)
    assert words in last.detail
    assert last.remedy


def test_a_wrong_path_and_a_port_without_tls_are_named(orthanc: Orthanc, nginx: Nginx, pki: Pki) -> None:
    nowhere = probe(stow_peer(f"{nginx.url}/nowhere", pki))[-1]
    assert (nowhere.layer, nowhere.ok) == ("service", False)
    assert "URL" in nowhere.remedy
    plain = probe(stow_peer(f"https://localhost:{orthanc.http_port}/dicom-web", pki))[-1]
    assert (plain.layer, plain.ok) == ("TLS", False)
    assert "not TLS" in plain.detail


def test_a_wrong_password_is_raised_for_the_whole_batch(
    orthanc: Orthanc, nginx: Nginx, pki: Pki, tmp_path: Path
) -> None:
    before = len(orthanc.instances())
    with (
        StowSession.open(stow_peer(nginx.url, pki, password=b"wrong")) as session,
        pytest.raises(GatewayError) as caught,
    ):
        list(session.store_batch(small(tmp_path, 3)))
    assert (caught.value.code, caught.value.disposition) == ("HTTP 401", PARK)
    assert caught.value.phase is Phase.RESPONSE
    assert len(orthanc.instances()) == before
