"""Works in a folder as its owner, so that root at the console leaves nothing there that the roles may not touch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = 0


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Until the block ends be the owner of `folder`, if this process is root's; nothing changes for anybody else.

    Raises
    ------
    OSError
        If `folder` is not there.
    """
    owner = folder.stat()
    if os.geteuid() != _ROOT or owner.st_uid == _ROOT:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(_ROOT)
        os.setegid(group)
