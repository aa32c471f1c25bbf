"""What is still here, and why, on the command line: held pictures too, and a link that is down."""

from pathlib import Path

from click.testing import CliRunner

from gateway.cli.main import main
from tests.support.house import House
from tests.support.ports import free_port


def said(house: House, *command: str) -> str:
    result = CliRunner().invoke(main, ["--config", str(house.config), *command])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_queue_names_what_waits_for_a_person_too(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    assert said(house, "queue").splitlines()[1:] == ["Nothing is waiting."]
    house.drop(1, of_order=77)
    house.drop(2, of_order=78)
    assert house.live("capture/camera") == 0
    assert "2 acquisitions are being matched: gateway queue --state captured" in said(house, "queue")
    assert house.live("assemble") == 0
    shown = said(house, "queue")
    assert "2 acquisitions wait for a person: gateway hold list" in shown
    assert "Nothing is waiting." not in shown
    assert "wait for a person" not in said(house, "queue", "--state", "all")
    assert "2 acquisitions wait for a person." in said(house, "status")


def test_the_queue_says_why_a_delivery_waits_for_its_link(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    house.drop(1, of_order=1)
    house.live_through()
    (row,) = said(house, "queue", "list").splitlines()[1:]
    assert "connect: Nothing listens for main" in row
    assert "check that the peer runs" in row
    assert "connect:" not in said(house, "queue", "list", "--destination", "another")
