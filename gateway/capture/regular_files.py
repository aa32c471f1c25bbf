"""Opening what a device put down: regular files only, no link followed, nothing taken that changes under the hand."""

import errno
import fcntl
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from gateway.capture.faults import input_fault, source_trouble
from gateway.domain.acquisition import FindingPart
from gateway.domain.errors import GatewayError

_SIGURG = 23
"""What the system would send when a writer comes in between: a signal that does nothing unless asked for."""
_MOUNTS = Path("/proc/self/mountinfo")
_LOCAL_KINDS = frozenset({"ext2", "ext3", "ext4", "xfs", "f2fs", "vfat", "exfat", "tmpfs", "overlay", "zfs"})
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def directory_of(root: Path, name: bytes) -> Iterator[tuple[int, bytes]]:
    """A handle of the folder that holds `name` below `root`, reached without following a link, and its own name."""
    *folders, own = name.split(b"/")
    if own in (b"", b".", b"..") or any(step in (b"", b".", b"..") for step in folders):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    handle = os.open(root, _DIRECTORY)
    try:
        for step in folders:
            deeper = os.open(step, _DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = deeper
        yield handle, own
    finally:
        os.close(handle)


def open_regular(root: Path, name: bytes) -> int:
    """A descriptor of the regular file `name` below `root`; `OSError` otherwise."""
    with directory_of(root, name) as (folder, own):
        descriptor = os.open(own, _READ, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return descriptor


def is_same(found: os.stat_result, part: FindingPart) -> bool:
    """Whether a file still is the part that was offered."""
    return stat.S_ISREG(found.st_mode) and found.st_size == part.size and found.st_mtime_ns == part.mtime_ns


def is_being_written(descriptor: int) -> bool:
    """Whether some process of this machine has the file open for writing; False where the file system cannot tell.

    A read lease is refused while a writer exists. It is given back at once; a writer that comes in between waits for
    that moment, and its signal is one that does nothing.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, _SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN and _is_local(os.fstat(descriptor).st_dev)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _is_local(device: int) -> bool:
    """Whether a device holds a file system whose leases mean something; SMB and NFS refuse them at will."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    kinds = (line.partition(" - ")[2].split(" ", 1)[0] for line in mounts if line.split(" ", 3)[2] == number)
    return any(kind in _LOCAL_KINDS for kind in kinds)


class _GuardedFile(io.RawIOBase):
    """A part while it is copied; the last read fails if the file is no longer the one that was offered."""

    def __init__(self, descriptor: int, part: FindingPart) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._part = part
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer is a memoryview here
        try:
            count = os.readv(self._descriptor, [buffer])
            unchanged = is_same(os.fstat(self._descriptor), self._part)
        except OSError as error:
            raise input_fault("A source file cannot be read", error) from error
        self._count += count
        if not unchanged or self._count > self._part.size or (not count and self._count != self._part.size):
            raise _changed()
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def open_part(root: Path, part: FindingPart) -> BinaryIO:
    """The bytes of a part, guarded against changes; `GatewayError` (RETRY) when it is gone, changed or forbidden."""
    try:
        descriptor = open_regular(root, part.name)
    except FileNotFoundError as error:
        raise input_fault("A source file has gone before it was taken", error) from error
    except OSError as error:
        raise input_fault("A source file cannot be opened", error) from error
    if not is_same(os.fstat(descriptor), part):
        os.close(descriptor)
        raise _changed()
    return cast("BinaryIO", io.BufferedReader(_GuardedFile(descriptor, part), 1 << 20))


def _changed() -> GatewayError:
    return source_trouble(
        "A source file changed while it was read.", remedy="It is taken once it stays as it is; nothing need be done."
    )
