"""DICOMDIR of objects of all classes and character sets: no error for dciodvfy, and DCMTK and pydicom can read it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.fileset import FileSet
from pydicom.uid import generate_uid

from gateway.domain.errors import InvalidObject
from gateway.domain.identifiers import Uid
from gateway.domain.objects import LocalStudy, ObjectOrder
from gateway.domain.procedure import Patient, Step
from gateway.objects.fileset import FileSetEntry, file_id_of, write_directory
from tests.conformance.objects.made import made, tool_output, validator_findings
from tests.unit.objects.orders import GREY8, order, step, unscheduled

CLASSES = (
    "secondary-capture",
    "multi-frame-grayscale-byte-sc",
    "vl-photographic",
    "ultrasound",
    "ophthalmic-photography-8-bit",
)
SUBJECTS: dict[str, Step | LocalStudy] = {
    "scheduled": step(),
    "bare": step({}),
    "japanese": step(patient=Patient("PAT-3", "", "Yamada^Tarou=山田^太郎=やまだ^たろう", "", "M")),
    "hindi": unscheduled(Patient("PAT-2", "", "शर्मा^प्रिया", "19800101", "F"), "आँख"),
    "unknown": unscheduled(Patient("")),
}


def on_medium(orders: Sequence[ObjectOrder], folder: Path) -> list[FileSetEntry]:
    entries = []
    for position, one in enumerate(orders):
        path = folder / file_id_of(position)
        path.parent.mkdir(parents=True, exist_ok=True)
        identity = replace(one.identity, sop_instance_uid=Uid(generate_uid()), instance_number=position + 1)
        made(replace(one, identity=identity), path)
        entries.append(FileSetEntry(path, file_id_of(position)))
    return entries


def directory(entries: Sequence[FileSetEntry], folder: Path) -> Path:
    path = folder / "DICOMDIR"
    with path.open("w+b") as target:
        write_directory("2.25.42", entries, target)
    return path


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_directory_of_every_class_has_no_error_and_names_every_object(tmp_path: Path, subject: str) -> None:
    orders = [order(name, GREY8, SUBJECTS[subject]) for name in CLASSES for _ in range(3)]
    entries = on_medium(orders, tmp_path)
    path = directory(entries, tmp_path)
    assert validator_findings("dciodvfy", path) == []
    assert tool_output("dcmdump", "+L", path).count("ReferencedSOPInstanceUIDInFile") == len(entries)
    read = FileSet(path)
    assert read.UID == "2.25.42"
    assert {one.SOPInstanceUID: Path(str(one.path)) for one in read} == {
        dcmread(entry.path).SOPInstanceUID: entry.path for entry in entries
    }


def test_records_are_shared_by_patient_study_and_series(tmp_path: Path) -> None:
    orders = [order("vl-photographic", GREY8, SUBJECTS[name]) for name in ("scheduled", "hindi") for _ in range(4)]
    path = directory(on_medium(orders, tmp_path), tmp_path)
    kinds = [record.DirectoryRecordType for record in dcmread(path).DirectoryRecordSequence]
    assert (kinds.count("PATIENT"), kinds.count("IMAGE")) == (2, 8)
    patients = [r for r in dcmread(path).DirectoryRecordSequence if r.DirectoryRecordType == "PATIENT"]
    assert "शर्मा^प्रिया" in {str(record.PatientName) for record in patients}


def test_two_persons_are_never_one_record_whatever_their_numbers_say(tmp_path: Path) -> None:
    persons = [Patient("", "", "Rao^Asha"), Patient("", "", "Rao^Usha"), Patient("7", "", "Rao^Usha"), Patient("7")]
    path = directory(
        on_medium([order("vl-photographic", GREY8, unscheduled(one)) for one in persons], tmp_path), tmp_path
    )
    records = dcmread(path).DirectoryRecordSequence
    assert [record.DirectoryRecordType for record in records].count("PATIENT") == len(persons)
    assert validator_findings("dciodvfy", path) == []


def test_an_empty_directory_is_one(tmp_path: Path) -> None:
    assert list(FileSet(directory([], tmp_path))) == []


def test_what_is_no_object_is_named(tmp_path: Path) -> None:
    (tmp_path / "X").write_bytes(b"no object")
    with pytest.raises(InvalidObject, match="no DICOM file"):
        directory([FileSetEntry(tmp_path / "X", "X")], tmp_path)


@pytest.mark.parametrize("position", [0, 999, 1000, 9_999_999])
def test_file_ids_keep_to_the_standard(position: int) -> None:
    parts = file_id_of(position).split("/")
    assert len(parts) <= 8
    assert all(1 <= len(part) <= 8 and part.isalnum() and part.isupper() for part in parts)
    assert file_id_of(position) != file_id_of(position + 1)
