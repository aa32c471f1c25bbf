"""The demo PACS, judged by pynetdicom's own requestor instead of ours."""

from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE

from gateway.dimse.demo_peers import DemoPacs
from tests.integration.dimse.conftest import Instance
from tests.support.dcmtk import rejected_call


def test_it_stores_tells_and_answers(tmp_path: Path, instance: Instance) -> None:
    told: list[Path] = []
    with DemoPacs(tmp_path / "rx", tls=None, on_stored=told.append) as pacs:
        assert pacs.stored() == []
        caller = AE(ae_title="BOX")
        caller.add_requested_context(instance.sop_class_uid, [ExplicitVRLittleEndian])
        caller.add_requested_context("1.2.840.10008.1.1")
        association = caller.associate("127.0.0.1", pacs.port, ae_title="DEMOPACS")
        assert association.is_established
        assert association.send_c_echo().Status == 0
        dataset = dcmread(instance.path)
        assert association.send_c_store(dataset).Status == 0
        dataset.SOPInstanceUID = "1.2.3"
        assert association.send_c_store(dataset).Status == 0
        association.release()
        assert pacs.stored() == sorted(told)
        assert {dcmread(path).SOPInstanceUID for path in pacs.stored()} == {instance.sop_instance_uid, "1.2.3"}


def test_a_folder_that_cannot_be_written_is_out_of_resources(tmp_path: Path, instance: Instance) -> None:
    (tmp_path / "rx").mkdir()
    (tmp_path / "rx" / f"{instance.sop_instance_uid}.part").mkdir()
    with DemoPacs(tmp_path / "rx", tls=None) as pacs:
        caller = AE(ae_title="BOX")
        caller.add_requested_context(instance.sop_class_uid, [ExplicitVRLittleEndian])
        association = caller.associate("127.0.0.1", pacs.port, ae_title="DEMOPACS")
        assert association.send_c_store(dcmread(instance.path)).Status == 0xA700
        association.release()


def test_it_answers_only_by_its_name(tmp_path: Path) -> None:
    with DemoPacs(tmp_path, tls=None) as pacs:
        assert "Called AE Title Not Recognized" in rejected_call(pacs.port, "OTHER")
