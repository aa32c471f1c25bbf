"""Opening a patient on the command line: on a device that there is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.support.house import House
from tests.support.ports import free_port


@pytest.mark.parametrize("command", [("step", "open", "kamera", "1"), ("step", "scan", "kamera", "ACC0000"),
                                     ("unscheduled", "open", "kamera")])  # fmt: skip
def test_a_typing_error_in_the_device_opens_nobody(tmp_path: Path, command: tuple[str, ...]) -> None:
    house = House(tmp_path / "box", free_port())
    said = CliRunner().invoke(main, ["--config", str(house.config), *command])
    assert said.exit_code == 2
    assert "There is no device kamera, so nobody was opened: did you mean camera?" in said.output
    assert not list((tmp_path / "box").rglob("requests/*/*.json"))
