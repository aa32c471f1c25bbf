"""The commands of a person about performed steps, against a whole gateway in a folder."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import main
from tests.support.house import House
from tests.support.ports import free_port

_MPPS = '\n[[mpps]]\nname = "RIS"\naddress = "127.0.0.1:9"\nae_title = "RIS"\n'


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(
        tmp_path / "box", free_port(), more_settings=_MPPS, more_of_device="\n[performed_step]\nsettle_s = 0\n"
    )
    made.take_patients()
    made.drop(1)
    assert made.live("capture/camera") == 0
    assert made.live("assemble") == 0
    return made


def run(house: House, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(house.config), "step", *arguments])


def test_a_step_is_listed_discontinued_and_its_report_tried_again(house: House) -> None:
    listed = run(house, "list")
    assert listed.exit_code == 0
    for part in ("in progress", "ACC0000", "create", "pending"):
        assert part in listed.output
    closed = run(house, "close", "camera", "--discontinue", "110505")
    assert (closed.exit_code, closed.output.strip()) == (0, "closed")
    assert house.live("assemble") == 0
    after = run(house, "list").output
    assert "discontinued 110505" in after
    assert " set " in after
    assert run(house, "retry", "1").output.strip() == "due now"


def test_what_is_wrong_is_said_and_changes_nothing(house: House) -> None:
    assert run(house, "close", "camera", "--discontinue", "1").exit_code == 2
    refused = run(house, "close", "camera", "--performed", "7")
    assert (refused.exit_code, "not in progress" in refused.output) == (1, True)
    assert run(house, "retry", "77").exit_code == 1
    assert "in progress" in run(house, "list").output


def test_opening_the_next_patient_is_confirmed_while_pictures_come(house: House) -> None:
    first, second = (str(one.number) for one in list(house.status().steps())[:2])
    assert run(house, "open", "camera", first, "--confirmed").exit_code == 0
    house.drop(2)
    assert house.live("capture/camera") == 0
    refused = run(house, "open", "camera", second)
    assert (refused.exit_code, "Confirm, if that examination is over" in refused.output) == (1, True)
    assert run(house, "open", "camera", first).exit_code == 0, "the same patient needs no confirmation"
    assert run(house, "open", "camera", second, "--confirmed").exit_code == 0
    (device,) = house.status().devices()
    assert device.active_step is not None
    assert str(device.active_step.number) == second


def test_the_list_says_when_who_was_told_and_what_is_answered(house: House) -> None:
    listed = run(house, "list").output
    for part in ("since", "answer", "RIS", "create", "pending"):
        assert part in listed
