"""Holds by the command line alone: list with reasons, split, discard, take back; and a correction of what was built."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import main
from tests.support.house import House
from tests.support.ports import free_port


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path, free_port())
    for number in range(3):
        made.drop(number, of_order=77)
    made.drop(9, of_order=1)
    assert made.live("capture/camera") == made.live("assemble") == 0
    return made


def command(house: House, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(house.config), *arguments])


def held(house: House) -> list[int]:
    return sorted(row.id for row in house.status().acquisitions(state="held"))


def test_split_discard_and_back(house: House) -> None:
    first, second, third = held(house)
    done = command(house, "hold", "split", str(second), "--and-later")
    assert (done.exit_code, done.output) == (0, "2 split off as an exam of their own\n")
    again = command(house, "hold", "split", str(second), str(third))
    assert again.exit_code == 1
    assert "all pictures of that exam" in again.output
    assert command(house, "hold", "discard", str(first)).exit_code == 2, "a reason is asked for"
    done = command(house, "hold", "discard", str(first), "--reason", "test card", "--operator", "Asha")
    assert done.exit_code == 0
    assert "discarded by Asha: test card" in command(house, "quarantine", "list").output
    assert held(house) == [second, third]
    assert command(house, "quarantine", "release", str(first)).exit_code == 0
    assert house.live("assemble") == 0
    assert held(house) == [first, second, third]


def test_what_the_device_contradicts_is_done_only_when_it_is_said_to_be_meant(house: House) -> None:
    first, second, third = held(house)
    (step,) = [str(one.number) for one in house.status().steps() if one.accession_number == "ACC0002"]
    for against in (
        ["assign", step, str(first), str(second)],
        ["unscheduled", str(third), "--patient-id", "P9", "--patient-name", "A^B", "--accession-number", "ACC0003"],
    ):
        asked = command(house, "hold", *against)
        assert asked.exit_code == 1
        assert "accession number ACC0077" in asked.output
        assert "--confirmed" in asked.output
        assert len(held(house)) == 3 - (against[0] == "unscheduled") * 2, "nothing was done"
        done = command(house, "hold", *against, "--confirmed")
        assert done.exit_code == 0, done.output
    assert held(house) == []


def test_a_correction_says_whose_they_are_and_whose_they_become(house: House) -> None:
    (built,) = house.status().acquisitions(state="assembled")
    number = str(built.id)
    assert command(house, "correct", number, "--reason", "wrong").exit_code == 2
    assert command(house, "correct", number, "--step", "4", "--note-only", "--reason", "wrong").exit_code == 2
    done = command(house, "correct", number, "--step", "4", "--reason", "wrong patient open", "--operator", "Asha")
    assert done.exit_code == 0, done.output
    assert "1 corrected; no destination had seen them" in done.output
    assert house.live("assemble") == 0
    corrected = house.status().acquisition(built.id)
    assert corrected is not None
    successor = house.status().acquisition(corrected.corrected_by)
    assert successor is not None
    assert (corrected.patient_id, successor.patient_id, successor.state) == ("P1", "P3", "assembled")
    listed = command(house, "queue", "--state", "assembled").output
    assert f"rejected: {successor.id} took its place" in listed
    assert f"in the place of {built.id}" in listed
    unknown = command(
        house, "correct", str(successor.id), "--unscheduled", "--reason", "nobody's", "--operator", "Asha"
    )
    assert unknown.exit_code == 0, unknown.output
    assert house.live("assemble") == 0
    newest = house.status().acquisitions()[0]
    assert newest.rule == "unscheduled"
    assert newest.patient_id
