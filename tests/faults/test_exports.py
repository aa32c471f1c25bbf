"""Sticks that are full, read-only, pulled out or lying, and power that fails: named, nothing marked, then resumed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from pydicom.fileset import FileSet

from gateway.domain.errors import GatewayError
from gateway.host.medium import Medium, MediumFault
from gateway.spool.database import Database
from gateway.stages.export import Exporter
from tests.support.exports import PICTURES, after, assert_whole, export, marked
from tests.support.house import House


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """A mounted medium of 16 MiB."""
    folder = tmp_path / "stick"
    folder.mkdir()
    mount(folder, "16m")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def mount(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)


def test_a_full_stick_is_named_before_anything_is_written(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount(folder, "2m")
    try:
        with pytest.raises(MediumFault, match=r"MiB free; .* MiB are needed"):
            export(house, folder)
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert marked(house) == 0


def test_a_stick_that_fills_up_in_mid_export_is_resumed_with_room(house: House, stick: Path) -> None:
    ballast = stick / "ballast"

    def fill() -> None:
        free = shutil.disk_usage(stick).free
        ballast.write_bytes(bytes(free - 300_000))

    with pytest.raises(MediumFault, match="is full"):
        export(house, stick, after(2, fill))
    assert marked(house) == 0
    assert not (stick / "DICOMDIR").exists()
    ballast.unlink()
    before = {path: path.stat().st_mtime_ns for path in stick.rglob("I000000[01]")}
    outcome = export(house, stick)
    assert outcome is not None
    assert (outcome.resumed, outcome.files) == (True, PICTURES)
    assert {path: path.stat().st_mtime_ns for path in stick.rglob("I000000[01]")} == before
    assert marked(house) == PICTURES
    assert_whole(house, stick)


def test_an_export_that_goes_on_is_not_passed_off_as_another(house: House, stick: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        export(house, stick, after(1, _interrupt))
    with pytest.raises(MediumFault, match="begun for more than far"):
        export(house, stick, destination="far")
    assert marked(house) == 0
    outcome = export(house, stick, destination="main")
    assert outcome is not None
    assert (outcome.resumed, outcome.files) == (True, PICTURES)


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_a_read_only_stick_is_named(house: House, stick: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(stick)], check=True)
    with pytest.raises(MediumFault, match="read-only"):
        export(house, stick)
    assert marked(house) == 0


def test_a_stick_that_becomes_read_only_in_mid_export_is_named(house: House, stick: Path) -> None:
    def protect() -> None:
        # a busy file system refuses to be remounted; the next file meets the change
        subprocess.run(["mount", "-o", "remount,ro", str(stick)], check=False, capture_output=True)

    with pytest.raises(MediumFault, match="read-only"):
        export(house, stick, lambda _: protect())
    assert marked(house) == 0


@pytest.mark.parametrize("files", [0, 2, PICTURES])
def test_a_stick_that_is_pulled_out_is_named_and_nothing_is_marked(house: House, stick: Path, files: int) -> None:
    def pull() -> None:
        subprocess.run(["umount", "--lazy", str(stick)], check=True)

    with pytest.raises(MediumFault, match="pulled out"):
        export(house, stick, after(files, pull))
    assert marked(house) == 0
    mount(stick, "16m")
    outcome = export(house, stick)
    assert outcome is not None
    assert_whole(house, stick)


def test_a_folder_that_vanishes_is_named(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    with pytest.raises(MediumFault, match="pulled out"):
        export(house, folder, after(1, lambda: shutil.rmtree(folder)))
    assert marked(house) == 0


def test_a_stick_that_lies_is_found_by_reading_back(house: House, stick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Medium.write

    def lying(self: Medium, name: str, *rest: object) -> str:
        digest = original(self, name, *rest)  # type: ignore[arg-type]  # passed on as they came
        if name.endswith("I0000003"):
            with (stick / name).open("r+b") as stream:
                stream.seek(1000)
                stream.write(b"\xff\x00\xff")
        return digest

    monkeypatch.setattr(Medium, "write", lying)
    with pytest.raises(MediumFault, match="does not give back"):
        export(house, stick)
    assert marked(house) == 0
    assert not (stick / "DICOM/D0000000/I0000003").exists()
    monkeypatch.undo()
    assert export(house, stick) is not None
    assert_whole(house, stick)


def test_bytes_that_rot_on_the_stick_before_the_export_is_resumed_are_written_again(house: House, stick: Path) -> None:
    with pytest.raises(MediumFault):
        export(house, stick, after(3, (stick / "DICOM/D0000000/I0000003.PART").mkdir))
    (stick / "DICOM/D0000000/I0000003.PART").rmdir()
    rotten = stick / "DICOM/D0000000/I0000001"
    content = bytearray(rotten.read_bytes())
    content[len(content) // 2] ^= 1
    rotten.write_bytes(content)
    assert export(house, stick) is not None
    assert_whole(house, stick)


def test_an_object_damaged_in_the_spool_is_left_out_and_named(house: House, stick: Path) -> None:
    damaged = min((house.spool / "instances").rglob("*.dcm"))
    content = damaged.read_bytes()
    try:
        damaged.write_bytes(content[:-1] + b"?")
        outcome = export(house, stick)
    finally:
        damaged.write_bytes(content)
    assert outcome is not None
    assert outcome.damaged == (damaged.stem,)
    assert outcome.files == marked(house) == PICTURES - 1
    assert damaged.stem not in {str(one.SOPInstanceUID) for one in FileSet(stick / "DICOMDIR")}


def test_what_was_delivered_and_released_during_an_export_is_not_called_damaged(house: House, stick: Path) -> None:
    database = Database(house.spool)
    with database.read() as connection:
        last = dict(connection.execute("SELECT id, path FROM instance ORDER BY id DESC LIMIT 1").fetchone())
    path = house.spool / last["path"]
    content = path.read_bytes()

    def release() -> None:
        with database.write() as connection:
            connection.execute("UPDATE instance SET kept = 0 WHERE id = ?", (last["id"],))
        path.unlink()

    try:
        outcome = export(house, stick, after(1, release))
    finally:
        path.write_bytes(content)
        database.close()
    assert outcome is not None
    assert outcome.damaged == ()
    assert outcome.files == PICTURES - 1


def test_when_all_of_it_was_released_meanwhile_the_disk_is_not_blamed(house: House, stick: Path) -> None:
    database = Database(house.spool)
    spooled = sorted((house.spool / "instances").rglob("*.dcm"))
    content = [path.read_bytes() for path in spooled]
    write = Exporter._write_objects  # the moment after the export has begun is nowhere else to be met

    def released_first(exporter: Exporter, medium: Medium) -> object:
        for path in spooled:
            path.unlink(missing_ok=True)
        with database.write() as connection:
            connection.execute("UPDATE instance SET kept = 0")
        return write(exporter, medium)

    try:
        with (
            patch.object(Exporter, "_write_objects", released_first),
            pytest.raises(GatewayError, match="was released; nothing was marked"),
        ):
            export(house, stick)
    finally:
        for path, before in zip(spooled, content, strict=True):
            path.write_bytes(before)
        database.close()


@pytest.mark.parametrize("there", ["EXPORT.ID", "DICOM/D0000000/I0000000", "DICOM/D0000000/I0000003", "SHA256.TXT"])
def test_power_that_fails_during_an_export_marks_nothing_and_the_next_one_goes_on(
    house: House, stick: Path, there: str
) -> None:
    command = [sys.executable, "-m", "gateway", "--config", str(house.config), "export", str(stick)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and not (stick / there).exists():
        time.sleep(0)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    if process.returncode == -signal.SIGKILL and not (stick / "DICOMDIR").exists():
        assert marked(house) == 0
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 or "which is complete" in done.stderr, done.stderr
    assert marked(house) == PICTURES
    assert_whole(house, stick)
