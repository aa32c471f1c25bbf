"""An archive that shares no code with us stores what was meant, and its commitment is heard on either association."""

from hashlib import sha256
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.dimse.store import StoreSession
from tests.peers.dimse.conftest import peer_at
from tests.support.backlog import owe, write_objects
from tests.support.dicom_files import secondary_capture
from tests.support.forwarding import ForwardRole, Target
from tests.support.node_peers import NodeArchive
from tests.support.ports import free_port

_LISTENER = '[listener]\nport = {port}\nhost = "127.0.0.1"\n'
_PROOF = """\
proof = "commitment"
commitment = {{ idle_s = 0.2, early_s = 0.0, again_s = 0.2, wait_s = {wait_s} }}
"""
COUNT = 5


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize("edge", [8, 1500])
def test_an_instance_is_read_as_it_was_meant(dcmjs: Path, tmp_path: Path, syntax: str, edge: int) -> None:
    path = tmp_path / "instance.dcm"
    pixels = bytes(number * 7 % 251 for number in range(edge)) * edge
    sop_class, uid, used = secondary_capture(path, transfer_syntax=syntax, rows=edge, columns=edge, pixels=pixels)  # type: ignore[arg-type] # a UID is a text
    with NodeArchive(dcmjs, tmp_path) as archive:
        with StoreSession.open(peer_at(archive.port, "PACS"), [(sop_class, used)]) as session:
            outcome = session.store(path, sop_class_uid=sop_class, sop_instance_uid=uid, transfer_syntax_uid=used)
        (said,) = archive.messages(1)
    assert outcome.status == 0
    assert (said["operation"], said["uid"], said["syntax"]) == ("C-STORE", uid, used)
    assert (said["rows"], said["columns"]) == (edge, edge)
    assert said["pixels"] == sha256(dcmread(path).PixelData).hexdigest()


@pytest.mark.parametrize("same_association", [True, False])
def test_its_commitment_is_asked_heard_and_answered(dcmjs: Path, tmp_path: Path, *, same_association: bool) -> None:
    port = free_port()
    with NodeArchive(dcmjs, tmp_path, report_to=0 if same_association else port) as archive:
        proof = _PROOF.format(wait_s=5.0 if same_association else 0.0)
        target = Target("main", f"127.0.0.1:{archive.port}", extra=proof)
        role = ForwardRole(tmp_path / "gateway", [target], more=_LISTENER.format(port=port))
        objects = write_objects(role.spool, COUNT, 4000)
        owe(role.spool, objects, ["main"])
        with role:
            role.await_that(lambda: role.states() == {"committed": COUNT}, 60, "not all are committed")
        said = archive.messages(COUNT + 2)
    stored = [line["uid"] for line in said if line["operation"] == "C-STORE"]
    assert sorted(stored) == sorted(one.sop_instance_uid for one in objects)
    asked = [line["uid"] for line in said if line["operation"] == "N-ACTION"]
    answered = {line["uid"]: line["status"] for line in said if line["operation"] == "N-EVENT-REPORT"}
    assert answered == dict.fromkeys(asked, 0)
    made = {row["transaction_uid"]: row["state"] for row in role.rows("SELECT * FROM commitment")}
    assert made == dict.fromkeys(asked, "reported")
