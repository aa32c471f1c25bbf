"""The files of an export: each object once, and the papers beside them; a medium with no directory is no file-set."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.exports import Export, ExportItem
from gateway.host.medium import Medium, MediumFault
from gateway.objects.fileset import DIRECTORY_NAME, FileSetEntry, write_directory

MANIFEST = "SHA256.TXT"
RECEIPT = "RECEIPT.TXT"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One object of the file-set, with every delivery that it serves."""

    items: tuple[ExportItem, ...]

    @property
    def first(self) -> ExportItem:
        """Any of them: they have the object in common."""
        return self.items[0]


def files_of(items: Sequence[ExportItem]) -> list[ExportFile]:
    """The files of an export, each once: one object may be owed to several destinations."""
    by_name: dict[str, list[ExportItem]] = {}
    for item in items:
        by_name.setdefault(item.file_id, []).append(item)
    return [ExportFile(tuple(group)) for group in by_name.values()]


def size_of(files: Sequence[ExportFile]) -> int:
    """Bytes of their objects."""
    return sum(one.first.owed.size for one in files)


def write_papers(medium: Medium, export: Export, kept: Sequence[ExportFile], moment: datetime) -> None:
    """Write manifest and receipt, and the directory last; each is read back."""
    directory = io.BytesIO()
    entries = [FileSetEntry(medium.folder / one.first.file_id, one.first.file_id) for one in kept]
    with medium.faults():
        write_directory(export.fileset_uid, entries, directory)
    lines = "".join(f"{one.first.owed.digest}  {one.first.file_id}\n" for one in kept)
    papers = {
        MANIFEST: lines.encode("ascii"),
        RECEIPT: _receipt(export, kept, moment),
        DIRECTORY_NAME: directory.getvalue(),
    }
    for name, content in papers.items():
        if medium.write(name, io.BytesIO(content), unheard) != medium.digest_of(name):
            raise MediumFault(f"The medium at {medium.folder} does not give back {name}.", "Use another one.")


def unheard(_: int) -> None:
    """Tell nobody how far it is: a paper is small."""


def _receipt(export: Export, kept: Sequence[ExportFile], moment: datetime) -> bytes:
    """A receipt that the importer fills in: who, and that all of it was imported."""
    destinations = sorted({item.owed.destination for one in kept for item in one.items})
    template = {
        "how_to": "After the import set imported_by and all_imported, and bring this file back to the gateway. "
        "Remove the instances that were not imported.",
        "fileset_uid": export.fileset_uid,
        "exported_at": moment.isoformat(timespec="seconds"),
        "destination": destinations[0] if len(destinations) == 1 else "",
        "imported_by": "",
        "all_imported": False,
        "instances": [
            {"sop_instance_uid": one.first.owed.sop_instance_uid, "sha256": one.first.owed.digest} for one in kept
        ],
    }
    return json.dumps(template, ensure_ascii=True, indent=1).replace("\n", "\r\n").encode("ascii")
