"""Moving or deleting a source file once its acquisition is safe: durably, and never a file that has changed since."""

import errno
import itertools
import os
import shutil
from pathlib import Path

from gateway.capture.regular_files import directory_of, is_same
from gateway.domain.acquisition import FindingPart

_NOT_SYNCED_HERE = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def delete(root: Path, part: FindingPart) -> None:
    """Delete the part's file below `root`, unless it is gone or another file by now; `OSError` if that fails."""
    try:
        with directory_of(root, part.name) as (folder, own):
            if is_same(os.stat(own, dir_fd=folder, follow_symlinks=False), part):
                os.unlink(own, dir_fd=folder)
                sync_folder(folder)
    except FileNotFoundError:
        return


def move(root: Path, part: FindingPart, target: Path) -> None:
    """Move the part's file below `target`, under its own relative name or one like it; otherwise as `delete`."""
    try:
        with directory_of(root, part.name) as (folder, own):
            if not is_same(os.stat(own, dir_fd=folder, follow_symlinks=False), part):
                return
            place = _make_folder(target / os.fsdecode(part.name.rpartition(b"/")[0]))
            try:
                _move_into(folder, own, place)
                sync_folder(place)
                sync_folder(folder)
            finally:
                os.close(place)
    except FileNotFoundError:
        return


def sync_folder(folder: int) -> None:
    """Make a folder's names durable; network file systems that know no such thing are let be."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NOT_SYNCED_HERE:
            raise


def _make_folder(path: Path) -> int:
    """Make a folder with its parents, durably, and return its handle."""
    missing = list(itertools.takewhile(lambda folder: not folder.is_dir(), (path, *path.parents)))
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        parent = os.open(folder.parent, _DIRECTORY)
        try:
            sync_folder(parent)
        finally:
            os.close(parent)
    return os.open(path, _DIRECTORY)


def _move_into(folder: int, own: bytes, place: int) -> None:
    free = _free_name(place, own)
    try:
        os.rename(own, free, src_dir_fd=folder, dst_dir_fd=place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_across(folder, own, place, free)


def _free_name(place: int, own: bytes) -> bytes:
    """A name that the folder does not have yet: ``a.jpg``, then ``a.1.jpg`` and so on."""
    stem, dot, suffix = own.rpartition(b".") if b"." in own[1:] else (own, b"", b"")
    names = itertools.chain([own], (b"%b.%d%b%b" % (stem, n, dot, suffix) for n in itertools.count(1)))
    return next(name for name in names if not _exists(place, name))


def _exists(place: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _copy_across(folder: int, own: bytes, place: int, free: bytes) -> None:
    """To another file system: the copy is whole and synced before it gets its name and the original goes."""
    hidden = b".%b.part" % free[:200]
    source = os.open(own, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(source, "rb") as reading:
        target = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640, dir_fd=place)
        with os.fdopen(target, "wb") as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)
            writing.flush()
            os.fsync(writing.fileno())
            times = os.fstat(reading.fileno())
            os.utime(writing.fileno(), ns=(times.st_atime_ns, times.st_mtime_ns))
    os.rename(hidden, free, src_dir_fd=place, dst_dir_fd=place)
    sync_folder(place)
    os.unlink(own, dir_fd=folder)
