"""A configuration that changes while deliveries run: named, nothing lost, nothing counted that no PACS has."""

from pathlib import Path

import pytest

from gateway.bootstrap.people import ask
from gateway.bootstrap.settings import load_configuration
from gateway.dimse.demo_peers import DemoPacs
from gateway.domain.checkpoints import Checkpoint
from gateway.domain.counting import counted
from gateway.domain.requests import RequestKind
from tests.support.dcmtk import received, storescp
from tests.support.house import House, KillAt
from tests.support.peers import StoreScp
from tests.support.pki import make_pki
from tests.support.ports import free_port

PICTURES = 4
POINTS = [Checkpoint.DELIVER_CLAIMED, Checkpoint.DELIVER_ASSOCIATED, Checkpoint.DELIVER_ANSWERED]


def change(house: House, old: str, new: str) -> None:
    """Edit the configuration as an engineer does; the next life of each role reads it."""
    text = house.config.read_text()
    assert old in text
    house.config.write_text(text.replace(old, new))
    house.settings = load_configuration(house.config)


def stop_in_mid_delivery(house: House, point: Checkpoint) -> None:
    """Let the forward role die with some deliveries done, one under way and others claimed."""
    for number in range(PICTURES):
        house.drop(number, number)
    assert house.live("capture/camera") == house.live("assemble") == 0
    nth = 3 if point is Checkpoint.DELIVER_ANSWERED else 1
    assert house.live("forward", KillAt(point, nth)) == -9


def deliveries(house: House) -> list[tuple[str, str, str]]:
    """Destination, state and SOP Instance UID of each delivery."""
    rows = house.status().acquisitions()
    return [(one.destination, one.state, row.sop_instance_uid) for row in rows for one in row.deliveries]


def stored(house: House) -> set[str]:
    return {uid for _, state, uid in deliveries(house) if state == "stored"}


def issues(house: House) -> dict[str, str]:
    return {issue.key: f"{issue.text} {issue.suggestion}" for issue in house.status().issues()}


@pytest.mark.parametrize("point", POINTS)
def test_a_destination_that_is_renamed_leaves_orphans_that_are_named_and_moved(
    tmp_path: Path, point: Checkpoint
) -> None:
    port, pacs = free_port(), tmp_path / "pacs"
    house = House(tmp_path / "house", port)
    with storescp(pacs, port):
        stop_in_mid_delivery(house, point)
        change(house, 'name = "main"', 'name = "archive"')
        assert house.live("assemble") == house.live("forward") == 0
        done = stored(house)
        assert done <= set(received(pacs))
        left = PICTURES - len(done)
        owed = f"{counted(left, 'object is', 'objects are')} owed to main"
        assert f"{owed}, which is no longer configured." in issues(house)["house.orphan.main"]
        assert {name for name, _, _ in deliveries(house)} == {"main"}
        assert house.status().counts().undelivered == left
        outcome = ask(
            house.settings, RequestKind.RETARGET, {"source": "main", "destination": "archive"}, by="console asha"
        )
        assert outcome.ok, outcome.outcome
        assert house.live("forward") == house.live("assemble") == 0
    assert len(stored(house)) == PICTURES
    assert set(received(pacs)) == stored(house)
    assert "house.orphan.main" not in issues(house)


@pytest.mark.parametrize("point", POINTS)
def test_a_destination_that_is_removed_keeps_what_it_is_owed_until_it_is_back(
    tmp_path: Path, point: Checkpoint
) -> None:
    port, pacs = free_port(), tmp_path / "pacs"
    house = House(tmp_path / "house", port)
    before = house.config.read_text()
    with storescp(pacs, port):
        stop_in_mid_delivery(house, point)
        done = stored(house)
        change(house, 'name = "main"', f'name = "other"\ncalling_ae_title = "X{port}"')
        assert house.live("assemble") == house.live("forward") == 0
        assert stored(house) == done
        assert "house.orphan.main" in issues(house)
        assert len(list((house.spool / "instances").rglob("*.dcm"))) == PICTURES
        change(house, house.config.read_text(), before)
        assert house.live("forward") == house.live("assemble") == 0
    assert len(stored(house)) == PICTURES
    assert set(received(pacs)) == stored(house)
    assert "house.orphan.main" not in issues(house)


