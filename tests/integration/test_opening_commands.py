"""Opening a patient on the command line: on a device that there is, and after a question if somebody was just there."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.bootstrap.people import clock_of
from gateway.cli.main import main
from gateway.spool.captures import CaptureLedger, StoredPart
from gateway.spool.database import Database
from tests.support.house import House
from tests.support.ledger import finding
from tests.support.ports import free_port


@pytest.mark.parametrize("command", [("step", "open", "kamera", "1"), ("step", "scan", "kamera", "ACC0000"),
                                     ("unscheduled", "open", "kamera")])  # fmt: skip
def test_a_typing_error_in_the_device_opens_nobody(tmp_path: Path, command: tuple[str, ...]) -> None:
    house = House(tmp_path / "box", free_port())
    said = CliRunner().invoke(main, ["--config", str(house.config), *command])
    assert said.exit_code == 2
    assert "There is no device kamera, so nobody was opened: did you mean camera?" in said.output
    assert not list((tmp_path / "box").rglob("requests/*/*.json"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A box whose device takes patients from people."""
    made = House(tmp_path / "box", free_port())
    made.take_patients()
    return made


def said(house: House, *command: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(house.config), *command])


def picture(house: House) -> None:
    database = Database(house.spool)
    offered = finding(captured_at=datetime.now(UTC))
    part = StoredPart(offered.parts[0], sha256(b"picture").hexdigest(), 7, "acquisitions/camera/1")
    CaptureLedger(database, clock_of(house.settings)).record("camera", offered, [part])
    database.close()


@pytest.mark.parametrize("command", [("step", "open", "camera", "2"), ("step", "scan", "camera", "ACC0001"),
                                     ("unscheduled", "open", "camera")])  # fmt: skip
def test_somebody_who_was_closed_a_moment_ago_is_asked_about(house: House, command: tuple[str, ...]) -> None:
    assert said(house, "step", "open", "camera", "1").exit_code == 0
    picture(house)
    assert said(house, "step", "close", "camera").exit_code == 0
    assert said(house, "step", "open", "camera", "1").exit_code == 0, "the same patient again"
    assert said(house, "step", "close", "camera").exit_code == 0
    asked = said(house, *command)
    assert asked.exit_code == 1
    assert "Pictures of the patient before came a moment ago." in asked.output
    (device,) = house.status().devices()
    assert device.active_since is None
    if command[1] == "scan":
        return  # a scanner confirms by reading the code again, no sooner than a second later
    assert said(house, *command, "--confirmed").exit_code == 0
    (device,) = house.status().devices()
    assert device.active_since is not None


@pytest.mark.parametrize("command", [("step", "open", "camera", "1"), ("step", "scan", "camera", "ACC0001"),
                                     ("unscheduled", "open", "camera", "--confirmed")])  # fmt: skip
def test_nobody_is_opened_where_it_would_change_nothing(tmp_path: Path, command: tuple[str, ...]) -> None:
    house = House(tmp_path / "box", free_port())
    refused = said(house, *command)
    assert refused.exit_code == 1
    assert "its pictures find their patient by accession number alone, so it would change nothing." in refused.output
    assert 'add "active_step" to match.rules in devices/camera.toml' in refused.output
    (device,) = house.status().devices()
    assert (device.takes_patients, device.active_since) == (False, None)
