"""Exports of a house whose objects nobody took, and what may be said of them afterwards."""

import itertools
from collections.abc import Callable
from pathlib import Path

from pydicom.fileset import FileSet

from gateway.bootstrap.people import clock_of
from gateway.spool.database import Database
from gateway.spool.exports import ExportLedger
from gateway.spool.files import SpoolFiles, digest_of
from gateway.stages.export import Exporter, ExportOutcome, Progress
from tests.support.house import House

PICTURES = 5


def export(
    house: House, folder: Path, tell: Callable[[Progress], None] = lambda _: None, *, destination: str = ""
) -> ExportOutcome | None:
    """One export that tells of its progress after every chunk."""
    database = Database(house.spool)
    clock = clock_of(house.settings)
    try:
        exporter = Exporter(
            ledger=ExportLedger(database, clock),
            files=SpoolFiles(house.spool, role="export"),
            clock=clock,
            by="test",
            tell=tell,
            monotonic=itertools.count(0.0, 10.0).__next__,
        )
        return exporter.export(folder, destination=destination)
    finally:
        database.close()


def after(files: int, act: Callable[[], object]) -> Callable[[Progress], None]:
    """Do something once, in the middle of an export."""
    done: list[object] = []

    def tell(progress: Progress) -> None:
        if progress.files >= files and not done:
            done.append(True)
            act()

    return tell


def marked(house: House) -> int:
    """How many deliveries the ledger takes for exported."""
    database = Database(house.spool, read_only=True)
    try:
        ledger = ExportLedger(database, clock_of(house.settings))
        return len(ledger.unsent()) - len(ledger.unsent(again=False))
    finally:
        database.close()


def assert_whole(house: House, stick: Path) -> None:
    """The file-set holds every object once, as the ledger knows it, and nothing counts as delivered."""
    owed = {row.sop_instance_uid for row in house.status().acquisitions()}
    found = {str(one.SOPInstanceUID): Path(str(one.path)) for one in FileSet(stick / "DICOMDIR")}
    assert set(found) == owed
    spooled = {path.stem: digest_of(path) for path in (house.spool / "instances").rglob("*.dcm")}
    assert {uid: digest_of(path) for uid, path in found.items()} == spooled
    assert house.status().counts().undelivered == PICTURES