@pytest.mark.parametrize("point", POINTS)
def test_a_destination_that_moves_elsewhere_gets_the_rest_there(tmp_path: Path, point: Checkpoint) -> None:
    old_port, new_port = free_port(), free_port()
    old, new = tmp_path / "old", tmp_path / "new"
    house = House(tmp_path / "house", old_port)
    with storescp(old, old_port):
        stop_in_mid_delivery(house, point)
    done = stored(house)
    assert done <= set(received(old))
    change(house, f"127.0.0.1:{old_port}", f"127.0.0.1:{new_port}")
    with storescp(new, new_port):
        assert house.live("forward") == house.live("assemble") == 0
    assert len(stored(house)) == PICTURES
    assert set(received(new)) == stored(house) - done


def test_a_change_lets_what_was_parked_try_again_and_what_a_person_held_stay(tmp_path: Path) -> None:
    port, pacs = free_port(), tmp_path / "pacs"
    house = House(tmp_path / "house", port)
    with storescp(pacs, port, "--refuse"):
        for number in range(2):
            house.drop(number, number)
        assert house.live("capture/camera") == house.live("assemble") == house.live("forward") == 0
        assert stored(house) == set()
        assert ask(house.settings, RequestKind.HOLD_BACK, {"deliveries": "1"}, by="console asha").ok
    change(house, 'ae_title = "PACS"', 'ae_title = "PACS2"')
    with storescp(pacs, port):
        assert house.live("forward") == 0
    assert sorted(state for _, state, _ in deliveries(house)) == ["held", "stored"]
    assert set(received(pacs)) == stored(house)


def test_a_faulty_change_stops_the_role_and_touches_nothing(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path / "house", port)
    with storescp(tmp_path / "pacs", port):
        stop_in_mid_delivery(house, Checkpoint.DELIVER_CLAIMED)
        before = deliveries(house)
        good = house.config.read_text()
        house.config.write_text(good.replace("127.0.0.1:", "127.0.0.1:nowhere"))
        assert house.live("forward") != 0
        assert deliveries(house) == before
        house.config.write_text(good)
        assert house.live("forward") == 0
    assert set(received(tmp_path / "pacs")) == stored(house)
    assert len(stored(house)) == PICTURES


@pytest.mark.parametrize("point", POINTS)
def test_tls_that_is_switched_on_in_mid_delivery(tmp_path: Path, point: Checkpoint) -> None:
    port = free_port()
    pki = make_pki(tmp_path / "pki")
    house = House(tmp_path / "house", port)
    with storescp(tmp_path / "plain", port):
        stop_in_mid_delivery(house, point)
    with StoreScp(tmp_path / "secured", pki, ae_title="PACS", port=port) as pacs:
        assert house.live("forward") == 0
        done = stored(house)
        assert done <= set(received(tmp_path / "plain"))
        assert pacs.files() == [], "nothing goes in plain to a port that wants TLS"
        (destination,) = house.status().destinations()
        assert destination.error
        assert destination.remedy
        files = f'ca = "{pki.certificate("ca")}", certificate = "{pki.certificate("box")}"'
        change(house, 'ae_title = "PACS"\n', f'ae_title = "PACS"\ntls = {{ {files}, key = "file:{pki.key("box")}" }}\n')
        assert house.live("forward") == house.live("assemble") == 0
        assert len(stored(house)) == PICTURES
        assert set(received(pacs.received)) == stored(house) - done
    assert house.status().destinations()[0].error == ""


def test_a_called_title_that_is_corrected_lets_the_rest_go_at_once(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "pacs"
    house = House(tmp_path / "house", port)
    with storescp(folder, port):
        stop_in_mid_delivery(house, Checkpoint.DELIVER_ANSWERED)
    done = stored(house)
    with DemoPacs(folder, ae_title="RENAMED", tls=None, port=port) as pacs:
        assert house.live("forward") == 0
        assert stored(house) == done
        (destination,) = house.status().destinations()
        assert destination.phase == "negotiate"
        assert "not called by that AE title" in destination.error
        assert {state for _, state, _ in deliveries(house)} <= {"stored", "pending"}, "no object is to blame"
        change(house, 'ae_title = "PACS"', 'ae_title = "RENAMED"')
        assert house.live("forward") == 0
        assert len(stored(house)) == PICTURES
        assert {path.stem for path in pacs.stored()} >= stored(house) - done
    assert house.status().destinations()[0].error == ""
