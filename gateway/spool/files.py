"""Bytes in the spool: written beside, synced, renamed, and the directory synced, before anything is said about them."""

import errno
import hashlib
import io
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO

from gateway.domain.checkpoints import Checkpoint, Passage, pass_by
from gateway.domain.errors import Disposition, GatewayError, Phase, SpoolFull

_TEMPORARY = "tmp"
_CHUNK_BYTES = 1 << 20
_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EXDEV})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_LOST = frozenset({errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.ENODATA, errno.EISDIR, errno.ENOTDIR})
"""What a disk says of a file whose sectors or whose directory it cannot read."""


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """Bytes that are synced under a temporary name, with their SHA-256 in hex."""

    temporary: Path
    digest: str
    size: int


@contextmanager
def storage_faults() -> Iterator[None]:
    """Turn the operating system's storage errors into faults that say what the gateway does about them."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # raised by a library in its own sense, not by the operating system
            raise
        if error.errno in _NO_ROOM:
            raise SpoolFull("The spool has no room left.") from error
        raise GatewayError(
            f"The spool cannot be written: {error.strerror}.",
            disposition=Disposition.HALT,
            phase=Phase.SPOOL,
            remedy="Check the disk and the rights on the spool directory.",
            code=errno.errorcode.get(error.errno or 0, ""),
        ) from error


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a directory and what is missing above it, each name durable in its parent."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def digest_of(path: Path) -> str:
    """SHA-256 of a file in hex, read in chunks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_whole(path: Path, digest: str) -> bool:
    """Whether a file has this SHA-256; one that is gone, or that its disk does not give back, has it not.

    Raises
    ------
    GatewayError
        RETRY, phase SPOOL: it cannot be read now, which says nothing about the file.
    """
    try:
        return digest_of(path) == digest
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _LOST:
            return False
        raise GatewayError(
            f"The spooled file {path.name} cannot be read: {error.strerror}.",
            disposition=Disposition.RETRY,
            phase=Phase.SPOOL,
            remedy="Check the rights on the spool directory, and what else runs on this box.",
            code=errno.errorcode.get(error.errno or 0, ""),
        ) from error


def link_file(source: Path, target: Path) -> None:
    """Give a file a second, durable name, or make a synced copy where the file system knows no such thing.

    A name that exists already is left: it was given by a try that came to no end.
    """
    with storage_faults():
        make_folder(target.parent)
        if target.exists() and target.samefile(source):
            return
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(source)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy_synced(source, target)
        sync_directory(target.parent)


def _copy_synced(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as handle:
        os.fsync(handle.fileno())


def _write_all(handle: io.FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[handle.write(rest) :]


class SpoolFiles:
    """The spool directory as one role writes it.

    Temporary files carry the role's name, so that only it sweeps them after a crash; `floor_bytes` of free space are
    never used by new acquisitions.
    """

    def __init__(self, root: Path, *, role: str, floor_bytes: int = 0, passage: Passage = pass_by) -> None:
        self._root = root
        self._role = role.replace("/", "_")
        self._floor_bytes = floor_bytes
        self._passage = passage

    def prepare(self) -> None:
        """Make the directories that must exist; safe to call by several roles at once."""
        with storage_faults():
            for name in (_TEMPORARY, "acquisitions", "instances", "thumbnails"):
                make_folder(self._root / name)

    def absolute(self, path: str) -> Path:
        """The file behind a path of the ledger."""
        return self._root / path

    def free_bytes(self) -> int:
        """Free bytes of the spool's file system."""
        return shutil.disk_usage(self._root).free

    def used_share(self) -> float:
        """Used share of the spool's file system, as far as an ordinary process may fill it."""
        usage = shutil.disk_usage(self._root)
        return usage.used / max(1, usage.used + usage.free)

    def ensure_room(self, size: int) -> None:
        """Raise `SpoolFull` unless `size` bytes fit above the floor."""
        free = self.free_bytes()
        if free - size < self._floor_bytes:
            raise SpoolFull(
                f"The spool has {free >> 20} MiB free; {self._floor_bytes >> 20} MiB are kept in reserve, "
                "so nothing new is captured."
            )

    def receive(self, stream: BinaryIO) -> ReceivedFile:
        """Copy `stream` to a synced temporary file; `stream` failing leaves nothing behind and raises its own error."""
        target = self._temporary()
        digest = hashlib.sha256()
        size = 0
        with ExitStack() as undo:
            undo.callback(target.unlink, missing_ok=True)
            with storage_faults():
                # unbuffered: a buffer that did not fit the disk would be tried, and fail, once more at closing
                handle = target.open("xb", buffering=0)
            with handle:
                while chunk := stream.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                    with storage_faults():
                        _write_all(handle, chunk)
                self._passage(Checkpoint.CAPTURE_COPIED)
                with storage_faults():
                    os.fsync(handle.fileno())
            undo.pop_all()
        self._passage(Checkpoint.CAPTURE_SYNCED)
        return ReceivedFile(target, digest.hexdigest(), size)

    @contextmanager
    def new_file(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A seekable temporary file for writing; synced when the block ends, removed when it raises."""
        target = self._temporary()
        with ExitStack() as undo:
            undo.callback(target.unlink, missing_ok=True)
            with storage_faults(), target.open("x+b") as handle:
                yield handle, target
                self._passage(Checkpoint.ASSEMBLE_WRITTEN)
                handle.flush()
                os.fsync(handle.fileno())
            undo.pop_all()

    def place(self, temporary: Path, folder: str, name: str) -> str:
        """Give a synced temporary file its final name, durably, and return its path for the ledger."""
        path = f"{folder}/{name}"
        target = self._root / path
        with storage_faults():
            make_folder(target.parent)
            temporary.rename(target)
            sync_directory(target.parent)
        return path

    def place_object(self, temporary: Path, day: date, uid: str) -> tuple[str, str, int]:
        """Name a synced object by its SOP Instance UID below `day`; its path for the ledger, SHA-256 and length.

        The bytes that are hashed are the bytes that were synced.
        """
        digest, size = digest_of(temporary), temporary.stat().st_size
        return self.place(temporary, f"instances/{day:%Y-%m-%d}", f"{uid}.dcm"), digest, size

    def remove(self, path: str) -> None:
        """Remove a file; it may be gone already."""
        with storage_faults():
            (self._root / path).unlink(missing_ok=True)

    def discard(self, received: ReceivedFile) -> None:
        """Remove a temporary file that is not wanted."""
        received.temporary.unlink(missing_ok=True)

    def sweep_temporary(self) -> int:
        """Remove what a dead run of this role left under temporary names, and return how many files that were."""
        count = 0
        with storage_faults():
            for entry in (self._root / _TEMPORARY).iterdir():
                if entry.name.rpartition(".")[0] != self._role:
                    continue
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink(missing_ok=True)
                count += 1
        return count

    def files_in(self, folder: str) -> Iterator[str]:
        """Paths of all files in a folder of the spool, as the ledger would name them."""
        base = self._root / folder
        for path in base.rglob("*"):
            if path.is_file():
                yield path.relative_to(self._root).as_posix()

    def _temporary(self) -> Path:
        return self._root / _TEMPORARY / f"{self._role}.{uuid.uuid4().hex}"
