"""Power cuts at every named point, again and again: nothing lost, nothing twice, nothing under a wrong patient."""

import random
from pathlib import Path

import pytest

from gateway.domain.checkpoints import Checkpoint
from tests.support.dcmtk import received, storescp
from tests.support.house import House, KillAt
from tests.support.ports import free_port

_ROUNDS = 12
_ROLE_OF = {"capture": "capture/camera", "assemble": "assemble", "deliver": "forward"}
_POINTS = [point for point in Checkpoint if point.value.partition(".")[0] in _ROLE_OF]


@pytest.mark.timeout(900)
def test_kills_at_every_point_lose_and_double_nothing(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, port)
    dropped = {}
    kills = 0
    with storescp(tmp_path / "pacs", port):
        for turn in range(_ROUNDS):
            points = list(_POINTS)
            random.Random(turn).shuffle(points)
            for number, point in enumerate(points):
                serial = turn * len(_POINTS) + number
                name, pixels = house.drop(serial, of_order=serial % 5)
                dropped[name] = pixels
                victim = _ROLE_OF[point.value.partition(".")[0]]
                for role in _ROLE_OF.values():
                    if role == victim:
                        assert house.live(role, KillAt(point)) == -9, f"{point} was never passed"
                        kills += 1
                        break
                    assert house.live(role) == 0
            # what is cut down five times in a row is set aside as poison, which is another test's matter
            house.live_through()
        house.live_through()
    assert kills >= 200
    assert not list(house.drop_folder.glob("*.png"))
    rows = {row.display_name: row for row in house.status().acquisitions(limit=1000)}
    assert set(rows) == set(dropped)
    at_pacs = received(tmp_path / "pacs")
    assert len(at_pacs) == len(dropped)
    for name, pixels in dropped.items():
        row = rows[name]
        assert [(d.destination, d.state) for d in row.deliveries] == [("main", "stored")], name
        accession, stored_pixels = at_pacs[row.sop_instance_uid]
        assert accession == name[:7]
        assert (stored_pixels == pixels).all(), name
    assert not list((house.spool / "tmp").iterdir())
    assert not list((house.spool / "unclaimed").glob("*")) or house.live("assemble") == 0
    assert not list((house.spool / "unclaimed").glob("*"))
