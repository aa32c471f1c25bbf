"""Rejection notes through the loop that makes them: what fails is said and tried anew, and a damaged one made again."""

from dataclasses import replace
from pathlib import Path

from pydicom import dcmread

from gateway.bootstrap.people import ask
from gateway.bootstrap.rebuild import rebuild_stage
from gateway.bootstrap.roles import prepare
from gateway.domain.checkpoints import pass_by
from gateway.domain.corrections import KEY_OBJECT_SELECTION
from gateway.domain.instance import StoreOutcome
from gateway.domain.objects import Station
from gateway.domain.procedure import Patient
from gateway.domain.requests import RequestKind
from gateway.spool.files import digest_of
from gateway.spool.rejections import RejectionLedger
from gateway.spool.snapshots import step_to_text
from gateway.stages.reject import RejectStage
from tests.support.corrections import put_right, send
from tests.support.dcmtk import storescp
from tests.support.house import House
from tests.support.ledger import TestSpool, step
from tests.support.ports import free_port

STATION = Station("Room 1", "BOX", "Clinic", "1.0")


def stage(spool: TestSpool) -> RejectStage:
    return RejectStage(
        notes=RejectionLedger(spool.database, spool.clock),
        health=spool.health,
        files=spool.files,
        station=STATION,
        passage=pass_by,
        beat=lambda: None,
    )


def keys(spool: TestSpool) -> list[str]:
    return [issue.key for issue in spool.status.issues()]


def remember(spool: TestSpool, number: int, patient_id: str) -> None:
    """Have the ledger say that an acquisition was built for this patient id."""
    about = replace(step(1), patient=Patient(patient_id))
    spool.run_sql("UPDATE acquisition SET step_snapshot = ? WHERE id = ?", step_to_text(about), number)


def test_a_note_that_cannot_be_made_is_an_issue_and_tried_by_the_next_run(spool: TestSpool) -> None:
    first, second = spool.deliverable(content=b"one"), spool.deliverable(content=b"two", exam_key="exam-2")
    send(spool, "main", StoreOutcome(0), 9)
    put_right(spool, [first])
    put_right(spool, [second])
    remember(spool, first, "X" * 80)
    remember(spool, second, "P1")
    work = stage(spool)
    while work.round() == 0.0:
        pass
    assert keys(spool) == ["reject.failed"]
    (made,) = spool.rows("SELECT * FROM delivery WHERE state = 'pending'")
    assert made["acquisition"] == second, "one that fails does not hold up another"
    remember(spool, first, "P1")
    again = stage(spool)
    while again.round() == 0.0:
        pass
    assert keys(spool) == []
    due = spool.deliveries.claim_due("main", spool.run("forward"), 9)
    assert {delivery.spooled.sop_class_uid for delivery in due} == {KEY_OBJECT_SELECTION}
    for delivery in due:
        path = spool.root / delivery.spooled.path
        assert digest_of(path) == delivery.spooled.digest
        assert dcmread(path).PatientID == "P1"


def test_a_damaged_note_is_made_again_with_the_same_bytes(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path / "house", port)
    house.drop(1, of_order=1)
    with storescp(tmp_path / "pacs", port):
        house.live_through()
        payload = {"acquisitions": "1", "step": "4", "reason": "wrong patient open", "operator": "Asha"}
        assert ask(house.settings, RequestKind.CORRECT, payload, by="console").ok
        assert house.live("assemble") == 0
        (path,) = [one for one in (house.spool / "instances").rglob("*.dcm") if is_note(one)]
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 0xFF]))
        assert house.live("forward") == 0
        assert note_states(house) == ["parked"]
        parts = prepare(house.settings, "assemble", pass_by)
        database = parts.open_database()
        assert rebuild_stage(parts, database, lambda: None).round() == 0.0
        database.close()
        assert path.read_bytes() == whole
        assert house.live("forward") == 0
    assert note_states(house) == ["stored"]


def is_note(path: Path) -> bool:
    return str(dcmread(path, stop_before_pixels=True).SOPClassUID) == KEY_OBJECT_SELECTION


def note_states(house: House) -> list[str]:
    return [one.state for row in house.status().acquisitions() for one in row.deliveries if one.is_note]
