"""An emergency is sent without an order, the order turns up, a person confirms: what the archive gets by its policy."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from pydicom import Dataset, dcmread

from gateway.cli.main import main
from gateway.spool.database import Database
from gateway.spool.steps import StepLedger
from tests.conformance.objects.made import validator_findings
from tests.support.dcmtk import storescp
from tests.support.house import House, order
from tests.support.ports import free_port

KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
SETTINGS = """\
reconciliation = "{policy}"

[unscheduled]
patient_id_pattern = "E{{station}}{{date:%y%m%d}}{{number:04}}{{check}}"
check_digit = "iso7064-mod97-10"
station = "R7"
"""


@dataclass
class Clinic:
    """A house and the archive that it sends to."""

    house: House
    archive: Path

    def run(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        done = CliRunner().invoke(main, ["--config", str(self.house.config), *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    def picture(self, number: int, name: str = "") -> None:
        """One picture whose name says nothing, unless `name` is given."""
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        hidden = self.house.drop_folder / f".{number}.png"
        Image.fromarray(pixels).save(hidden, format="PNG")
        hidden.rename(self.house.drop_folder / (name or f"photo-{number}.png"))

    def order_turns_up(self, number: int, **changes: object) -> None:
        """The worklist answers with this order as well."""
        database = Database(self.house.spool)
        ledger = StepLedger(database, self.house.status()._clock)
        ledger.answered("HIS", [*map(order, range(3)), replace(order(number), **changes)])  # type: ignore[arg-type] # fields of a step
        database.close()

    def live(self) -> None:
        """One life of each role; what a person asked for was carried out at once."""
        for role in ("capture/camera", "assemble", "forward"):
            assert self.house.live(role) == 0, role

    def held(self) -> dict[str, Dataset]:
        """What the archive has, by SOP Instance UID; every object passes dciodvfy."""
        found: dict[str, Dataset] = {}
        for path in self.archive.iterdir():
            dataset = dcmread(path)
            found[str(dataset.SOPInstanceUID)] = dataset
            assert validator_findings("dciodvfy", path) == []
        return found

    def rows(self, sql: str) -> list[dict[str, object]]:
        database = Database(self.house.spool, read_only=True)
        try:
            with database.read() as connection:
                return [dict(row) for row in connection.execute(sql)]
        finally:
            database.close()


def with_active_step(house: House) -> None:
    """Let the device of the house take patients from people."""
    device = house.root / "devices" / "camera.toml"
    device.write_text(device.read_text().replace('["accession_number"]', '["accession_number", "active_step"]'))


@pytest.fixture
def clinic(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Clinic]:
    port = free_port()
    house = House(tmp_path / "box", port, orders=3, more_settings=SETTINGS.format(policy=request.param))
    with_active_step(house)
    with storescp(tmp_path / "archive", port):
        yield Clinic(house, tmp_path / "archive")


def emergency(clinic: Clinic) -> dict[str, Dataset]:
    """Two pictures of an unknown woman, who was opened without an order and closed again, are in the archive."""
    said = clinic.run("unscheduled", "open", "camera", "--sex", "F", "--age", "50", "--accession-number", "ACC0077")
    assert "opened without an order, as patient ID ER7" in said
    assert "Unknown^Patient (ER7" in clinic.run("devices")
    clinic.picture(1)
    clinic.picture(2)
    clinic.live()
    clinic.run("step", "close", "camera")
    return clinic.held()


@pytest.mark.parametrize("clinic", ["replace"], indirect=True)
def test_new_objects_and_a_note_where_the_archive_replaces(clinic: Clinic) -> None:
    before = emergency(clinic)
    assert len(before) == 2
    (identity,) = {(d.PatientID, d.IssuerOfPatientID, str(d.PatientName), d.PatientAge) for d in before.values()}
    assert identity[0].startswith("ER7")
    assert int(str(int("E", 36)) + str(int("R", 36)) + identity[0][2:]) % 97 == 1
    assert identity[1:] == ("BOX", "Unknown^Patient", "050Y")
    assert {d.AccessionNumber for d in before.values()} == {""}
    assert not any("RequestAttributesSequence" in d for d in before.values())
    assert "suggestion" not in clinic.run("reconcile", "list")

    clinic.order_turns_up(77)
    assert clinic.house.live("assemble") == 0
    listed = clinic.run("reconcile", "list")
    assert "The same accession number (typed by a person), sex (typed by a person)." in listed
    assert {issue.key for issue in clinic.house.status().issues()} >= {"house.reconcile"}
    assert len(clinic.held()) == 2, "a suggestion alone changes nothing"
    (step,) = (one for one in clinic.house.status().steps() if one.accession_number == "ACC0077")
    said = clinic.run("reconcile", "confirm", "1", str(step.number), "--operator", "Nurse A")
    assert "2 picture(s) belong to that order" in said
    assert "a rejection note is owed to main" in said
    clinic.live()

    after = clinic.held()
    assert set(before) < set(after)
    new = {uid: d for uid, d in after.items() if uid not in before and d.SOPClassUID != KEY_OBJECT}
    (note,) = (d for d in after.values() if d.SOPClassUID == KEY_OBJECT)
    assert {(d.PatientID, str(d.PatientName), d.AccessionNumber) for d in new.values()} == {
        ("P77", "Patient^Number77", "ACC0077")
    }
    assert {d.StudyInstanceUID for d in new.values()} == {order(77).key.study_instance_uid}
    assert {bytes(d.PixelData) for d in new.values()} == {bytes(d.PixelData) for d in before.values()}
    assert note.PatientID == identity[0]
    named = {
        item.ReferencedSOPInstanceUID
        for study in note.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert named == set(before)
    assert "house.reconcile" not in {issue.key for issue in clinic.house.status().issues()}
    _both_states_are_journaled(clinic, identity[0])


def _both_states_are_journaled(clinic: Clinic, local_id: str) -> None:
    rows = clinic.rows("SELECT * FROM journal WHERE event = 'reconciled' AND subject = 'local study 1'")
    (line,) = rows
    detail = json.loads(str(line["detail"]))
    assert line["actor"] == "Nurse A"
    assert json.loads(detail["before"])["patient"][0] == local_id
    assert json.loads(detail["after"])["patient"][0] == "P77"
    assert detail["study_instance_uid_before"] != detail["study_instance_uid_after"]


@pytest.mark.parametrize("clinic", ["notice"], indirect=True)
def test_nothing_but_a_notice_where_the_archive_is_changed_by_hand(clinic: Clinic) -> None:
    before = emergency(clinic)
    clinic.order_turns_up(77)
    assert clinic.house.live("assemble") == 0
    (step,) = (one for one in clinic.house.status().steps() if one.accession_number == "ACC0077")
    said = clinic.run("reconcile", "confirm", "1", str(step.number))
    assert "main keeps what it holds; a notice says what is to be changed there" in said
    clinic.live()
    assert set(clinic.held()) == set(before)
    text = clinic.run("reconcile", "notices", "1")
    (old,) = {d.StudyInstanceUID for d in before.values()}
    assert f"Study Instance UID (0020,000D): {old} -> {order(77).key.study_instance_uid}" in text
    assert "Patient's Name (0010,0010): Unknown^Patient -> Patient^Number77" in text
    assert all(uid in text for uid in before)
    assert "house.notices" in {issue.key for issue in clinic.house.status().issues()}
    clinic.run("reconcile", "notice-done", "1", "--operator", "PACS admin")
    assert "by PACS admin" in clinic.run("reconcile", "notices", "--done")
    assert clinic.run("reconcile", "notices").count("main") == 0
    _both_states_are_journaled_by_console(clinic)


def _both_states_are_journaled_by_console(clinic: Clinic) -> None:
    assert clinic.rows("SELECT 1 FROM reconciliation WHERE before <> after")
    assert clinic.rows("SELECT 1 FROM journal WHERE event = 'archive changed' AND actor = 'PACS admin'")


@pytest.mark.parametrize("clinic", ["notice"], indirect=True)
def test_what_nobody_has_seen_goes_out_under_the_order_alone(clinic: Clinic) -> None:
    clinic.run("unscheduled", "open", "camera", "--accession-number", "ACC0077")
    clinic.picture(1)
    for role in ("capture/camera", "assemble"):
        assert clinic.house.live(role) == 0
    clinic.order_turns_up(77)
    assert clinic.house.live("assemble") == 0
    (step,) = (one for one in clinic.house.status().steps() if one.accession_number == "ACC0077")
    said = clinic.run("reconcile", "confirm", "1", str(step.number))
    assert "1 delivery dropped before anything left" in said
    assert "the order is open on camera now" in said
    clinic.picture(2)
    clinic.live()
    assert {(d.PatientID, d.AccessionNumber) for d in clinic.held().values()} == {("P77", "ACC0077")}
    assert len(clinic.held()) == 2
    assert clinic.run("reconcile", "notices").count("main") == 0


@pytest.mark.parametrize("clinic", ["replace"], indirect=True)
def test_a_picture_that_names_an_order_is_not_the_emergency_who_is_open(clinic: Clinic) -> None:
    clinic.run("unscheduled", "open", "camera")
    clinic.picture(1, "ACC0001_1.png")
    clinic.picture(2)
    clinic.live()
    (held,) = clinic.house.status().acquisitions(state="held")
    assert "A patient without an order was open, but the accession number ACC0001" in held.reason
    assert held.candidates
    (sent,) = clinic.held().values()
    assert sent.PatientID.startswith("ER7")
    said = clinic.run("hold", "unscheduled", str(held.id), "--local-study", "1")
    assert f"1 sent without an order, as patient ID {sent.PatientID}" in said
    clinic.live()
    assert {(d.PatientID, d.StudyInstanceUID) for d in clinic.held().values()} == {
        (sent.PatientID, sent.StudyInstanceUID)
    }
    assert len(clinic.held()) == 2


@pytest.mark.parametrize("clinic", ["replace"], indirect=True)
def test_refused_kept_and_contradicted_orders_change_nothing(clinic: Clinic) -> None:
    before = emergency(clinic)
    clinic.order_turns_up(77)
    assert clinic.house.live("assemble") == 0
    clinic.run("reconcile", "refuse", "1", "--operator", "Nurse B")
    clinic.live()
    assert "suggestion" not in clinic.run("reconcile", "list")
    (step,) = (one for one in clinic.house.status().steps() if one.accession_number == "ACC0077")
    arguments = ["--config", str(clinic.house.config), "reconcile", "confirm", "1", str(step.number)]
    refused = CliRunner().invoke(main, arguments)
    assert (refused.exit_code, "Nothing that is known suggests that order" in refused.output) == (1, True)
    clinic.run("reconcile", "keep", "1")
    assert "local study 1" not in clinic.run("reconcile", "list")
    clinic.live()
    assert set(clinic.held()) == set(before)
