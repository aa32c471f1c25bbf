"""The same bytes under two orders in one exam: the second is held with its candidate, never lost in the first."""

import shutil
from pathlib import Path

from gateway.bootstrap.people import ask
from gateway.domain.requests import RequestKind
from tests.support.dcmtk import received, storescp
from tests.support.house import House
from tests.support.ports import free_port


def test_the_second_waits_for_a_person_and_then_goes_to_the_other_patient(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, port)
    name, pixels = house.drop(1, of_order=1)
    hidden = house.drop_folder / ".twin"
    shutil.copyfile(house.drop_folder / name, hidden)
    hidden.rename(house.drop_folder / "ACC0002_00002.png")
    with storescp(tmp_path / "pacs", port):
        house.live_through()
        assert len(received(tmp_path / "pacs")) == 1
        (twin,) = house.status().acquisitions(state="held")
        first = next(row for row in house.status().acquisitions() if row.id != twin.id)
        assert f"acquisition {first.id}" in twin.reason
        (candidate,) = house.status().step_of(twin.candidates)
        wanted = {"ACC0001_00001.png": "ACC0001", "ACC0002_00002.png": "ACC0002"}[twin.display_name]
        assert candidate.accession_number == wanted
        # a worklist that changes does not let it go by itself
        assert house.live("assemble") == 0
        assert [row.id for row in house.status().acquisitions(state="held")] == [twin.id]
        payload = {"acquisitions": str(twin.id), "step": str(candidate.number)}
        assert ask(house.settings, RequestKind.ASSIGN, payload, by="console Asha").ok
        house.live_through()
    at_pacs = received(tmp_path / "pacs")
    assert sorted(accession for accession, _ in at_pacs.values()) == ["ACC0001", "ACC0002"]
    assert all((stored == pixels).all() for _, stored in at_pacs.values())
