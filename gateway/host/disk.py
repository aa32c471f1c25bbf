"""Room on the file system of a folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """Bytes of a file system: all of them, and those that an ordinary process may still write."""

    total_bytes: int
    free_bytes: int


def disk_room(folder: Path) -> DiskRoom:
    """The room where `folder` lies; of a folder that is not there yet, that of its nearest parent. Raises `OSError`."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    found = os.statvfs(place)
    return DiskRoom(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def make_private_folder(folder: Path) -> None:
    """Make `folder`, for its owner alone, unless it is there; it will hold patient data.

    Raises
    ------
    ConfigurationError
        If it cannot be made or written, with the reason.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        reason = os.strerror(error.errno or 0)
    if reason:
        raise ConfigurationError(
            f"The spool folder {folder} cannot be made or written: {reason}.",
            remedy="Correct spool.path, or give the gateway the right to this folder.",
        )
