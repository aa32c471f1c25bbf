"""Small secret files: readable by this account alone, and safe on disk before anybody relies on them."""

import os
import secrets
from pathlib import Path

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600


def private_directory(path: Path) -> Path:
    """Make `path` with mode 0700 if it does not exist, and return it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(_DIRECTORY_MODE)
    return path


def create_private(path: Path, data: bytes) -> bool:
    """Write `data` as a new file with mode 0600; False, changing nothing, if `path` exists already."""
    temporary = _write_beside(path, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
        _sync_directory(path.parent)
    return True


def replace_private(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path` in one step, with mode 0600."""
    _write_beside(path, data).replace(path)
    _sync_directory(path.parent)


def _write_beside(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
