"""Room on the file system of a folder."""

import os
from dataclasses import dataclass
from pathlib import Path


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
