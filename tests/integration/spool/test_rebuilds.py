"""Damaged spooled objects: made again byte for byte, or with other bytes only while nobody can have seen the first."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from gateway.bootstrap.people import ask
from gateway.bootstrap.rebuild import rebuild_stage
from gateway.bootstrap.roles import prepare
from gateway.bootstrap.settings import load_configuration
from gateway.domain.requests import RequestKind
from gateway.spool.database import Database
from gateway.spool.files import digest_of
from gateway.spool.rebuilds import TRIES
from tests.support.dcmtk import received, storescp
from tests.support.house import House
from tests.support.ports import free_port


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path / "house", free_port())
    made.drop(1)
    assert made.live("capture/camera") == made.live("assemble") == 0
    return made


def spooled(house: House) -> Path:
    (path,) = (house.spool / "instances").rglob("*.dcm")
    return path


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 0xFF
    path.write_bytes(content)


def sql(house: House, text: str) -> list[dict[str, object]]:
    database = Database(house.spool)
    try:
        with database.write() as connection:
            return [dict(row) for row in connection.execute(text)]
    finally:
        database.close()


def park(house: House) -> None:
    """What the delivering loop records when the object is not as it was frozen."""
    sql(
        house,
        "UPDATE delivery SET state = 'parked', status = 'digest', error = 'not as frozen', attempts = attempts + 1"
        " WHERE id = 1",
    )
    sql(
        house,
        "INSERT INTO attempt (delivery, started_us, ended_us, phase, disposition, code, text)"
        " VALUES (1, 1, 2, 'spool', 'quarantine', 'digest', 'not as frozen')",
    )


def rebuild(house: House) -> None:
    """One life of the rebuilding loop."""
    parts = prepare(house.settings, "assemble", lambda _: None)
    database = parts.open_database()
    stage = rebuild_stage(parts, database, lambda: None)
    while stage.round() == 0.0:
        pass
    database.close()


def delivery(house: House) -> dict[str, object]:
    return sql(house, "SELECT * FROM delivery")[0]


def events(house: House) -> list[object]:
    return [row["event"] for row in sql(house, "SELECT event FROM journal ORDER BY id")]


def test_a_damaged_object_is_found_rebuilt_and_sent_as_it_was(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path / "house", port)
    _, pixels = house.drop(1)
    assert house.live("capture/camera") == house.live("assemble") == 0
    before = digest_of(spooled(house))
    damage(spooled(house))
    with storescp(tmp_path / "pacs", port):
        assert house.live("forward") == 0
        assert (delivery(house)["state"], delivery(house)["status"]) == ("parked", "digest")
        assert received(tmp_path / "pacs") == {}
        rebuild(house)
        assert delivery(house)["state"] == "pending"
        assert digest_of(spooled(house)) == before
        assert house.live("forward") == 0
    ((_, sent),) = received(tmp_path / "pacs").values()
    assert (sent == pixels).all()
    assert delivery(house)["state"] == "stored"
    assert "rebuilt" in events(house)
    (kept,) = (house.spool / "damaged").iterdir()
    assert digest_of(kept) != before


def test_an_object_that_the_disk_does_not_give_back_is_rebuilt_too(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path / "house", port)
    house.drop(1)
    assert house.live("capture/camera") == house.live("assemble") == 0
    before = digest_of(spooled(house))
    path = spooled(house)
    path.unlink()
    path.mkdir()  # as near to a bad sector as a sound disk comes: the system refuses to read it
    with storescp(tmp_path / "pacs", port):
        assert house.live("forward") == 0
        assert (delivery(house)["state"], delivery(house)["status"]) == ("parked", "digest")
    assert delivery(house)["attempts"] == 1
    path.rmdir()
    rebuild(house)
    assert digest_of(path) == before


def test_other_bytes_are_allowed_while_nobody_can_have_seen_the_first(house: House) -> None:
    _change_profile(house)
    damage(spooled(house))
    park(house)
    rebuild(house)
    row = sql(house, "SELECT * FROM instance")[0]
    assert delivery(house)["state"] == "pending"
    assert row["digest"] == digest_of(spooled(house))
    assert row["size"] == spooled(house).stat().st_size
    dataset = dcmread(spooled(house))
    assert dataset.SOPInstanceUID == row["sop_instance_uid"]
    assert dataset.Manufacturer == "Example Optics"


def _change_profile(house: House) -> None:
    """The same object made now would have other bytes."""
    device = house.root / "devices" / "camera.toml"
    device.write_text(
        device.read_text().replace('laterality = "U"', 'laterality = "U"\nmanufacturer = "Example Optics"')
    )
    house.settings = load_configuration(house.config)


SEEN: dict[str, Callable[[House], object]] = {
    "stored elsewhere": lambda house: sql(
        house,
        "INSERT INTO delivery (instance, acquisition, destination, state, since_us, due_us, stored_us, status)"
        " VALUES (1, 1, 'archive', 'stored', 1, 1, 1, '0000')",
    ),
    "sent without an answer": lambda house: sql(
        house,
        "INSERT INTO attempt (delivery, started_us, ended_us, phase, disposition, code, text)"
        " VALUES (1, 1, 2, 'response', 'retry', '', 'no answer')",
    ),
    "killed while it was sent": lambda house: sql(house, "UPDATE delivery SET attempts = attempts + 1"),
    "exported": lambda house: (
        sql(house, "INSERT INTO export VALUES (1, '2.25.1', '/media', 1, 'asha', NULL)"),
        sql(house, "INSERT INTO export_item VALUES (1, 1, 1, 'main', 'DICOM/X', 'd', 1)"),
    ),
}


@pytest.mark.parametrize("seen", SEEN)
def test_other_bytes_are_refused_once_somebody_may_have_the_first(house: House, seen: str) -> None:
    _change_profile(house)
    damage(spooled(house))
    broken = digest_of(spooled(house))
    SEEN[seen](house)
    park(house)
    rebuild(house)
    row = delivery(house)
    assert row["state"] == "parked"
    assert "never names two objects" in str(row["error"])
    assert digest_of(spooled(house)) == broken
    assert "rebuild refused" in events(house)


@pytest.mark.parametrize("seen", SEEN)
def test_the_very_same_bytes_are_always_allowed(house: House, seen: str) -> None:
    before = digest_of(spooled(house))
    damage(spooled(house))
    SEEN[seen](house)
    park(house)
    rebuild(house)
    assert delivery(house)["state"] == "pending"
    assert digest_of(spooled(house)) == before


@pytest.mark.parametrize("lost", ["captured file", "captured bytes", "device"])
def test_what_cannot_be_rebuilt_says_why_and_waits_for_a_person(house: House, lost: str) -> None:
    (source,) = (house.spool / "acquisitions").rglob("*.png")
    content = source.read_bytes()
    if lost == "captured file":
        source.unlink()
    elif lost == "captured bytes":
        damage(source)
    else:
        sql(house, "UPDATE acquisition SET device = 'gone'")
    spooled(house).unlink()
    park(house)
    rebuild(house)
    rebuild(house)
    row = delivery(house)
    assert (row["state"], bool(row["remedy"])) == ("parked", True)
    assert events(house).count("rebuild refused") == 1
    source.write_bytes(content)
    sql(house, "UPDATE acquisition SET device = 'camera'")
    assert ask(house.settings, RequestKind.REBUILD, {"deliveries": "1"}, by="nurse").ok
    rebuild(house)
    assert delivery(house)["state"] == "pending"
    assert spooled(house).is_file()


def test_a_disk_that_damages_it_again_and_again_needs_a_person(house: House) -> None:
    for _ in range(TRIES + 2):
        damage(spooled(house))
        park(house)
        rebuild(house)
    assert delivery(house)["state"] == "parked"
    assert events(house).count("rebuilt") == TRIES
    assert ask(house.settings, RequestKind.REBUILD, {"deliveries": "1"}, by="nurse").ok
    rebuild(house)
    assert delivery(house)["state"] == "pending"


def test_a_file_that_reads_well_again_is_left_as_it_is(house: House) -> None:
    inode = spooled(house).stat().st_ino
    park(house)
    rebuild(house)
    assert delivery(house)["state"] == "pending"
    assert spooled(house).stat().st_ino == inode
    assert not (house.spool / "damaged").exists()
