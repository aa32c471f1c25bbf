"""The PACS away, the PACS silent, the disk full: the box waits, says so, and completes when the trouble is over."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.dimse.demo_peers import DemoPacs
from tests.support.dcmtk import received, storescp
from tests.support.house import House
from tests.support.ports import free_port


def _delivery_states(house: House) -> list[str]:
    return [d.state for row in house.status().acquisitions(limit=1000) for d in row.deliveries]


def test_pacs_down_at_start_and_up_later(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, port)
    names = [house.drop(number)[0] for number in range(3)]
    house.live_through()
    assert _delivery_states(house) == ["pending"] * 3
    (destination,) = house.status().destinations()
    assert destination.phase == "connect"
    assert destination.error
    assert destination.remedy
    with storescp(tmp_path / "pacs", port):
        house.live_through()
        assert len(received(tmp_path / "pacs")) == len(names)
    assert _delivery_states(house) == ["stored"] * 3
    assert house.status().destinations()[0].error == ""


def _wait(event: threading.Event) -> None:
    event.wait(10)


def test_pacs_that_stores_but_never_answers(tmp_path: Path) -> None:
    folder, never = tmp_path / "pacs", threading.Event()
    folder.mkdir()
    with DemoPacs(folder, ae_title="PACS", tls=None, on_stored=lambda _: _wait(never)) as pacs:
        port = pacs.port
        house = House(tmp_path, port, response_s=1)
        house.drop(1)
        house.live_through()
        (row,) = house.status().acquisitions()
        assert (row.deliveries[0].state, row.deliveries[0].phase) == ("pending", "response")
        assert len(pacs.stored()) == 1, "the peer has it, though it never said so"
        never.set()
    with storescp(tmp_path / "pacs-again", port):
        house.live_through()
    (row,) = house.status().acquisitions()
    assert (row.deliveries[0].state, row.deliveries[0].status) == ("stored", "0000")
    assert row.deliveries[0].attempts > 1
    assert list(received(folder)) == list(received(tmp_path / "pacs-again")) == [row.sop_instance_uid]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_spool_at_its_reserve_refuses_new_pictures_loudly_and_still_delivers_what_it_has(
    tmp_path: Path, small_disk: Path
) -> None:
    port = free_port()
    house = House(tmp_path / "house", port, spool=str(small_disk / "spool"), floor_mib=6)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(15 << 20))
    for number in range(12):
        house.drop(number, edge=400)
    assert house.live("capture/camera") == 1, "capture ends with the fault that the spool is full"
    left = len(list(house.drop_folder.glob("*.png")))
    taken = house.status().acquisitions(limit=100)
    assert left > 0
    assert taken
    assert len(taken) == 12 - left, "what was taken is recorded, what was not is still at the device"
    with storescp(tmp_path / "pacs", port):
        assert house.live("assemble") == 0
        assert house.live("forward") == 0
        assert len(received(tmp_path / "pacs")) == len(taken)
        ballast.unlink()
        house.live_through()
    assert len(received(tmp_path / "pacs")) == 12
    assert not list(house.drop_folder.glob("*.png"))


def test_disk_without_a_single_free_byte_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    port = free_port()
    house = House(tmp_path / "house", port, spool=str(small_disk / "spool"))
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(free - (3 << 20)))
    for number in range(8):
        house.drop(number, edge=400)
    with storescp(tmp_path / "pacs", port):
        for role in ("capture/camera", "assemble", "forward", "capture/camera", "assemble"):
            assert house.live(role) in (0, 1)
        ballast.unlink()
        house.live_through()
    at_pacs = received(tmp_path / "pacs")
    rows = house.status().acquisitions(limit=100)
    assert len(rows) == len(at_pacs) == 8
    assert all(d.state == "stored" for row in rows for d in row.deliveries)
    assert not list(house.drop_folder.glob("*.png"))
