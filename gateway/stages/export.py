"""Writes what is unsent to a medium as a DICOM file-set, and marks it exported after all of it was read back.

Exported is not delivered: the deliveries stay owed until a receipt is imported. Interrupted, by whatever cause, an
export marks nothing; the next one to the same medium goes on where it stopped.
"""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.exports import Export, ExportItem
from gateway.domain.identifiers import is_valid_uid, mint_uid
from gateway.domain.ports import Clock
from gateway.host.medium import Medium, MediumFault
from gateway.objects.fileset import DIRECTORY_NAME, file_id_of
from gateway.spool.exports import ExportLedger
from gateway.spool.files import SpoolFiles, is_whole
from gateway.stages.export_files import ExportFile, files_of, size_of, unheard, write_papers

MARK = "EXPORT.ID"
_MARK_BYTES = 256
_DIRECTORY_BYTES = 1024
"""Room planned for the directory records and the lines of one object."""
_RESERVE_BYTES = 1 << 20
_TELL_EVERY_S = 1.0
_OTHER_ONE = "Use an empty one, or name an empty folder on it."


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export is; `bytes_per_s` is what the medium takes, read-back included."""

    files: int
    all_files: int
    bytes: int
    all_bytes: int
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """What an export came to; `damaged` are SOP Instance UIDs whose spooled objects are not as they were frozen."""

    number: int
    fileset_uid: str
    files: int
    deliveries: int
    bytes: int
    resumed: bool
    damaged: tuple[str, ...]


class Exporter:
    """One export to one medium."""

    def __init__(
        self,
        *,
        ledger: ExportLedger,
        files: SpoolFiles,
        clock: Clock,
        by: str,
        tell: Callable[[Progress], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._clock = clock
        self._by = by
        self._tell = tell
        self._monotonic = monotonic
        self._begun = self._told = monotonic()
        self._all: Sequence[ExportFile] = ()
        self._bytes = 0
        self._written = 0
        self._done = 0

    def export(self, folder: Path, *, destination: str = "", again: bool = True) -> ExportOutcome | None:
        """Write the unsent queue to `folder`; None when there is nothing to write.

        Raises
        ------
        MediumFault
            The medium is full, read-only, too small, pulled out, or bears another file-set. Nothing was marked.
        """
        medium = Medium(folder)
        begun = self._begun_before(medium)
        export = begun or self._plan(medium, folder, destination, again=again)
        if export is None:
            return None
        if not export.items:
            raise MediumFault(
                f"All that export {export.number} at {medium.folder} was to hold was corrected since it was begun.",
                "Use an empty medium, or name an empty folder on it.",
            )
        if destination and any(item.owed.destination != destination for item in export.items):
            raise MediumFault(
                f"The medium at {medium.folder} bears export {export.number}, begun for more than {destination}.",
                "Finish it without naming a destination, or use an empty medium.",
            )
        self._aim(medium, export.items)
        kept, damaged = self._write_objects(medium)
        if not kept:
            raise _nothing_whole(len(damaged))
        write_papers(medium, export, kept, self._clock.now())
        medium.settle([one.first.file_id for one in kept])
        return self._marked(export, kept, damaged, resumed=begun is not None)

    def _marked(
        self, export: Export, kept: Sequence[ExportFile], damaged: Sequence[ExportFile], *, resumed: bool
    ) -> ExportOutcome:
        """Mark what is on the medium exported; what the export came to."""
        items = [item for one in kept for item in one.items]
        self._ledger.finish(export, items, by=self._by)
        return ExportOutcome(
            number=export.number,
            fileset_uid=export.fileset_uid,
            files=len(kept),
            deliveries=len(items),
            bytes=size_of(kept),
            resumed=resumed,
            damaged=tuple(one.first.owed.sop_instance_uid for one in damaged),
        )

    def _begun_before(self, medium: Medium) -> Export | None:
        """The unfinished export of ours that this medium bears; None for an empty one, a fault for any other."""
        if not medium.has(MARK):
            if medium.has(DIRECTORY_NAME):
                raise MediumFault(
                    f"The medium at {medium.folder} bears a file-set of somebody else.",
                    _OTHER_ONE,
                )
            return None
        text = medium.read(MARK, _MARK_BYTES).decode("ascii", errors="replace").strip()
        export = self._ledger.find(text) if is_valid_uid(text) else None
        if export is None and not medium.has(DIRECTORY_NAME) and not medium.has(file_id_of(0)):
            return None
        if export is None:
            raise MediumFault(
                f"The medium at {medium.folder} bears an export that this gateway does not know.",
                _OTHER_ONE,
            )
        if export.finished:
            raise MediumFault(
                f"The medium at {medium.folder} bears export {export.number}, which is complete.",
                _OTHER_ONE,
            )
        return export

    def _plan(self, medium: Medium, folder: Path, destination: str, *, again: bool) -> Export | None:
        owed = self._ledger.unsent(destination=destination, again=again)
        if not owed:
            return None
        places: dict[int, str] = {}
        for one in owed:
            places.setdefault(one.instance, file_id_of(len(places)))
        items = [ExportItem(one, places[one.instance]) for one in owed]
        self._aim(medium, items)
        self._ensure_lengths(medium)
        uid = mint_uid()
        # the medium is tried before the ledger is told: a mark without a row and without objects counts as none
        medium.write(MARK, io.BytesIO(f"{uid}\r\n".encode("ascii")), unheard)
        return self._ledger.begin(uid, str(folder), items, by=self._by)

    def _aim(self, medium: Medium, items: Sequence[ExportItem]) -> None:
        """Set what is to be on the medium; raises if there is no room for it."""
        self._all = files_of(items)
        self._bytes = size_of(self._all)
        self._ensure_room(medium)

    def _ensure_room(self, medium: Medium) -> None:
        cluster = medium.cluster_bytes()
        missing = [one for one in self._all if medium.size_of(one.first.file_id) != one.first.owed.size]
        needed = sum(one.first.owed.size + cluster for one in missing)
        needed += len(self._all) * _DIRECTORY_BYTES + _RESERVE_BYTES
        free = medium.free_bytes()
        if needed > free:
            raise MediumFault(
                f"The medium at {medium.folder} has {free >> 20} MiB free; {(needed >> 20) + 1} MiB are needed.",
                "Use a larger one, make room on it, or export one destination at a time.",
                "ENOSPC",
            )

    def _ensure_lengths(self, medium: Medium) -> None:
        """Raise if the medium's file system cannot hold one of the objects, before anything is written."""
        longest = max(self._all, key=lambda one: one.first.owed.size)
        if medium.holds_files_of(longest.first.owed.size):
            return
        owed = longest.first.owed
        raise MediumFault(
            f"The file system of the medium at {medium.folder} holds no file of {owed.size / (1 << 30):.1f} GiB,"
            f" as long as delivery {owed.delivery} ({owed.sop_instance_uid}) is.",
            "Format the medium as exFAT or ext4 (FAT32 ends at 4 GiB), or send that object by itself over the link.",
            "EFBIG",
        )

    def _write_objects(self, medium: Medium) -> tuple[list[ExportFile], list[ExportFile]]:
        """Put every object on the medium and read it back; returns what is there, and what the spool has damaged.

        What was released meanwhile is at all its destinations, so it is neither.
        """
        kept: list[ExportFile] = []
        damaged: list[ExportFile] = []
        for one in self._all:
            (kept if self._write_one(medium, one.first) else damaged).append(one)
            self._done += 1
            self._advance(0)
        self._report()
        return kept, [one for one in damaged if not self._ledger.is_released(one.first.owed)]

    def _write_one(self, medium: Medium, item: ExportItem) -> bool:
        """Put one object on the medium unless it is there and whole; False if the spooled object is not as frozen."""
        owed = item.owed
        if medium.size_of(item.file_id) == owed.size and medium.digest_of(item.file_id) == owed.digest:
            self._advance(owed.size)
            return True
        path = self._files.absolute(owed.path)
        if not is_whole(path, owed.digest):
            return False
        with path.open("rb") as source:
            sent = medium.write(item.file_id, source, self._advance)
        if sent != owed.digest or medium.digest_of(item.file_id) != owed.digest:
            medium.remove(item.file_id)
            raise MediumFault(
                f"The medium at {medium.folder} does not give back what was written to it ({item.file_id}).",
                "Use another one.",
            )
        return True

    def _advance(self, count: int) -> None:
        self._written += count
        if self._monotonic() - self._told >= _TELL_EVERY_S:
            self._report()

    def _report(self) -> None:
        self._told = self._monotonic()
        spent = max(self._told - self._begun, 1e-3)
        self._tell(Progress(self._done, len(self._all), self._written, self._bytes, self._written / spent))


def _nothing_whole(count: int) -> GatewayError:
    if not count:
        return GatewayError(
            "All that was to be exported has reached its destinations meanwhile and was released; nothing was marked.",
            disposition=Disposition.RETRY,
            phase=Phase.SPOOL,
            remedy="Look at the queue, and export to an empty medium if something is left.",
        )
    return GatewayError(
        f"None of the {count} object(s) to export is as it was frozen; nothing was marked.",
        disposition=Disposition.QUARANTINE,
        phase=Phase.SPOOL,
        remedy="The disk of this box is failing. Ask for: gateway queue rebuild",
    )
