"""Compares ledger and files when a role starts, folder by folder, but for those that agreed and have not changed.

A folder's own time of change moves when a name in it comes or goes. It is remembered only after ledger and names
agreed, in the transaction that looked at the ledger, and forgotten in the one that lets bytes of it go.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.files import SpoolFiles, storage_faults
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us

UNCLAIMED = "unclaimed"
"""Folder of files that no row names."""

_SETTLED_NS = 2_000_000_000
"""A folder that changed this lately may change again within the same tick of its file system's clock."""
_CHANGED = -2
"""Stands for the time of change of a folder that must be read, whatever its own is."""
_NAMED = (
    "SELECT part.path AS path FROM acquisition JOIN part ON part.acquisition = acquisition.id"
    " WHERE acquisition.source_bytes_kept = 1 AND acquisition.path >= :low AND acquisition.path < :high UNION ALL"
    " SELECT path FROM instance WHERE built_us IS NOT NULL AND kept = 1 AND path >= :low AND path < :high"
)
"""All parts of an acquisition lie in one folder."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What did not agree: files the ledger does not name, and ledger paths without a file."""

    unknown_files: tuple[str, ...]
    missing_files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder as it was read: when it had changed last, and the files and folders in it."""

    path: str
    mtime_ns: int
    files: frozenset[str]
    folders: tuple[str, ...]


def reconcile(database: Database, files: SpoolFiles, clock: Clock, folder: str) -> Reconciliation:
    """Compare ledger and files below `folder`, which only the calling role writes, and which it does at start.

    A file without a row was renamed but never committed: its source was not acknowledged and will be captured or
    built again. It is set aside all the same, until the ledger knows its bytes: a ledger restored from a backup
    would look alike. A row without a file is a loss that a person must see.
    """
    unknown: list[str] = []
    missing: list[str] = []
    tidy = _tidy_below(database, folder)
    open_folders = [folder]
    while open_folders:
        path = open_folders.pop()
        if path in tidy and _changed_ns(files, path) == tidy[path]:
            open_folders += [name for name in tidy if name.rpartition("/")[0] == path]
            continue
        found = _read(files, path)
        open_folders += found.folders
        # The directory is read before the ledger: housekeeping forgets a row first and removes its file after.
        named = _compare(database, found)
        unknown += [name for name in sorted(found.files - named) if files.absolute(name).exists()]
        missing += sorted(named - found.files)
    _settle(database, files, clock, unknown, missing)
    return Reconciliation(tuple(unknown), tuple(missing))


def forget_folders(connection: sqlite3.Connection, folders: Iterable[str]) -> None:
    """Have these folders compared again at the next start, inside the transaction that lets go of files in them."""
    connection.executemany(
        "UPDATE tidy_folder SET mtime_ns = ? WHERE path = ?", [(_CHANGED, folder) for folder in folders]
    )


def _tidy_below(database: Database, folder: str) -> dict[str, int]:
    with database.read() as connection:
        rows = connection.execute(
            "SELECT * FROM tidy_folder WHERE path = ? OR path >= ? AND path < ?", (folder, f"{folder}/", f"{folder}0")
        )
        return {row["path"]: row["mtime_ns"] for row in rows}


def _changed_ns(files: SpoolFiles, path: str) -> int:
    """When a folder changed last; -1 if it is not there."""
    try:
        return files.absolute(path).stat().st_mtime_ns
    except FileNotFoundError:
        return -1


def _read(files: SpoolFiles, path: str) -> _Folder:
    """The names in a folder, which may have gone; its time of change is taken before them."""
    changed_ns = _changed_ns(files, path)
    names: set[str] = set()
    folders: list[str] = []
    if changed_ns >= 0:
        with storage_faults(), os.scandir(files.absolute(path)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{path}/{entry.name}")
                else:
                    names.add(f"{path}/{entry.name}")
    return _Folder(path, changed_ns, frozenset(names), tuple(folders))


def _compare(database: Database, found: _Folder) -> set[str]:
    """The paths that the ledger names in a folder; the folder is remembered if those are the names found in it."""
    with database.write() as connection:
        named = {path for low, high in _stretches(found) for path in _named(connection, low, high)}
        settled = 0 <= found.mtime_ns < time.time_ns() - _SETTLED_NS
        agreed = settled and named == found.files
        if found.mtime_ns >= 0:  # a folder above it that agrees is not read, and must still lead to it
            remembered = (found.path, found.mtime_ns if agreed else _CHANGED)
            connection.execute("INSERT OR REPLACE INTO tidy_folder VALUES (?, ?)", remembered)
        else:
            connection.execute("DELETE FROM tidy_folder WHERE path = ?", (found.path,))
    return named


def _stretches(found: _Folder) -> Iterator[tuple[str, str]]:
    """The stretches of paths that lie in a folder and not in the folders that were found in it."""
    low = f"{found.path}/"
    for folder in sorted(f"{name}/" for name in found.folders):
        yield low, folder
        low = f"{folder.removesuffix('/')}0"  # in ASCII, 0 comes right after the slash
    yield low, f"{found.path}0"


def _named(connection: sqlite3.Connection, low: str, high: str) -> list[str]:
    return [row["path"] for row in connection.execute(_NAMED, {"low": low, "high": high})]


def _settle(database: Database, files: SpoolFiles, clock: Clock, unknown: list[str], missing: list[str]) -> None:
    """Set aside what no row names, and say in the journal what did not agree."""
    for path in unknown:
        files.place(files.absolute(path), UNCLAIMED, path.rsplit("/", 1)[-1])
    if not unknown and not missing:
        return
    now = to_us(clock.now())
    with database.write() as connection:
        for path in unknown:
            write_journal(connection, now, "spool", "file without a row set aside", "spool", path=path)
        for path in missing:
            write_journal(connection, now, "spool", "file missing", "spool", path=path)
