"""DICOMDIR: the directory of a file-set on a medium (PS3.10 section 8, PS3.3 annex F).

Only the attributes of each object are read, never its pixels, and the work grows with the number of objects alone.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.fileset import DIRECTORY_RECORDERS
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from gateway.domain.errors import InvalidObject, Phase
from gateway.domain.identifiers import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

DIRECTORY_NAME = "DICOMDIR"
_FOLDER_FILES = 1000
_LARGE_BYTES = 1 << 16
_ITEM_HEAD_BYTES = 8
_IN_USE = 0xFFFF
_LEAVES = (
    ("Encapsulated", "ENCAP DOC"),
    ("KeyObjectSelection", "KEY OBJECT DOC"),
    ("WaveformStorage", "WAVEFORM"),
    ("SRStorage", "SR DOCUMENT"),
    ("Sr", "SR DOCUMENT"),
    ("MeasurementsStorage", "MEASUREMENT"),
    ("RawData", "RAW DATA"),
)
"""Part of a SOP Class's keyword and the type of its directory record; any other class is an image."""


@dataclass(frozen=True, slots=True)
class FileSetEntry:
    """One object of a file-set: where its bytes can be read, and its File ID with slashes between the components."""

    path: Path
    file_id: str


@dataclass(slots=True, eq=False)
class _Node:
    record: Dataset
    below: dict[str, "_Node"] = field(default_factory=dict)
    offset: int = 0


def file_id_of(position: int) -> str:
    """The File ID of the object at `position` (from 0): three components of at most eight characters (PS3.10 8.2)."""
    return f"DICOM/D{position // _FOLDER_FILES:07d}/I{position:07d}"


def write_directory(fileset_uid: str, entries: Iterable[FileSetEntry], target: BinaryIO) -> None:
    """Write the DICOMDIR of a file-set (Basic Directory IOD, PS3.3 annex F.3) in Explicit VR Little Endian.

    Parameters
    ----------
    fileset_uid
        Media Storage SOP Instance UID of the directory (PS3.10 table 7.1-1): it names the file-set.
    entries
        The objects; records are grouped by patient (ID, issuer and name), Study and Series Instance UID.
    target
        Writable and seekable.

    Raises
    ------
    InvalidObject
        An object cannot be read as a DICOM file.
    """
    root: dict[str, _Node] = {}
    for entry in entries:
        _add(root, entry)
    directory = _directory(fileset_uid)
    empty = io.BytesIO()
    dcmwrite(empty, directory, enforce_file_format=True)
    offset = empty.tell()  # the empty sequence is the last element: its first item follows its head
    nodes = list(_walk(root))
    for node in nodes:
        node.offset = offset
        offset += _ITEM_HEAD_BYTES + _encoded_bytes(node.record)
    _link(root)
    top = list(root.values())
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = top[0].offset if top else 0
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = top[-1].offset if top else 0
    directory.DirectoryRecordSequence = [node.record for node in nodes]
    dcmwrite(target, directory, enforce_file_format=True)


def _directory(fileset_uid: str) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = UID(fileset_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    directory = Dataset()
    directory.file_meta = meta
    directory.FileSetID = "GATEWAY"
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.FileSetConsistencyFlag = 0
    directory.DirectoryRecordSequence = []
    return directory


def _add(root: dict[str, _Node], entry: FileSetEntry) -> None:
    """Add the records of one object, those of patient, study and series only where they are not there yet."""
    try:
        dataset = dcmread(entry.path, defer_size=_LARGE_BYTES, stop_before_pixels=True)
    except InvalidDicomError as error:
        raise InvalidObject(f"An object of the file-set is no DICOM file: {entry.file_id}.", phase=Phase.EXPORT) from (
            error
        )
    _fill(dataset)
    leaf = _leaf_type(UID(dataset.SOPClassUID))
    level = root
    for kind, key in (
        ("PATIENT", _person(dataset)),
        ("STUDY", str(dataset.StudyInstanceUID)),
        ("SERIES", str(dataset.SeriesInstanceUID)),
        (leaf, str(dataset.SOPInstanceUID)),
    ):
        if key not in level:
            level[key] = _Node(_record(dataset, kind))
        node = level[key]
        level = node.below
    record = node.record
    record.ReferencedFileID = entry.file_id.split("/")
    record.ReferencedSOPClassUIDInFile = dataset.SOPClassUID
    record.ReferencedSOPInstanceUIDInFile = dataset.SOPInstanceUID
    record.ReferencedTransferSyntaxUIDInFile = dataset.file_meta.TransferSyntaxUID


def _person(dataset: Dataset) -> str:
    """What tells persons apart: equal numbers under different names or issuers are different persons."""
    return "\\".join(str(dataset.get(keyword, "")) for keyword in ("PatientID", "IssuerOfPatientID", "PatientName"))


def _fill(dataset: Dataset) -> None:
    """Give the keys of directory records that must not be empty a value where the object leaves them empty (F.5)."""
    for keyword, value in (
        ("PatientID", "UNKNOWN"),
        ("StudyDate", dataset.get("ContentDate") or "19000101"),
        ("StudyTime", dataset.get("ContentTime") or "000000"),
        ("StudyID", "1"),
        ("Modality", "OT"),
        ("SeriesNumber", "1"),
        ("InstanceNumber", "1"),
    ):
        if dataset.get(keyword) in (None, ""):
            setattr(dataset, keyword, value)


def _leaf_type(sop_class: UID) -> str:
    keyword = sop_class.keyword
    return next((kind for part, kind in _LEAVES if part in keyword), "IMAGE")


def _record(dataset: Dataset, kind: str) -> Dataset:
    """One directory record; its own Specific Character Set goes with it."""
    record: Dataset = DIRECTORY_RECORDERS[kind](dataset)
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = _IN_USE
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    if "SpecificCharacterSet" in dataset:
        record.SpecificCharacterSet = dataset.SpecificCharacterSet
    return record


def _walk(level: dict[str, _Node]) -> Iterator[_Node]:
    for node in level.values():
        yield node
        yield from _walk(node.below)


def _link(level: dict[str, _Node]) -> None:
    """Set the offsets: the next record of the same level, and the first one below."""
    nodes = list(level.values())
    for node, after in zip(nodes, [*nodes[1:], None], strict=False):
        node.record.OffsetOfTheNextDirectoryRecord = after.offset if after else 0
        first = next(iter(node.below.values()), None)
        node.record.OffsetOfReferencedLowerLevelDirectoryEntity = first.offset if first else 0
        _link(node.below)


def _encoded_bytes(record: Dataset) -> int:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = False
    buffer.is_little_endian = True
    return write_dataset(buffer, record)
