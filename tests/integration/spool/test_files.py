"""Files of the spool: the order of durable effects, a full disk, a source that fails, sweeping after a crash."""

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import pytest

from gateway.domain.checkpoints import Checkpoint
from gateway.domain.errors import Disposition, GatewayError, Phase, SpoolFull
from gateway.spool.files import SpoolFiles, digest_of, is_whole, storage_faults

MIB = 1 << 20


@pytest.fixture
def files(tmp_path: Path) -> SpoolFiles:
    made = SpoolFiles(tmp_path, role="capture@fundus")
    made.prepare()
    return made


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB, as the machine itself would have it."""
    place = tmp_path / "tiny"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def temporary_files(root: Path) -> list[Path]:
    return list((root / "tmp").iterdir())


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, 2 * MIB + 7])
def test_what_is_received_is_what_was_read(files: SpoolFiles, size: int) -> None:
    content = os.urandom(size)
    received = files.receive(io.BytesIO(content))
    assert received.temporary.read_bytes() == content
    assert (received.size, received.digest) == (size, sha256(content).hexdigest())
    assert digest_of(received.temporary) == received.digest
    files.discard(received)
    files.discard(received)
    assert not received.temporary.exists()


def test_a_large_stream_never_stands_in_memory(files: SpoolFiles) -> None:
    class Watched(io.RawIOBase):
        largest = 0
        left = 64

        def read(self, size: int = -1) -> bytes:
            self.largest = max(self.largest, size if size >= 0 else 1 << 62)
            self.left -= 1
            return b"\0" * size if self.left >= 0 else b""

    stream = Watched()
    received = files.receive(stream)  # type: ignore[arg-type]  # only read() is asked of it
    assert received.size == 64 * MIB
    assert stream.largest <= MIB


def test_a_source_that_fails_midway_leaves_nothing_and_its_own_error(files: SpoolFiles, tmp_path: Path) -> None:
    class Unplugged(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise OSError(errno.EIO, "the card was pulled out")
            return super().read(size)

    with pytest.raises(OSError, match="pulled out"):
        files.receive(Unplugged(b"x" * (2 * MIB)))
    assert temporary_files(tmp_path) == []


def recorder(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every fsync and rename in order, told by what they concern."""
    seen: list[str] = []
    fsync, rename = os.fsync, os.rename

    def watched_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        seen.append(f"fsync {'folder ' + path.name if path.is_dir() else 'file'}")
        fsync(descriptor)

    def watched_rename(source: Path, target: Path) -> None:
        seen.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "rename", watched_rename)
    return seen


def test_bytes_are_synced_before_the_name_and_the_name_before_anything_is_said(
    files: SpoolFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = recorder(monkeypatch)
    received = files.receive(io.BytesIO(b"abc"))
    assert seen == ["fsync file"]
    path = files.place(received.temporary, "acquisitions/fundus/2026-03-04", "a.jpg")
    assert seen == [
        "fsync file",
        "fsync folder acquisitions",
        "fsync folder fundus",
        "rename",
        "fsync folder 2026-03-04",
    ]
    assert path == "acquisitions/fundus/2026-03-04/a.jpg"
    assert files.absolute(path).read_bytes() == b"abc"


def test_a_new_file_is_synced_when_its_block_ends(files: SpoolFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recorder(monkeypatch)
    with files.new_file() as (stream, temporary):
        stream.write(b"0123")
        stream.seek(1)
        stream.write(b"x")
        assert seen == []
    assert seen == ["fsync file"]
    assert temporary.read_bytes() == b"0x23"


def test_the_kernel_sees_the_same_order(tmp_path: Path) -> None:
    code = (
        "import io, sys, pathlib; from gateway.spool.files import SpoolFiles;"
        " f = SpoolFiles(pathlib.Path(sys.argv[1]), role='r'); f.prepare();"
        " f.place(f.receive(io.BytesIO(b'abc')).temporary, 'acquisitions/d', 'a')"
    )
    log = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=fsync,rename,renameat2,write", "-o", str(log)]
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run([*command, sys.executable, "-c", code, str(tmp_path / "spool")], env=place, check=True)
    calls = [line.split(" ", 1)[1].strip() for line in log.read_text().splitlines()]
    wrote = next(n for n, call in enumerate(calls) if call.startswith("write(") and '"abc"' in call)
    synced = next(n for n, call in enumerate(calls) if call.startswith("fsync(") and "/tmp/r." in call)
    renamed = next(n for n, call in enumerate(calls) if call.startswith("rename"))
    folder = max(n for n, call in enumerate(calls) if call.startswith("fsync(") and "/acquisitions/d>" in call)
    assert wrote < synced < renamed < folder


def test_a_full_disk_is_spool_full_and_leaves_nothing(tiny_disk: Path) -> None:
    files = SpoolFiles(tiny_disk, role="r")
    files.prepare()
    free = files.free_bytes()
    with pytest.raises(SpoolFull):
        files.receive(io.BytesIO(b"x" * (3 * MIB)))
    assert temporary_files(tiny_disk) == []
    assert files.free_bytes() == free


@pytest.mark.parametrize("size", [100, 3 * MIB])
def test_a_full_disk_met_while_building_is_spool_full_and_leaves_nothing(tiny_disk: Path, size: int) -> None:
    files = SpoolFiles(tiny_disk, role="r")
    files.prepare()
    filler = tiny_disk / "filler"
    filler.write_bytes(b"x" * (files.free_bytes()))

    def build() -> None:
        with files.new_file() as (stream, _):
            stream.write(b"x" * size)

    with pytest.raises(SpoolFull):
        build()
    assert temporary_files(tiny_disk) == []
    filler.unlink()
    if size < MIB:
        build()


def test_room_is_kept_in_reserve(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path, role="r", floor_bytes=1 << 62)
    with pytest.raises(SpoolFull, match="reserve") as caught:
        files.ensure_room(0)
    assert caught.value.disposition is Disposition.HALT
    SpoolFiles(tmp_path, role="r", floor_bytes=0).ensure_room(0)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, SpoolFull), (errno.EDQUOT, SpoolFull), (errno.EIO, GatewayError), (errno.EROFS, GatewayError)],
)
def test_what_the_disk_says_is_a_fault_that_halts(code: int, kind: type[GatewayError]) -> None:
    def fail() -> None:
        with storage_faults():
            raise OSError(code, os.strerror(code), "/spool/somebody's name.jpg")

    with pytest.raises(kind) as caught:
        fail()
    assert caught.value.disposition is Disposition.HALT
    assert "somebody" not in str(caught.value)


