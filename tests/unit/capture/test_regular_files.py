"""Whether a file is being written is believed only where the file system can know."""

import os
from pathlib import Path

import pytest

from gateway.capture import regular_files
from gateway.capture.regular_files import is_being_written


def test_a_closed_file_is_not_being_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with (tmp_path / "a").open("rb") as stream:
        assert not is_being_written(stream.fileno())


@pytest.mark.parametrize(("kind", "expected"), [("ext4", True), ("cifs", False), ("nfs4", False), ("fuseblk", False)])
def test_a_refused_lease_counts_only_on_local_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, expected: bool
) -> None:
    path = tmp_path / "a"
    with path.open("wb"), path.open("rb") as stream:
        device = os.fstat(stream.fileno()).st_dev
        mounts = tmp_path / "mountinfo"
        mounts.write_text(f"36 35 {os.major(device)}:{os.minor(device)} / /data rw - {kind} /dev/x rw\n")
        monkeypatch.setattr(regular_files, "_MOUNTS", mounts)
        assert is_being_written(stream.fileno()) is expected
