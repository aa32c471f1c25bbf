"""The whole chain ending in Orthanc's STOW-RS: what was captured stands there once, whatever befalls its sender."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from gateway.bootstrap.parts import no_beat
from gateway.bootstrap.people import ask
from gateway.bootstrap.proof import confirm_stage
from gateway.bootstrap.roles import prepare
from gateway.bootstrap.settings import load_configuration
from gateway.domain.checkpoints import Checkpoint, pass_by
from gateway.domain.requests import RequestKind
from gateway.domain.views import DeliveryView
from gateway.spool.runs import RoleLock
from tests.peers.chain.box import Box
from tests.support.dicomweb import PASSWORD, Nginx, orthanc_with_dicomweb, stow_table
from tests.support.house import House, KillAt
from tests.support.peers import Orthanc
from tests.support.pki import Pki

_KILLED = -9
_NO_PORT = 9
_MORE_THAN_A_REQUEST = 24


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Orthanc]:
    with orthanc_with_dicomweb(tmp_path / "archive") as peer:
        yield peer


@pytest.fixture
def front(tmp_path: Path, pki: Pki, archive: Orthanc) -> Iterator[Nginx]:
    with Nginx(tmp_path / "front", pki, archive) as peer:
        yield peer


@pytest.fixture
def house(tmp_path: Path, pki: Pki, front: Nginx) -> House:
    made = House(tmp_path / "house", _NO_PORT)
    dimse = f'address = "127.0.0.1:{_NO_PORT}"\nae_title = "PACS"\n'
    stow = stow_table(front.url, pki, password=tmp_path / "password")
    text = made.config.read_text()
    assert dimse in text
    made.config.write_text(text.replace(dimse, stow))
    return made


def deliveries(house: House) -> list[DeliveryView]:
    return [delivery for row in house.status().acquisitions(limit=100) for delivery in row.deliveries]


def test_pictures_stand_in_the_archive_once_with_their_pixels(house: House, archive: Orthanc) -> None:
    dropped = [house.drop(number)[1] for number in range(12)]
    house.live_through()
    assert [delivery.state for delivery in deliveries(house)] == ["stored"] * len(dropped)
    held = [dcmread(BytesIO(archive.file_of(number))).pixel_array for number in archive.instances()]
    assert len(held) == len(dropped)
    assert all(any(np.array_equal(one, other) for other in held) for one in dropped)


def test_a_correction_reaches_the_archive_by_stow(house: House, archive: Orthanc) -> None:
    house.drop(1, of_order=1)
    house.live_through()
    payload = {"acquisitions": "1", "step": "4", "reason": "wrong patient open", "operator": "Asha"}
    assert ask(house.settings, RequestKind.CORRECT, payload, by="console").ok
    house.live_through()
    held = [dcmread(BytesIO(archive.file_of(number))) for number in archive.instances()]
    told = sorted((str(one.Modality), str(one.PatientID)) for one in held)
    assert told == [("KO", "P1"), ("XC", "P1"), ("XC", "P3")]
    assert all(delivery.state == "stored" for delivery in deliveries(house))


@pytest.mark.parametrize(
    "point", [Checkpoint.DELIVER_CLAIMED, Checkpoint.DELIVER_ANSWERED, Checkpoint.DELIVER_COMMITTED]
)
def test_a_kill_while_delivering_leaves_each_object_once(house: House, archive: Orthanc, point: Checkpoint) -> None:
    for number in range(_MORE_THAN_A_REQUEST):
        house.drop(number)
    for role in ("capture/camera", "assemble"):
        assert house.live(role) == 0
    for nth in (1, 2):
        assert house.live("forward", KillAt(point, nth)) == _KILLED
    assert house.live("forward") == 0
    assert [delivery.state for delivery in deliveries(house)] == ["stored"] * _MORE_THAN_A_REQUEST
    assert len(archive.instances()) == _MORE_THAN_A_REQUEST


def test_a_wrong_password_parks_nothing_and_its_correction_sends_all(
    house: House, archive: Orthanc, tmp_path: Path
) -> None:
    (tmp_path / "password").write_bytes(b"wrong")
    for number in range(4):
        house.drop(number)
    house.live_through()
    assert {delivery.state for delivery in deliveries(house)} == {"pending"}
    (destination,) = house.status().destinations()
    assert "credentials" in destination.error
    assert not archive.instances()
    (tmp_path / "password").write_bytes(PASSWORD)
    for _ in range(5):
        assert house.live("forward") == 0
        if len(archive.instances()) == 4:
            break
    assert [delivery.state for delivery in deliveries(house)] == ["stored"] * 4


def confirm(house: House) -> None:
    """One round of the loop that asks for proof."""
    settings = load_configuration(house.config)
    lock = RoleLock(settings.spool.path, "forward")
    parts = prepare(settings, "forward", pass_by)
    database = parts.open_database()
    confirm_stage(parts, settings.destination[0], database, no_beat).round()
    database.close()
    lock.release()


def test_a_query_proves_what_is_kept_and_what_was_lost_is_stored_again(house: House, archive: Orthanc) -> None:
    text = house.config.read_text()
    proof = 'proof = "query"\ncommitment = { idle_s = 0, early_s = 0, again_s = 0.1 }\n'
    house.config.write_text(text.replace('kind = "stow"\n', f'kind = "stow"\n{proof}'))
    for number in range(3):
        house.drop(number)
    house.live_through()
    archive.delete(archive.instances()[0])
    confirm(house)
    assert sorted(delivery.state for delivery in deliveries(house)) == ["committed", "committed", "pending"]
    assert house.live("forward") == 0
    confirm(house)
    assert [delivery.state for delivery in deliveries(house)] == ["committed"] * 3
    assert len(archive.instances()) == 3


@dataclass(frozen=True, slots=True)
class Service:
    """A DICOMweb service in the configuration of a `Box`."""

    lines: str

    def text(self, _: Path) -> str:
        return f'[[destination]]\nname = "cloud"\n{self.lines}'


def test_the_test_of_a_destination_ends_at_the_service(front: Nginx, pki: Pki, tmp_path: Path) -> None:
    lines = stow_table(front.url, pki, password=tmp_path / "password")
    box = Box(tmp_path / "box", pki.folder, [Service(lines)], {})  # type: ignore[list-item] # a peer of another kind
    with box.running():
        told = box.command("echo", "cloud")
    for layer in ("name", "connect", "TLS", "service"):
        assert layer in told
    assert "answered a query" in told