def test_an_error_that_no_system_raised_is_not_the_disks() -> None:
    def fail() -> None:
        with storage_faults():
            raise OSError("cannot identify image file")

    with pytest.raises(OSError, match="cannot identify"):
        fail()


def test_a_role_sweeps_its_own_leavings_only(tmp_path: Path) -> None:
    roles = [SpoolFiles(tmp_path, role=role) for role in ("capture@a", "capture@a.b", "capture@ab", "assemble")]
    roles[0].prepare()
    kept = [role.receive(io.BytesIO(b"x")) for role in roles]
    assert roles[0].sweep_temporary() == 1
    assert [received.temporary.exists() for received in kept] == [False, True, True, True]
    assert roles[0].sweep_temporary() == 0


def test_files_of_a_folder_are_named_as_the_ledger_does(files: SpoolFiles) -> None:
    for name in ("2026-03-04/a", "2026-03-05/b"):
        folder, last = name.split("/")
        files.place(files.receive(io.BytesIO(b"x")).temporary, f"acquisitions/d/{folder}", last)
    assert sorted(files.files_in("acquisitions/d")) == [
        "acquisitions/d/2026-03-04/a",
        "acquisitions/d/2026-03-05/b",
    ]
    assert list(files.files_in("nowhere")) == []
    files.remove("acquisitions/d/2026-03-04/a")
    files.remove("acquisitions/d/2026-03-04/a")
    assert len(list(files.files_in("acquisitions"))) == 1


class PowerCut(BaseException):
    """Stops the program where power may fail."""


def cut_at(where: Checkpoint) -> Callable[[Checkpoint], None]:
    def passage(point: Checkpoint) -> None:
        if point is where:
            raise PowerCut

    return passage


@pytest.mark.parametrize("where", [Checkpoint.CAPTURE_COPIED, Checkpoint.CAPTURE_SYNCED])
def test_checkpoints_are_passed_while_receiving(tmp_path: Path, where: Checkpoint) -> None:
    files = SpoolFiles(tmp_path, role="r", passage=cut_at(where))
    files.prepare()
    with pytest.raises(PowerCut):
        files.receive(io.BytesIO(b"x"))
    files.sweep_temporary()
    assert temporary_files(tmp_path) == []


@pytest.mark.parametrize("error", [errno.EIO, errno.EUCLEAN])
def test_what_a_disk_does_not_give_back_is_not_whole(tmp_path: Path, error: int) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(b"abc")
    digest = digest_of(path)
    assert is_whole(path, digest)
    with patch("gateway.spool.files.hashlib.file_digest", side_effect=OSError(error, os.strerror(error))):
        assert not is_whole(path, digest)
    path.unlink()
    assert not is_whole(path, digest)
    path.mkdir()
    assert not is_whole(path, digest)


def test_what_cannot_be_read_now_says_nothing_about_the_file(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(b"abc")
    with (
        patch.object(Path, "open", side_effect=OSError(errno.EMFILE, "Too many open files")),
        pytest.raises(GatewayError, match=r"object\.dcm cannot be read") as caught,
    ):
        is_whole(path, "0" * 64)
    assert (caught.value.disposition, caught.value.phase) == (Disposition.RETRY, Phase.SPOOL)
