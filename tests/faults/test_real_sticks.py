"""Exports to file systems as sticks have them: FAT through FUSE, ext4 and ext2 on loop devices, real to the last block.

A kernel without vfat still has a real FAT: fusefat writes it, and dosfstools judges what it wrote.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.fileset import FileSet

from gateway.host.medium import Medium, MediumFault
from gateway.spool.database import Database
from gateway.spool.files import digest_of
from tests.support.exports import PICTURES, after, assert_whole, export, marked
from tests.support.house import House

MIB = 1 << 20


@dataclass
class Stick:
    """An image with a file system, mounted at a folder."""

    kind: str
    image: Path
    folder: Path

    def make(self, size: int, *options: str) -> None:
        with self.image.open("wb") as stream:
            stream.truncate(size)
        program = {"fat": "mkfs.vfat", "ext4": "mkfs.ext4", "ext2": "mkfs.ext2"}[self.kind]
        subprocess.run([program, *options, str(self.image)], check=True, capture_output=True)

    def mount(self, *, read_only: bool = False) -> None:
        if self.kind == "fat":
            how = "ro" if read_only else "rw+"
            subprocess.run(["fusefat", "-o", how, str(self.image), str(self.folder)], check=True, capture_output=True)
        else:
            how = "loop,ro" if read_only else "loop"
            subprocess.run(["mount", "-o", how, str(self.image), str(self.folder)], check=True)
        assert self.folder.is_mount()

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)

    def pull(self) -> None:
        """What a hand does: the medium is gone while files on it are open."""
        if self.kind == "fat":
            os.kill(self._server(), signal.SIGKILL)
        else:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def repair(self) -> None:
        """Check the stick as a computer does; of FAT take another: its driver here leaves a ruin when it is killed."""
        if self.kind == "fat":
            self.make(24 * MIB)
        else:
            subprocess.run(["fsck.ext4", "-fy", str(self.image)], check=False, capture_output=True)

    def clear(self) -> None:
        """Whatever state it is in, leave nothing mounted."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)

    def is_sound(self) -> bool:
        """Whether the file system's own checker finds nothing wrong."""
        program = {"fat": ["fsck.vfat", "-n"], "ext4": ["fsck.ext4", "-fn"], "ext2": ["fsck.ext2", "-fn"]}[self.kind]
        return subprocess.run([*program, str(self.image)], check=False, capture_output=True).returncode == 0

    def _server(self) -> int:
        """The process that serves this image and no other."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:  # it ended meanwhile
                    continue
                if command[0].endswith(b"fusefat") and os.fsencode(self.image) in command:
                    return int(entry.name)
        raise AssertionError("nothing serves this stick")


@pytest.fixture(params=["fat", "ext4"])
def stick(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stick]:
    """A stick of 24 MiB that is not mounted yet."""
    folder = tmp_path / "stick"
    folder.mkdir()
    made = Stick(request.param, tmp_path / "stick.img", folder)
    made.make(24 * MIB)
    yield made
    made.clear()


def test_what_comes_off_the_stick_elsewhere_is_what_went_on_it(house: House, stick: Stick) -> None:
    stick.mount()
    outcome = export(house, stick.folder)
    assert outcome is not None
    assert outcome.files == PICTURES
    stick.unmount()
    assert stick.is_sound()
    stick.mount(read_only=True)
    assert_whole(house, stick.folder)
    manifest = dict(line.split()[::-1] for line in (stick.folder / "SHA256.TXT").read_text().splitlines())
    assert {name: digest_of(stick.folder / name) for name in manifest} == manifest
    assert len(FileSet(stick.folder / "DICOMDIR")) == PICTURES
    assert marked(house) == PICTURES


def test_a_stick_without_room_is_named_before_anything_is_written(house: House, stick: Stick) -> None:
    stick.mount()
    (stick.folder / "BALLAST").write_bytes(bytes(22 * MIB if stick.kind == "fat" else 18 * MIB))
    before = sorted(path.name for path in stick.folder.iterdir())
    with pytest.raises(MediumFault, match=r"MiB free; .* MiB are needed"):
        export(house, stick.folder)
    assert sorted(path.name for path in stick.folder.iterdir()) == before
    assert marked(house) == 0


def test_a_stick_that_fills_up_is_named_and_resumed(house: House, stick: Stick) -> None:
    stick.mount()
    ballast = stick.folder / "BALLAST"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as stream:
            try:
                while stream.write(bytes(256 * 1024)) == 256 * 1024:
                    pass
            except OSError:
                pass

    with pytest.raises(MediumFault, match="is full"):
        export(house, stick.folder, after(2, fill))
    assert marked(house) == 0
    assert not (stick.folder / "DICOMDIR").exists()
    ballast.unlink()
    outcome = export(house, stick.folder)
    assert outcome is not None
    assert (outcome.resumed, outcome.files) == (True, PICTURES)
    assert_whole(house, stick.folder)


def test_a_write_protected_stick_is_named(house: House, stick: Stick) -> None:
    stick.mount(read_only=True)
    with pytest.raises(MediumFault, match="read-only"):
        export(house, stick.folder)
    assert marked(house) == 0


@pytest.mark.parametrize("files", [0, 2, PICTURES])
def test_a_stick_that_is_pulled_out_counts_for_nothing_until_it_is_back(house: House, stick: Stick, files: int) -> None:
    stick.mount()
    with pytest.raises(MediumFault, match="pulled out or fails"):
        export(house, stick.folder, after(files, stick.pull))
    assert marked(house) == 0
    stick.clear()
    _settle(stick)
    stick.repair()
    stick.mount()
    outcome = export(house, stick.folder)
    assert outcome is not None
    assert_whole(house, stick.folder)
    assert marked(house) == PICTURES


def test_an_object_that_no_file_of_the_stick_can_hold_is_named_first(house: House, stick: Stick) -> None:
    """FAT32 ends one byte below 4 GiB, ext2 with the smallest blocks below 17 GiB; the stick says that it has room."""
    stick.kind, size = ("fat", 1 << 32) if stick.kind == "fat" else ("ext2", 20 << 30)
    stick.make(24 * MIB, *(["-b", "1024"] if stick.kind == "ext2" else []))
    stick.mount()
    assert Medium(stick.folder).holds_files_of(size - 1 if stick.kind == "fat" else 16 << 30)
    database = Database(house.spool)
    with database.write() as connection:
        connection.execute("UPDATE instance SET size = ? WHERE id = 3", (size,))
    database.close()
    before = sorted(path.name for path in stick.folder.iterdir())
    roomy = pytest.MonkeyPatch()
    roomy.setattr(Medium, "free_bytes", lambda _: 1 << 40)
    with pytest.raises(MediumFault, match="holds no file of") as caught:
        export(house, stick.folder)
    roomy.undo()
    assert "delivery 3" in caught.value.message
    assert sorted(path.name for path in stick.folder.iterdir()) == before
    assert marked(house) == 0


def _settle(stick: Stick) -> None:
    """A stick that was pulled out has to be let go of by the kernel before it can be put in again."""
    deadline = time.monotonic() + 10
    while stick.folder.is_mount() and time.monotonic() < deadline:
        time.sleep(0.05)
