"""Spool files that the disk has spoilt: never sent, set aside by name, made again where possible."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.domain.views import DeliveryView
from tests.support.backlog import owe, write_objects
from tests.support.dcmtk import received, storescp
from tests.support.forwarding import ForwardRole, Target
from tests.support.house import House
from tests.support.peers import StoreScp
from tests.support.ports import free_port


def test_a_spool_file_whose_bytes_changed_is_set_aside_and_named(tmp_path: Path) -> None:
    with StoreScp(tmp_path / "pacs", None, ae_title="PACS") as pacs:
        role = ForwardRole(tmp_path / "gateway", [Target("main", f"127.0.0.1:{pacs.port}")])
        objects = write_objects(role.spool, 8, 30_000)
        owe(role.spool, objects, ["main"])
        flipped, cut_short, gone = objects[1], objects[3], objects[5]
        with (role.spool / flipped.path).open("r+b") as stream:
            stream.seek(-1000, 2)
            byte = stream.read(1)[0]
            stream.seek(-1000, 2)
            stream.write(bytes([byte ^ 0x10]))
        with (role.spool / cut_short.path).open("r+b") as stream:
            stream.truncate(cut_short.size - 4096)
        (role.spool / gone.path).unlink()
        with role:
            role.await_that(lambda: role.states() == {"stored": 5, "parked": 3}, 30, "the good ones do not get through")
        spoilt = {one.sop_instance_uid for one in (flipped, cut_short, gone)}
        rows = role.rows(
            "SELECT instance.sop_instance_uid AS uid, delivery.*, attempt.disposition FROM delivery"
            " JOIN instance ON instance.id = delivery.instance JOIN attempt ON attempt.delivery = delivery.id"
            " WHERE delivery.state = 'parked'"
        )
        assert {row["uid"] for row in rows} == spoilt
        for row in rows:
            assert (row["phase"], row["disposition"], row["stored_us"]) == ("spool", "quarantine", None)
            assert row["uid"] in row["error"]
            assert row["remedy"]
        assert len(pacs.files()) == 5, "not one byte that is not the frozen one was sent"
        assert not [path for path in pacs.files() if any(uid in path.name for uid in spoilt)]


@contextmanager
def whole_gateway(house: House) -> Iterator[None]:
    """All roles, as they run on a box."""
    command = [sys.executable, "-m", "gateway", "--config", str(house.config), "run"]
    with (house.root / "gateway.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def delivery(house: House) -> DeliveryView:
    """The one delivery that there is."""
    (row,) = house.status().acquisitions()
    return row.deliveries[0]


def until(house: House, condition: Callable[[], object]) -> None:
    """Wait for a condition, at most for a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, (house.root / "gateway.log").read_text(errors="replace")[-4000:]
        time.sleep(0.2)


def spoil(path: Path) -> None:
    """What a failing disk does to one byte."""
    with path.open("r+b") as stream:
        stream.seek(-3, 2)
        byte = stream.read(1)[0]
        stream.seek(-3, 2)
        stream.write(bytes([byte ^ 0x10]))


@pytest.mark.parametrize("capture_is_whole", [True, False], ids=["capture whole", "capture spoilt too"])
def test_a_spoilt_object_is_made_again_from_its_acquisition_or_stays_and_is_named(
    tmp_path: Path, *, capture_is_whole: bool
) -> None:
    port = free_port()
    house = House(tmp_path / "house", port)
    house.drop(1)
    assert house.live("capture/camera") == house.live("assemble") == 0
    (spooled,) = (house.spool / "instances").rglob("*.dcm")
    frozen = spooled.read_bytes()
    spoil(spooled)
    spoilt = spooled.read_bytes()
    (captured,) = [path for path in (house.spool / "acquisitions").rglob("*") if path.is_file()]
    if not capture_is_whole:
        spoil(captured)
    with storescp(tmp_path / "pacs", port), whole_gateway(house):
        if capture_is_whole:
            until(house, lambda: delivery(house).state == "stored")
            assert spooled.read_bytes() == frozen, "byte for byte, under the same UID"
            (kept,) = (house.spool / "damaged").iterdir()
            assert kept.read_bytes() == spoilt
            assert list(received(tmp_path / "pacs")) == [spooled.stem]
        else:
            until(house, lambda: "captured file is damaged as well" in delivery(house).error)
            found = delivery(house)
            assert (found.phase, found.state) == ("spool", "parked")
            assert found.remedy
            assert received(tmp_path / "pacs") == {}
