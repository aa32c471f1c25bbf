"""A removable medium: files written, synced and read back from it, with every trouble of sticks named.

A stick may be full, read-only, or pulled out while it is written; its folder then still exists, on the disk below.
"""

import contextlib
import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from gateway.domain.errors import Disposition, GatewayError, Phase

_CHUNK_BYTES = 1 << 20
_PARTIAL = ".PART"
_MOUNTS = Path("/proc/self/mountinfo")
_FAT = frozenset({"vfat", "msdos", "fuse.fusefat"})
_LARGEST_ON_FAT = (1 << 32) - 1
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
_GONE = frozenset(
    {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ECONNABORTED, errno.ESHUTDOWN, errno.ENOMEDIUM}
)
"""What a driver or a file system in a process of its own says when the medium has left."""


def _let_go(stream: io.FileIO) -> None:
    with contextlib.suppress(OSError):  # what went wrong before says more
        stream.close()


def _write_all(stream: io.FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[stream.write(rest) :]


class MediumFault(GatewayError):  # noqa: N818 - names what was found
    """The medium cannot be used; nothing on it counts."""

    def __init__(self, message: str, remedy: str, code: str = "") -> None:
        super().__init__(message, disposition=Disposition.RETRY, phase=Phase.EXPORT, remedy=remedy, code=code)


class Medium:
    """A folder on a medium, held to the file system that it was on at the beginning."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise MediumFault(f"There is no folder {folder}.", "Plug the stick in, mount it, and name its folder.")
        self._identity = self._identify()

    @property
    def folder(self) -> Path:
        """Where the medium is mounted, or a folder on it."""
        return self._folder

    def free_bytes(self) -> int:
        """Bytes that may still be written."""
        with self.faults():
            found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def cluster_bytes(self) -> int:
        """The unit in which the file system gives out room."""
        with self.faults():
            return os.statvfs(self._folder).f_frsize

    def holds_files_of(self, size: int) -> bool:
        """Whether the file system can hold a file of `size` bytes at all, as far as it tells; writes none."""
        if self._file_system() in _FAT and size > _LARGEST_ON_FAT:
            return False
        probe = self._folder / f".GATEWAY{_PARTIAL}"
        with self.faults():
            descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.lseek(descriptor, size, os.SEEK_SET)  # costs nothing, and is refused beyond the longest file
        except OSError:
            return False
        finally:
            os.close(descriptor)
            with self.faults():
                probe.unlink(missing_ok=True)
        return True

    def _file_system(self) -> str:
        """The kind of file system as the mount table names it, for example ``vfat``; empty if it does not say."""
        device, _ = self._identity
        wanted = f"{os.major(device)}:{os.minor(device)}"
        try:
            table = _MOUNTS.read_text(encoding="utf-8", errors="replace")
        except OSError:  # no such table here: the file system is then asked by itself
            return ""
        for line in table.splitlines():
            facts, _, kind = line.partition(" - ")
            if facts.split()[2:3] == [wanted]:
                return kind.split()[0]
        return ""

    def has(self, name: str) -> bool:
        """Whether there is a file of that name (slashes between folders)."""
        return (self._folder / name).is_file()

    def read(self, name: str, most_bytes: int) -> bytes:
        """The beginning of a small file."""
        with self.faults(), (self._folder / name).open("rb") as stream:
            return stream.read(most_bytes)

    def write(self, name: str, source: BinaryIO, progress: Callable[[int], None]) -> str:
        """Copy `source` to a synced file, put it under its name, and return the SHA-256 of what was read from it."""
        target = self._folder / name
        partial = target.with_name(target.name + _PARTIAL)
        digest = hashlib.sha256()
        with self.faults():
            target.parent.mkdir(parents=True, exist_ok=True)
        with self.faults():
            partial.unlink(missing_ok=True)  # what an interrupted export left
            stream = partial.open("wb", buffering=0)
        with ExitStack() as undo:
            undo.callback(_let_go, stream)
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                with self.faults():
                    _write_all(stream, chunk)
                progress(len(chunk))
            with self.faults():
                os.fsync(stream.fileno())
                stream.close()
        with self.faults():
            partial.rename(target)
        return digest.hexdigest()

    def digest_of(self, name: str) -> str:
        """SHA-256 of a file as the medium itself gives it: what the system remembers of it is dropped first."""
        with self.faults(), (self._folder / name).open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def size_of(self, name: str) -> int:
        """Bytes of a file; -1 if it is not there."""
        target = self._folder / name
        with self.faults():
            return target.stat().st_size if target.is_file() else -1

    def remove(self, name: str) -> None:
        """Remove a file that may be there."""
        with self.faults():
            (self._folder / name).unlink(missing_ok=True)

    def settle(self, names: list[str]) -> None:
        """Make the names of these files durable, and make sure that the medium is still the same one."""
        with self.faults():
            for folder in sorted({(self._folder / name).parent for name in names} | {self._folder}):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        self.check()

    def check(self) -> None:
        """Raise `MediumFault` if the medium is no longer there."""
        if self._identify() != self._identity:
            raise self._pulled_out()

    def _identify(self) -> tuple[int, int]:
        try:
            found = self._folder.stat()
        except OSError as error:
            raise self._pulled_out() from error
        return found.st_dev, found.st_ino

    def _pulled_out(self) -> MediumFault:
        return MediumFault(
            f"The medium at {self._folder} was pulled out or fails.",
            "Nothing on it counts. Plug it in again and repeat the command: what is whole on it is kept.",
            "GONE",
        )

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Name what the operating system says, after asking whether the medium is still there."""
        self.check()
        try:
            yield
        except OSError as error:
            self.check()
            raise self._named(error) from error
        self.check()

    def _has_room(self) -> bool:
        """Whether a byte is free; some drivers of FAT forbid what they have no room for."""
        try:
            return os.statvfs(self._folder).f_bavail > 0
        except OSError:
            return True

    def _named(self, error: OSError) -> MediumFault:
        code = errno.errorcode.get(error.errno or 0, "")
        if error.errno in _GONE:
            return self._pulled_out()
        if error.errno in _FULL or (error.errno in _FORBIDDEN and not self._has_room()):
            return MediumFault(f"The medium at {self._folder} is full.", "Use a larger one, or make room on it.", code)
        if error.errno == errno.EROFS:
            return MediumFault(
                f"The medium at {self._folder} is read-only.", "Move its write protection switch, or use another.", code
            )
        if error.errno in _FORBIDDEN:
            return MediumFault(
                f"The medium at {self._folder} may not be written by this user.", "Mount it for this user.", code
            )
        if error.errno == errno.EFBIG:
            return MediumFault(
                f"The file system of the medium at {self._folder} cannot hold so large a file.",
                "Format it as exFAT or ext4: FAT32 ends at 4 GiB.",
                code,
            )
        return MediumFault(
            f"The medium at {self._folder} fails: {error.strerror}.",
            "Nothing on it counts. Plug it in again and repeat the command, or use another.",
            code,
        )
