"""Power cuts at every point of a correction: nothing lost, nothing twice, every wrong object named by one note."""

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from gateway.bootstrap.people import clock_of
from gateway.domain.checkpoints import Checkpoint
from gateway.domain.corrections import KEY_OBJECT_SELECTION
from gateway.domain.requests import RequestKind
from gateway.spool.requests import SpoolRequestDesk
from tests.support.dcmtk import storescp
from tests.support.house import House, KillAt
from tests.support.ports import free_port

_BUILDING = (Checkpoint.ASSEMBLE_RESERVED, Checkpoint.ASSEMBLE_RENAMED, Checkpoint.ASSEMBLE_COMMITTED)
POINTS = [*(p for p in Checkpoint if p.value.partition(".")[0] in ("correct", "note")), *_BUILDING]


def held(folder: Path) -> list[Dataset]:
    return [dcmread(path) for path in folder.iterdir()]


def correct(house: House, *numbers: int, order: int) -> None:
    """File the request; the next life of the assembling role carries it out."""
    steps = {step.accession_number: step.number for step in house.status().steps()}
    payload = {
        "acquisitions": ",".join(str(number) for number in numbers),
        "step": str(steps[f"ACC{order:04d}"]),
        "reason": "the wrong patient was open",
        "operator": "Nurse A",
    }
    SpoolRequestDesk(house.spool, clock_of(house.settings)).file(RequestKind.CORRECT, payload, by="page")


@pytest.mark.parametrize("point", [Checkpoint.DELIVER_CLAIMED, Checkpoint.DELIVER_ANSWERED], ids=lambda one: one.value)
def test_a_correction_waits_for_no_run_that_is_gone(tmp_path: Path, point: Checkpoint) -> None:
    """The forward role is killed in the midst of its work and stays away: what it claimed is corrected all the same."""
    port = free_port()
    house = House(tmp_path, port)
    house.drop(1, of_order=1)
    with storescp(tmp_path / "pacs", port):
        assert house.live("capture/camera") == house.live("assemble") == 0
        assert house.live("forward", KillAt(point)) == -9
        correct(house, 1, order=3)
        assert house.live("assemble") == 0
        assert not list((house.spool / "requests").glob("*.json")), "the request is carried out"
        assert house.live("assemble") == 0
        wrong = {str(one.SOPInstanceUID) for one in held(tmp_path / "pacs")}
        assert len(wrong) == (point is Checkpoint.DELIVER_ANSWERED)
        house.live_through()
    objects = held(tmp_path / "pacs")
    images = {str(one.SOPInstanceUID): one.PatientID for one in objects if one.SOPClassUID != KEY_OBJECT_SELECTION}
    assert sorted(images.values()) == ["P1", "P3"][-len(images) :], "what was corrected is sent no more"
    assert {uid for uid, patient in images.items() if patient == "P1"} == wrong
    assert len(objects) - len(images) == 1, "nobody knows whether the PACS has it, so it is told"


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.value)
def test_a_correction_cut_down_is_carried_out_once(tmp_path: Path, point: Checkpoint) -> None:
    port = free_port()
    house = House(tmp_path, port)
    house.drop(1, of_order=1)
    house.drop(2, of_order=1)
    with storescp(tmp_path / "pacs", port):
        house.live_through()
        wrong = {str(one.SOPInstanceUID) for one in held(tmp_path / "pacs")}
        assert len(wrong) == 2
        correct(house, 1, 2, order=3)
        assert house.live("assemble", KillAt(point)) == -9, f"{point} was never passed"
        house.live_through()
        house.live_through()
    objects = held(tmp_path / "pacs")
    (note,) = [one for one in objects if one.SOPClassUID == KEY_OBJECT_SELECTION]
    images = [one for one in objects if one.SOPClassUID != KEY_OBJECT_SELECTION]
    assert len(images) == 4, "each once"
    right = [one for one in images if one.PatientID == "P3"]
    assert {str(one.SOPInstanceUID) for one in images if one.PatientID == "P1"} == wrong
    assert len({one.SeriesInstanceUID for one in right}) == 1
    old_pixels = sorted(one.pixel_array.tobytes() for one in images if one.PatientID == "P1")
    assert sorted(one.pixel_array.tobytes() for one in right) == old_pixels
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    named = [
        str(one.ReferencedSOPInstanceUID)
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    ]
    assert sorted(named) == sorted(wrong)
    assert (note.PatientID, note.StudyInstanceUID) == ("P1", study.StudyInstanceUID)
    assert not list((house.spool / "tmp").iterdir())
    assert not list((house.spool / "unclaimed").glob("*"))
