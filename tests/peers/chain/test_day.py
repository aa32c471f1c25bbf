"""The whole chain with real peers in their own processes: what was dropped stands in Orthanc, and stands right."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames

from tests.conformance.objects.made import validator_findings
from tests.peers.chain.orders import COPIED, RENAMED, REQUESTED, misplaced
from tests.peers.chain.scenario import Day, live_through
from tests.peers.images import Exported
from tests.support.peers import Orthanc, StoreScp
from tests.support.pki import make_pki

_UNCOMPRESSED = {"implicit": "1.2.840.10008.1.2", "explicit": "1.2.840.10008.1.2.1"}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    root = tmp_path_factory.mktemp("chain")
    pki = make_pki(root / "pki")
    with (
        Orthanc(root / "pacs", pki) as pacs,
        Orthanc(root / "archive", None, ae_title="ARCHIVE") as archive,
        StoreScp(root / "implicit", pki, "+xi", ae_title="IMPLICIT") as implicit,
        StoreScp(root / "explicit", None, "+xe", ae_title="EXPLICIT") as explicit,
    ):
        yield live_through(root, pki, pacs, archive, (implicit, explicit))


@pytest.fixture(scope="module")
def held(day: Day) -> dict[str, Dataset]:
    """What Orthanc holds, by SOP Instance UID, as it gives the files back."""
    read = [dcmread(BytesIO(day.pacs.file_of(number))) for number in day.pacs.instances()]
    return {str(dataset.SOPInstanceUID): dataset for dataset in read}


def made_of(day: Day, held: dict[str, Dataset]) -> list[tuple[str, str, Exported, int, Dataset]]:
    """Every dropped file with its object at the PACS."""
    uids: dict[tuple[str, str], list[str]] = {}
    for row in day.box.rows():
        uids.setdefault((row.device, row.display_name), []).append(row.sop_instance_uid)
    return [(*one, held[uids[one[0], one[1]].pop(0)]) for one in day.dropped]


def test_every_picture_is_there_once_and_nothing_else(day: Day, held: dict[str, Dataset]) -> None:
    assert len(day.pacs.instances()) == len(held) == len(day.dropped)
    made = [dataset.SOPInstanceUID for *_, dataset in made_of(day, held)]
    assert set(made) == set(held)


def test_pixels_are_those_of_the_source(day: Day, held: dict[str, Dataset]) -> None:
    for device, name, picture, _, dataset in made_of(day, held):
        if picture.travels:
            (stream,) = generate_frames(dataset.PixelData, number_of_frames=1)
            assert stream[: len(picture.data)] == picture.data, name
            assert not stream[len(picture.data) :].strip(b"\0"), name
            continue
        found = np.asarray(dataset.pixel_array).reshape(picture.pixels.shape)
        assert np.array_equal(found, picture.pixels), (device, name, dataset.file_meta.TransferSyntaxUID.name)


def test_attributes_are_those_of_the_worklist(day: Day, held: dict[str, Dataset]) -> None:
    full = day.items[4]
    assert all(keyword in full for keyword in (*COPIED, *RENAMED, *REQUESTED)), "the full entry lacks something"
    for _, name, _, order, dataset in made_of(day, held):
        if order:
            assert misplaced(day.items[order], dataset) == [], name
            assert dataset.SpecificCharacterSet == "ISO_IR 192"
        assert dataset.TimezoneOffsetFromUTC == "+0530"
        assert dataset.InstitutionName == "District Hospital Rampur"
        (gateway,) = dataset.ContributingEquipmentSequence
        assert (gateway.StationName, gateway.DeviceSerialNumber) == ("Rampur room 3", "GW-0042")


def test_orthanc_itself_reads_the_names(day: Day) -> None:
    names = {day.pacs.tags_of(number)["PatientName"] for number in day.pacs.instances()}
    assert names == {str(item.PatientName) for item in day.items.values()} | {"Неизвестный"}


def test_what_was_lossy_is_said_to_be(day: Day, held: dict[str, Dataset]) -> None:
    for _, name, picture, _, dataset in made_of(day, held):
        assert (dataset.get("LossyImageCompression") == "01") is picture.travels, name


def test_objects_conform_alone_and_as_studies(held: dict[str, Dataset], tmp_path: Path) -> None:
    studies: dict[str, list[Path]] = {}
    for uid, dataset in held.items():
        path = tmp_path / f"{uid}.dcm"
        dataset.save_as(path)
        assert validator_findings("dciodvfy", path) == []
        studies.setdefault(str(dataset.StudyInstanceUID), []).append(path)
    for paths in studies.values():
        findings = validator_findings("dcentvfy", *paths)
        # the study and patient objects that a worklist refers to are no files here
        assert [line for line in findings if "Missing SOPInstanceUID that was referenced - 1.2.3.77" not in line] == []


def test_exams_are_series_by_folder_marker_and_pause(day: Day, held: dict[str, Dataset]) -> None:
    series: dict[str, list[str]] = {}
    for device, name, _, order, dataset in made_of(day, held):
        if order == 0 or "lost" in name:
            continue
        exam = name.rpartition("/")[0] if device in {"xray", "ultrasound"} else name if device == "fundus" else ""
        series.setdefault(f"{device} {exam}", []).append(str(dataset.SeriesInstanceUID))
        assert dataset.StudyInstanceUID == day.items[order].StudyInstanceUID
    all_of_them = [set(found) for found in series.values()]
    assert not any(a & b for n, a in enumerate(all_of_them) for b in all_of_them[n + 1 :]), "two exams share a series"
    assert len(series) == 7


def test_files_are_kept_moved_and_deleted_as_the_profiles_say(day: Day) -> None:
    left = {device: _names(day.box.folder(device)) for device in ("photo", "xray", "ultrasound", "fundus")}
    dropped = {device: {name for d, name, _, _ in day.dropped if d == device} for device in left}
    assert left["photo"] == set()
    assert left["xray"] == set()
    assert dropped["xray"] <= _names(day.box.root / "taken")
    assert not [path for path in day.box.folder("xray").rglob("*") if path.is_file()], "sidecars go with their pictures"
    assert left["ultrasound"] == dropped["ultrasound"]
    assert left["fundus"] == dropped["fundus"] | {"done.1", "done.2"}


def test_a_destination_without_compression_gets_uncompressed_copies(day: Day, held: dict[str, Dataset]) -> None:
    pictures = {str(dataset.SOPInstanceUID): picture for _, _, picture, _, dataset in made_of(day, held)}
    for name, scp in (("implicit", day.implicit), ("explicit", day.explicit)):
        received = [dcmread(path) for path in scp.files()]
        assert {str(dataset.SOPInstanceUID) for dataset in received} == set(held)
        for dataset in received:
            assert dataset.file_meta.TransferSyntaxUID == _UNCOMPRESSED[name]
            twin, picture = held[str(dataset.SOPInstanceUID)], pictures[str(dataset.SOPInstanceUID)]
            assert dataset.PatientName == twin.PatientName
            if not picture.travels:
                assert np.array_equal(dataset.pixel_array.reshape(picture.pixels.shape), picture.pixels)


def test_a_destination_that_is_down_harms_nobody_and_says_why(day: Day) -> None:
    (down,) = [one for one in day.box.status().destinations() if one.name == "down"]
    assert down.phase == "connect"
    assert down.error
    assert down.remedy
    states = {d.state for row in day.box.rows() for d in row.deliveries if d.destination == "down"}
    assert states == {"pending"}


def test_a_wrong_title_is_an_issue_with_its_remedy_until_it_is_corrected(day: Day) -> None:
    assert any("AE title" in issue for issue in day.issues), day.issues
    (archive,) = [one for one in day.box.status().destinations() if one.name == "archive"]
    assert archive.error == ""
    assert len(day.archive.instances()) == len(day.dropped)


def test_what_a_person_decided_is_in_the_objects(day: Day, held: dict[str, Dataset]) -> None:
    by_name = {name: dataset for _, name, _, _, dataset in made_of(day, held)}
    lost, foundling = by_name["ACC9-lost.ppm"], by_name["ACC8-foundling.png"]
    assert lost.AccessionNumber == "ACC3"
    assert (foundling.PatientID, foundling.PatientName, foundling.AccessionNumber) == ("TEMP-1", "Неизвестный", "")
    assert "RequestAttributesSequence" not in foundling


def test_the_log_names_no_patient(day: Day) -> None:
    text = day.box.log.read_text()
    for secret in ("शर्मा", "Yamada", "Иванов", "Doe", "19700102", "Неизвестный"):
        assert secret not in text
    assert "Traceback" not in text
    assert "unexpected" not in text


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".xml"}
