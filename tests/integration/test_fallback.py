"""A destination that does not take the device's SOP class, met with DCMTK: another object, once, or a person."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from gateway.bootstrap.fallback import fallback_stage
from gateway.bootstrap.parts import Parts, no_beat
from gateway.domain.corrections import Corrected
from gateway.domain.identifiers import AcquisitionId
from gateway.domain.procedure import Step
from gateway.host.credentials import Credentials
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.corrections import correct
from gateway.spool.database import Database
from gateway.spool.fallbacks import FallbackLedger
from gateway.spool.moments import to_us
from gateway.spool.runs import begin_run
from tests.conformance.objects.made import validator_findings
from tests.support.dcmtk import await_listening
from tests.support.house import House, order
from tests.support.ports import free_port

VL, SC = "1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.840.10008.5.1.4.1.1.7"
INSTEAD = 'fallback = { vl-photographic = "secondary-capture" }\n'
_PROFILE = """\
[[TransferSyntaxes]]
[Plain]
TransferSyntax1 = LocalEndianExplicit
TransferSyntax2 = LittleEndianImplicit
[[PresentationContexts]]
[Storage]
PresentationContext1 = VerificationSOPClass\\Plain
PresentationContext2 = {taken}\\Plain
[[Profiles]]
[Only]
PresentationContexts = Storage
"""


@contextmanager
def narrow_archive(folder: Path, port: int, taken: str = "SecondaryCaptureImageStorage") -> Iterator[None]:
    """DCMTK's storescp that knows one SOP class."""
    folder.mkdir(exist_ok=True)
    profile = folder.with_suffix(".cfg")
    profile.write_text(_PROFILE.format(taken=taken))
    command = ["storescp", "-aet", "PACS", "-od", str(folder), "-xf", str(profile), "Only", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_listening(port, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


def held(folder: Path) -> list[Dataset]:
    return [dcmread(path) for path in sorted(folder.iterdir())]


def rows(house: House, sql: str) -> list[dict[str, object]]:
    database = Database(house.spool, read_only=True)
    try:
        with database.read() as connection:
            return [dict(row) for row in connection.execute(sql)]
    finally:
        database.close()


def change(house: House, sql: str, *values: object) -> None:
    database = Database(house.spool)
    with database.write() as connection:
        connection.execute(sql, values)
    database.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def house(tmp_path: Path, port: int) -> House:
    return House(tmp_path, port, more_settings=INSTEAD)


def refused_once(house: House, folder: Path, port: int) -> np.ndarray:
    """One picture, sent to the archive and refused for its class."""
    _, pixels = house.drop(1)
    with narrow_archive(folder, port):
        house.live_through()
    assert [row["status"] for row in rows(house, "SELECT status FROM delivery WHERE state = 'parked'")] == ["context 3"]
    assert held(folder) == []
    return pixels


def test_a_refused_class_arrives_as_the_one_that_stands_in(house: House, tmp_path: Path, port: int) -> None:
    folder = tmp_path / "pacs"
    pixels = refused_once(house, folder, port)
    (first,) = rows(house, "SELECT * FROM instance")
    with narrow_archive(folder, port):
        assert house.live("assemble") == house.live("forward") == 0
    (arrived,) = held(folder)
    assert arrived.SOPClassUID == SC
    assert np.array_equal(arrived.pixel_array, pixels)
    assert arrived.PatientID == "P0"
    assert arrived.AccessionNumber == "ACC0000"
    assert validator_findings("dciodvfy", next(folder.iterdir())) == []
    refused, made = rows(
        house, "SELECT instance.*, series_instance_uid FROM instance JOIN series ON series.id = series"
    )
    assert refused["sop_instance_uid"] == first["sop_instance_uid"]
    assert made["sop_instance_uid"] == arrived.SOPInstanceUID != first["sop_instance_uid"]
    assert made["series_instance_uid"] == arrived.SeriesInstanceUID != refused["series_instance_uid"]
    (delivery,) = rows(house, "SELECT * FROM delivery")
    assert (delivery["state"], delivery["status"], delivery["instance"]) == ("stored", "0000", made["id"])
    events = [row["event"] for row in rows(house, "SELECT event FROM journal WHERE subject = 'delivery 1' ORDER BY id")]
    assert events.count("made as another SOP class") == 1
    assert events.index("parked") < events.index("made as another SOP class") < events.index("stored")
    assert house.status().counts().undelivered == 0


def test_without_an_entry_the_object_waits_for_a_person(tmp_path: Path, port: int) -> None:
    house = House(tmp_path, port)
    refused_once(house, tmp_path / "pacs", port)
    with narrow_archive(tmp_path / "pacs", port):
        assert house.live("assemble") == house.live("forward") == 0
    assert len(rows(house, "SELECT * FROM instance")) == 1
    assert [row["state"] for row in rows(house, "SELECT state FROM delivery")] == ["parked"]


def test_a_peer_that_may_hold_the_first_gets_no_second(house: House, tmp_path: Path, port: int) -> None:
    """The picture was sent once without an answer, before the peer stopped to take its class."""
    folder = tmp_path / "pacs"
    refused_once(house, folder, port)
    change(
        house,
        "INSERT INTO attempt (delivery, started_us, ended_us, phase, disposition, code, text)"
        " VALUES (1, 0, 1, 'response', 'retry', 'time-out', '')",
    )
    change(house, "UPDATE delivery SET attempts = attempts + 1")
    with narrow_archive(folder, port):
        for _ in range(2):
            assert house.live("assemble") == house.live("forward") == 0
    assert held(folder) == []
    (delivery,) = rows(house, "SELECT * FROM delivery")
    assert delivery["state"] == "parked"
    assert "may hold the first object" in str(delivery["error"])
    refusals = rows(house, "SELECT * FROM journal WHERE event = 'fallback refused'")
    assert len(refusals) == 1, "once, and not at every look"


def test_a_peer_that_refuses_both_gets_neither_and_no_third(house: House, tmp_path: Path, port: int) -> None:
    folder = tmp_path / "pacs"
    refused_once(house, folder, port)
    with narrow_archive(folder, port, "CTImageStorage"):
        for _ in range(3):
            assert house.live("assemble") == house.live("forward") == 0
    assert len(rows(house, "SELECT * FROM instance")) == 2
    assert [row["state"] for row in rows(house, "SELECT state FROM delivery")] == ["parked"]


def test_without_the_captured_bytes_the_reason_is_told(house: House, tmp_path: Path, port: int) -> None:
    refused_once(house, tmp_path / "pacs", port)
    for path in (house.spool / "acquisitions").rglob("*.png"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert house.live("assemble") == 0
    (delivery,) = rows(house, "SELECT * FROM delivery")
    assert delivery["state"] == "parked"
    assert "does not take" in str(delivery["error"])
    assert "captured file is damaged" in str(delivery["error"])
    assert "disk" in str(delivery["remedy"])


def test_a_power_cut_before_the_move_leaves_one_identity(
    house: House, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> bool:
        raise PowerCut

    folder = tmp_path / "pacs"
    refused_once(house, folder, port)
    database = Database(house.spool)
    parts = Parts.of(house.settings, begin_run(database, "assemble", datetime.now(UTC)), Credentials(None))
    with monkeypatch.context() as patched:
        patched.setattr(FallbackLedger, "moved", cut)
        with pytest.raises(PowerCut):
            fallback_stage(parts, database, no_beat).round()
    database.close()
    (_, reserved) = rows(house, "SELECT * FROM instance")
    with narrow_archive(folder, port):
        assert house.live("assemble") == house.live("forward") == 0
    (arrived,) = held(folder)
    assert arrived.SOPInstanceUID == reserved["sop_instance_uid"]
    assert len(rows(house, "SELECT * FROM instance")) == 2


def test_a_damaged_one_is_made_again_as_the_same_class(house: House, tmp_path: Path, port: int) -> None:
    folder = tmp_path / "pacs"
    refused_once(house, folder, port)
    assert house.live("assemble") == 0
    (_, made) = rows(house, "SELECT * FROM instance")
    path = house.spool / str(made["path"])
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with narrow_archive(folder, port):
        assert house.live("forward") == 0
        assert rows(house, "SELECT status FROM delivery") == [{"status": "digest"}]
        assert house.live("assemble") == house.live("forward") == 0
    (arrived,) = held(folder)
    assert (arrived.SOPClassUID, arrived.SOPInstanceUID) == (SC, made["sop_instance_uid"])


def corrected(house: House, target: Step | None) -> Corrected:
    database = Database(house.spool)
    with database.write() as connection:
        found = correct(connection, to_us(order(0).start), [1], target, spool=house.spool, actor="A", reason="wrong")  # type: ignore[arg-type]  # an order of the house has a start
    database.close()
    return found


def test_the_wrong_patient_is_put_right_for_the_object_that_stands_in_too(
    house: House, tmp_path: Path, port: int
) -> None:
    """The archive is told about the object that it holds, and gets the right one as the class that it takes."""
    folder = tmp_path / "pacs"
    refused_once(house, folder, port)
    with narrow_archive(folder, port):
        assert house.live("assemble") == house.live("forward") == 0
    outcome = corrected(house, order(1))
    assert outcome.told == ("main",)
    (note,) = rows(house, "SELECT rejected, destinations FROM rejection_note")
    assert note == {"rejected": "[2]", "destinations": '["main"]'}
    with narrow_archive(folder, port):
        for _ in range(3):
            assert house.live("assemble") == house.live("forward") == 0
    right = [one for one in held(folder) if one.PatientID == "P1"]
    assert [one.SOPClassUID for one in right] == [SC]


def test_the_wrong_patient_is_never_made_into_another_class(house: House, tmp_path: Path, port: int) -> None:
    folder = tmp_path / "pacs"
    refused_once(house, folder, port)
    assert corrected(house, None).told == ()
    with narrow_archive(folder, port):
        assert house.live("assemble") == house.live("forward") == 0
    assert held(folder) == []
    database = Database(house.spool)
    assert AcquisitionLedger(database, house.status()._clock).known(AcquisitionId(1)) is not None
    database.close()
