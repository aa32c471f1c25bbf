"""A wrong patient corrected by the real command: what Orthanc and storescp hold afterwards, read by foreign tools."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread

from gateway.domain.corrections import KEY_OBJECT_SELECTION
from tests.conformance.objects.made import tool_output, validator_findings
from tests.peers.chain.box import Box, Peer
from tests.support.peers import Orthanc, StoreScp

_CAMERA = """\
profile = "photo-camera-folder"
[source]
path = "drop/camera"
settle_s = 0.2
poll_s = 0.2
patterns = ["*"]
after = "delete"
[hints]
file_name = '(?P<accession_number>[A-Z0-9]+)-.*'
[object]
laterality = "U"
[match]
rules = ["accession_number"]
modalities = []
"""
_IMPLICIT = "1.2.840.10008.1.2"
_COUNT = 3


@dataclass(frozen=True, slots=True)
class Evening:
    """What stood where after the correction: files by destination, and the gateway's own rows."""

    box: Box
    files: dict[str, list[Path]]

    def objects(self, name: str) -> list[Dataset]:
        return [dcmread(path) for path in self.files[name]]


def png(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def step_number(box: Box, patient: str) -> str:
    return next(str(one.number) for one in box.status().steps() if one.patient_id == patient)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    root = tmp_path_factory.mktemp("correction")
    with Orthanc(root / "pacs", None) as pacs, StoreScp(root / "second", None, "+xi", ae_title="SECOND") as second:
        peers = [
            Peer("destination", "main", pacs.port, "TESTPACS"),
            Peer("destination", "second", second.port, "SECOND"),
        ]
        box = Box(root / "box", root, peers, {"camera": _CAMERA})
        with box.running():
            for patient, name, accession in (("P1", "First^Patient", "ACC1"), ("P2", "Zweiter^Größer", "ACC2")):
                box.command("worklist", "add", "--patient-id", patient, "--name", name, "--accession-number", accession)
            for number in range(_COUNT):
                box.drop("camera", f"ACC1-{number}.png", png(number))
            box.until(lambda: box.stored_at("main") == box.stored_at("second") == _COUNT, "nothing was stored")
            numbers = [str(row.id) for row in box.rows()]
            said = box.command(
                "correct",
                *numbers,
                "--step",
                step_number(box, "P2"),
                "--reason",
                "wrong file name",
                "--operator",
                "Nina",
            )
            assert "rejection note is owed to main, second" in said
            whole = 2 * _COUNT + 1
            box.until(lambda: box.stored_at("main") == box.stored_at("second") == whole, "the correction is not there")
            files: dict[str, list[Path]] = {"main": [], "second": second.files()}
            for held in pacs.instances():
                path = root / f"{held}.dcm"
                path.write_bytes(pacs.file_of(held))
                files["main"].append(path)
            yield Evening(box, files)


@pytest.mark.parametrize("name", ["main", "second"])
def test_the_note_names_every_wrong_object_in_the_wrong_study(evening: Evening, name: str) -> None:
    objects = evening.objects(name)
    assert len(objects) == 2 * _COUNT + 1
    (note,) = [one for one in objects if one.SOPClassUID == KEY_OBJECT_SELECTION]
    wrong = [one for one in objects if one.PatientID == "P1" and one is not note]
    right = [one for one in objects if one.PatientID == "P2"]
    assert (len(wrong), len(right)) == (_COUNT, _COUNT)
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == note.StudyInstanceUID == wrong[0].StudyInstanceUID
    named = {
        (series.SeriesInstanceUID, one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID)
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert named == {(one.SeriesInstanceUID, one.SOPClassUID, one.SOPInstanceUID) for one in wrong}
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert not {one[keyword].value for one in wrong} & {one[keyword].value for one in right}
    assert sorted(one.pixel_array.tobytes() for one in wrong) == sorted(one.pixel_array.tobytes() for one in right)
    assert str(right[0].PatientName) == "Zweiter^Größer"


def test_the_second_took_it_uncompressed_as_it_asked(evening: Evening) -> None:
    assert {one.file_meta.TransferSyntaxUID for one in evening.objects("second")} == {_IMPLICIT}


@pytest.mark.parametrize("name", ["main", "second"])
def test_foreign_validators_find_no_error(evening: Evening, name: str) -> None:
    for path in evening.files[name]:
        assert validator_findings("dciodvfy", path) == []
    assert validator_findings("dcentvfy", *evening.files[name]) == []


@pytest.mark.parametrize("name", ["main", "second"])
def test_dcmtk_reads_the_note_that_came_back(evening: Evening, name: str) -> None:
    (path,) = [path for path in evening.files[name] if dcmread(path).SOPClassUID == KEY_OBJECT_SELECTION]
    text = tool_output("dsr2xml", path)
    assert "113038" in text
    for one in evening.objects(name):
        if one.PatientID == "P1" and one.SOPClassUID != KEY_OBJECT_SELECTION:
            assert text.count(str(one.SOPInstanceUID)) >= 2
    assert "Incorrect Modality Worklist Entry" in tool_output("dcmdump", path)


def test_both_refer_to_each_other_and_the_journal_names_the_person(evening: Evening) -> None:
    rows = {row.id: row for row in evening.box.rows()}
    for row in rows.values():
        if row.corrected_by:
            assert rows[row.corrected_by].correction_of == row.id
            assert row.rejected_at is not None
            assert any(one.is_note for one in row.deliveries) == (row.id == min(rows))
        else:
            assert "Nina" in row.reason
    listed = evening.box.command("queue", "--state", "assembled")
    assert "took its place" in listed
    assert "rejection note stored" in listed
