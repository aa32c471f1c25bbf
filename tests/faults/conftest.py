"""What the tests of sticks share: a house to export from."""

import shutil

import pytest

from tests.support.exports import PICTURES
from tests.support.house import House
from tests.support.ports import free_port


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with five objects of half a MiB that nobody took; each test works on a copy of its ledger."""
    house = House(tmp_path_factory.mktemp("house"), free_port())
    for number in range(PICTURES):
        house.drop(number, number, edge=400)
    assert house.live("capture/camera") == house.live("assemble") == 0
    shutil.copy(house.spool / "ledger.sqlite", house.root / "kept.sqlite")
    return house


@pytest.fixture
def house(filled: House) -> House:
    for leftover in filled.spool.glob("ledger.sqlite-*"):
        leftover.unlink()
    shutil.copy(filled.root / "kept.sqlite", filled.spool / "ledger.sqlite")
    return filled
