"""Orthanc over mutual TLS: it stores and answers, and every way in which it refuses is named."""

from datetime import date
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian

from gateway.dimse.echo import echo
from gateway.dimse.find import find_worklist
from gateway.dimse.store import StoreSession
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.worklist.query import WorklistFilter, query_identifiers
from gateway.worklist.response import parse_response
from tests.peers.dimse.conftest import Instance, peer_at
from tests.support.peers import Orthanc, write_worklist
from tests.support.pki import Pki
from tests.support.worklist_items import answer

RETRY, PARK = Disposition.RETRY, Disposition.PARK
NAMES = ["शर्मा^सुनीता", "Yamada^Tarou=山田^太郎=やまだ^たろう", "Иванов^Пётр"]


def refused(orthanc: Orthanc, pki: Pki, identity: str, called: str = "TESTPACS") -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        StoreSession.open(peer_at(orthanc.port, called, pki.files(identity)), [("1.2", str(ExplicitVRLittleEndian))])
    return caught.value


def test_the_echo_reaches_the_last_layer(orthanc: Orthanc, pki: Pki) -> None:
    steps = echo(peer_at(orthanc.port, "TESTPACS", pki.files()))
    assert [(step.layer, step.ok) for step in steps] == [
        (layer, True) for layer in ("name", "connect", "TLS", "association", "echo")
    ]


@pytest.mark.parametrize(
    "name", ["JPEG2000.dcm", "SC_rgb_rle.dcm", "JPEG-lossy.dcm", "CT_small.dcm", "examples_ybr_color.dcm"]
)
def test_instances_of_many_transfer_syntaxes_arrive_unchanged(orthanc: Orthanc, pki: Pki, name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    sent = dcmread(path)
    meta = sent.file_meta
    pair = (str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID))
    before = set(orthanc.instances())
    with StoreSession.open(peer_at(orthanc.port, "TESTPACS", pki.files()), [pair]) as session:
        assert pair[1] in session.accepted(pair[0])
        outcome = session.store(
            path,
            sop_class_uid=pair[0],
            sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
            transfer_syntax_uid=pair[1],
        )
    assert outcome.status == 0
    (new,) = set(orthanc.instances()) - before
    held = dcmread(BytesIO(orthanc.file_of(new)))
    assert held.file_meta.TransferSyntaxUID == pair[1]
    assert held.PixelData == sent.PixelData
    assert held.PatientID == sent.PatientID


def test_one_association_carries_many_and_a_resend_makes_no_second(
    orthanc: Orthanc, pki: Pki, instance: Instance
) -> None:
    path, sop_class, uid, syntax = instance
    before = len(orthanc.instances())
    with StoreSession.open(peer_at(orthanc.port, "TESTPACS", pki.files()), [(sop_class, syntax)]) as session:
        for _ in range(20):
            session.store(path, sop_class_uid=sop_class, sop_instance_uid=uid, transfer_syntax_uid=syntax)
            assert session.usable()
    assert len(orthanc.instances()) == before + 1


@pytest.mark.parametrize(
    ("identity", "words"), [("rogue", "does not trust the CA"), ("expired", "expired"), ("", "showed none")]
)
def test_a_refused_certificate_is_named_though_tls_1_3_tells_it_late(
    orthanc: Orthanc, pki: Pki, identity: str, words: str
) -> None:
    fault = refused(orthanc, pki, identity)
    assert (fault.phase, fault.disposition) == (Phase.TLS, PARK)
    assert words in fault.message


def test_a_wrong_ae_title_is_named(orthanc: Orthanc, pki: Pki) -> None:
    fault = refused(orthanc, pki, "box", called="OTHER")
    assert (fault.phase, fault.disposition, fault.code) == (Phase.NEGOTIATE, PARK, "1/1/7")


def test_a_distrusted_pacs_is_named(orthanc: Orthanc, pki: Pki) -> None:
    steps = echo(peer_at(orthanc.port, "TESTPACS", pki.files(ca="rogueca")))
    assert (steps[-1].layer, steps[-1].ok) == ("TLS", False)
    assert "CA that is not among" in steps[-1].detail


def test_plain_dicom_on_the_tls_port_points_to_tls(orthanc: Orthanc) -> None:
    steps = echo(peer_at(orthanc.port, "TESTPACS"))
    assert not steps[-1].ok
    assert "TLS" in steps[-1].remedy


def test_tls_on_a_plain_port_points_to_plain(tmp_path: Path, pki: Pki) -> None:
    with Orthanc(tmp_path / "plain", None) as plain:
        assert echo(peer_at(plain.port, "TESTPACS"))[-1].ok
        steps = echo(peer_at(plain.port, "TESTPACS", pki.files()))
    assert (steps[-1].layer, steps[-1].ok) == ("TLS", False)
    assert "plain DICOM" in steps[-1].remedy


def test_its_worklist_over_tls(orthanc: Orthanc, pki: Pki) -> None:
    items = []
    for number, name in enumerate(NAMES):
        item = answer(PatientName=name, PatientID=f"P{number}", StudyInstanceUID=f"1.2.{number}")
        item.SpecificCharacterSet = "ISO_IR 192"
        items.append(item)
    write_worklist(orthanc.worklists, items)
    peer = peer_at(orthanc.port, "TESTPACS", pki.files())
    found = find_worklist(peer, query_identifiers(WorklistFilter(modalities=("OP",)), date(2026, 11, 21)))
    steps = [
        parse_response(item, provider="HIS", zone=ZoneInfo("Asia/Kolkata"), assumed_character_set=None)
        for item in found.identifiers
    ]
    assert {step.patient.patient_id: step.patient.name for step in steps} == {
        f"P{n}": name for n, name in enumerate(NAMES)
    }
    assert all(step.usable and step.start is not None for step in steps)
    (one,) = find_worklist(peer, query_identifiers(WorklistFilter(patient_id="P1"), date(2026, 11, 21))).identifiers
    assert one.PatientID == "P1"
