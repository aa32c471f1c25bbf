"""One look at a folder: its regular files with size and time, and what could not be looked at."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.capture.faults import source_trouble
from gateway.capture.folder_settings import FolderRules
from gateway.domain.acquisition import FindingPart, PartRole
from gateway.domain.errors import GatewayError
from gateway.domain.identifiers import display_name


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A regular file as it stood; `name` is relative to the watched folder."""

    name: bytes
    size: int
    mtime_ns: int
    inode: int

    @property
    def folder(self) -> bytes:
        """The folder below the watched one; empty for the watched one itself."""
        return self.name.rpartition(b"/")[0]

    @property
    def own_name(self) -> bytes:
        """The name without its folder."""
        return self.name.rpartition(b"/")[2]

    def part(self, role: PartRole = PartRole.PRIMARY) -> FindingPart:
        """The file as part of a finding."""
        return FindingPart(role, self.name, self.size, self.mtime_ns)


@dataclass(slots=True)
class FolderView:
    """All files that are not ignored, by name, and the folders that could not be read."""

    files: dict[bytes, SeenFile] = field(default_factory=dict)
    troubles: list[GatewayError] = field(default_factory=list)
    _by_lower_name: dict[bytes, SeenFile] = field(default_factory=dict)
    _by_folder: dict[bytes, list[SeenFile]] = field(default_factory=dict)

    def add(self, file: SeenFile) -> None:
        """Take in a file."""
        self.files[file.name] = file
        self._by_lower_name.setdefault(file.name.lower(), file)
        self._by_folder.setdefault(file.folder, []).append(file)

    def named(self, folder: bytes, own_name: bytes) -> SeenFile | None:
        """The file of that name in a folder, or failing that the one whose name differs in case only."""
        wanted = folder + b"/" + own_name if folder else own_name
        return self.files.get(wanted) or self._by_lower_name.get(wanted.lower())

    def in_folder(self, folder: bytes) -> Iterable[SeenFile]:
        """The files of one folder."""
        return self._by_folder.get(folder, ())


def look(root: Path, rules: FolderRules, *, recursive: bool, apart_from: Path) -> FolderView:
    """List `root` without the folder `apart_from`; links, sockets, pipes and devices that are named like pictures are
    not opened but named as troubles.
    """
    view = FolderView()
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        try:
            for entry, name in _entries(root, folder):
                if rules.is_ignored(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if recursive and Path(os.fsdecode(entry.path)) != apart_from:
                        waiting.append(name)
                elif entry.is_file(follow_symlinks=False):
                    _see(view, entry, name)
                elif rules.is_picture(entry.name):
                    view.troubles.append(_no_regular_file(root, name))
        except OSError as error:
            # a folder below that has just gone is no trouble
            if not folder or not isinstance(error, FileNotFoundError):
                view.troubles.append(_unreadable_folder(root, folder, error))
    return view


def _entries(root: Path, folder: bytes) -> Iterator[tuple["os.DirEntry[bytes]", bytes]]:
    base = os.fsencode(root)
    with os.scandir(base + b"/" + folder if folder else base) as entries:
        for entry in entries:
            yield entry, folder + b"/" + entry.name if folder else entry.name


def _see(view: FolderView, entry: "os.DirEntry[bytes]", name: bytes) -> None:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    view.add(SeenFile(name, found.st_size, found.st_mtime_ns, found.st_ino))


def _no_regular_file(root: Path, name: bytes) -> GatewayError:
    return source_trouble(
        f"{root}/{display_name(name)} is a link, a pipe or a device, which is never opened.",
        remedy="Put the picture itself there, or remove it.",
    )


def _unreadable_folder(root: Path, folder: bytes, error: OSError) -> GatewayError:
    name = f"{root}/{display_name(folder)}" if folder else str(root)
    return source_trouble(
        f"The watched folder {name} cannot be read: {error.strerror}.",
        remedy="Make the folder, mount its share, or give the gateway the right to list it.",
    )
