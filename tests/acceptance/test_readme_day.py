"""Each command that README.md names, typed once by somebody who works with the box, beside real peers."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from gateway.bootstrap.settings import load_configuration
from gateway.cli.main import main
from tests.support.dcmtk import storescp
from tests.support.house import House
from tests.support.peers import WorklistScp, write_worklist
from tests.support.ports import free_port
from tests.support.readme import commands
from tests.support.worklist_items import answer

_IN_TEST_ROLES = {
    "gateway --config PATH run",
    "gateway run capture --device NAME",
    "gateway run assemble",
    "gateway run forward",
    "gateway run web",
}
_MORE = """\
reconciliation = "notice"

[[destination]]
name = "second"
address = "127.0.0.1:9"
ae_title = "SECOND"
takes = {{ hours = ["00:00-00:01"] }}

[[mpps]]
name = "RIS"
address = "127.0.0.1:9"
ae_title = "RIS"

[[hl7]]
name = "HIS-orders"
port = {hl7}
"""


@dataclass
class Day:
    """The box, and which of the commands of the README were typed."""

    house: House
    worklist: Path
    typed: set[str] = field(default_factory=set)

    def types(self, readme: str, *words: object, code: int = 0) -> str:
        """Type a command that the README has as `readme`; what it says."""
        self.typed.add(readme)
        said = CliRunner().invoke(main, ["--config", str(self.house.config), *map(str, words)])
        assert said.exit_code == code, f"{readme}: {said.output} {said.exception!r}"
        return said.output

    def items(self, *numbers: int, name: str = "Doe^Jane") -> None:
        """The worklist has these orders, for today."""
        today = f"{datetime.now(self.house.status()._clock.now().tzinfo):%Y%m%d}"
        write_worklist(self.worklist, [
            answer(PatientID=f"P{n}", PatientName=f"{name}{n}", AccessionNumber=f"ACC000{n}",
                   StudyInstanceUID=f"1.2.826.0.1.3680043.8.498.{n}", sps_ScheduledProcedureStepID=f"S{n}",
                   sps_ScheduledStationAETitle="BOX", sps_Modality="XC", sps_ScheduledProcedureStepStartDate=today)
            for n in numbers
        ])  # fmt: skip

    def step(self, accession_number: str) -> int:
        """The number of the order with this accession number."""
        (found,) = (one for one in self.house.status().steps() if one.accession_number == accession_number)
        return found.number

    def picture(self, number: int, name: str) -> None:
        """The device exports a picture like no other."""
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        hidden = self.house.drop_folder / f".{number}.png"
        Image.fromarray(pixels).save(hidden, format="PNG")
        hidden.rename(self.house.drop_folder / name)

    def live(self, *roles: str) -> None:
        """One life of each role."""
        for role in roles:
            assert self.house.live(role) == 0, role

    def ids(self, state: str) -> list[int]:
        """Acquisitions in a state, oldest first."""
        return sorted(row.id for row in self.house.status().acquisitions(state=state))


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    port = free_port()
    house = House(tmp_path / "box", port, orders=0, more_settings=_MORE.format(hl7=free_port()))
    house.take_patients()
    (tmp_path / "ris").mkdir()
    made = Day(house, tmp_path / "ris" / "HIS")
    made.items(1, 2, 3)
    with WorklistScp(tmp_path / "ris", [], ae_title="HIS") as ris, storescp(tmp_path / "pacs", port):
        made.items(1, 2, 3)
        text = house.config.read_text().replace("127.0.0.1:9", f"127.0.0.1:{ris.port}", 1)
        house.config.write_text(text)
        house.settings = load_configuration(house.config)
        made.live("forward")
        yield made


def test_every_command_of_the_readme_does_what_it_says(day: Day, tmp_path: Path) -> None:
    looks_at_the_worklist(day, tmp_path)
    opens_patients(day)
    decides_about_holds(day)
    steers_the_queue(day, tmp_path)
    corrects_and_reconciles(day)
    looks_at_the_box(day, tmp_path)
    assert set(commands()) - _IN_TEST_ROLES == day.typed


def looks_at_the_worklist(day: Day, tmp_path: Path) -> None:
    assert "3 step(s) of 1 provider(s)" in day.types("gateway worklist refresh", "worklist", "refresh")
    assert "ACC0002" in day.types("gateway worklist", "worklist")
    found = day.types("gateway worklist find --patient-id ...", "worklist", "find", "--patient-id", "P1")
    assert "HIS: 1 step(s) found." in found
    assert "1 step(s)" in day.types(
        "gateway worklist find --patient-id ...", "worklist", "find", "--accession-number", "ACC0002"
    )
    assert "3 step(s)" in day.types("gateway worklist find --patient-id ...", "worklist", "find", "--name", "Doe*")
    assert "3 answer(s)" in day.types("gateway worklist sent PROVIDER", "worklist", "sent", "HIS")
    day.types("gateway worklist messages FEED", "worklist", "messages", "HIS-orders")
    day.items(1, 2, name="Roe^Jo")
    day.types("gateway worklist refresh", "worklist", "refresh")
    assert "Its patient has changed" in day.types("gateway worklist", "worklist")
    for accession in ("ACC0001", "ACC0002"):
        day.types("gateway worklist accept STEP", "worklist", "accept", day.step(accession))
    assert not [one for one in day.house.status().steps() if one.doubtful]
    listed = tmp_path / "list.csv"
    listed.write_text("patient_id,name,accession_number\nC1,Iyer^Ravi,ACC0071\n")
    assert "1 order(s)" in day.types("gateway worklist import LIST.csv", "worklist", "import", listed)
    added = ("worklist", "add", "--patient-id", "C2", "--name", "Rao^Asha", "--accession-number", "ACC0072")
    day.types("gateway worklist add --patient-id ... --name ...", *added)
    day.types("gateway worklist remove STEP", "worklist", "remove", day.step("ACC0072"))


def opens_patients(day: Day) -> None:
    assert "opened" in day.types("gateway step open DEVICE STEP", "step", "open", "camera", day.step("ACC0001"))
    assert "Roe^Jo1" in day.types("gateway devices", "devices")
    day.picture(1, "one.png")
    day.live("capture/camera", "assemble")
    assert "in progress" in day.types("gateway step list", "step", "list")
    day.types("gateway step retry REPORT", "step", "retry", 1)
    closed = ("step", "close", "camera", "--discontinue", "110505")
    day.types("gateway step close DEVICE --discontinue CODE", *closed)
    day.types("gateway step scan DEVICE CODE", "step", "scan", "camera", "ACC0001")
    day.types("gateway step close DEVICE", "step", "close", "camera")
    for number, accession in ((2, "ACC0081"), (3, "ACC0082"), (4, "ACC0083")):
        emergency = ("unscheduled", "open", "camera", "--sex", "F", "--age", 50, "--accession-number", accession)
        said = day.types("gateway unscheduled open DEVICE --sex F --age 50", *emergency, "--confirmed")
        assert "opened without an order" in said
        day.picture(number, f"{number}.png")
        day.live("capture/camera", "assemble")
        assert "Unknown^Patient" in day.types("gateway unscheduled list", "unscheduled", "list")
        day.types("gateway step close DEVICE", "step", "close", "camera")


def decides_about_holds(day: Day) -> None:
    for number in range(5):
        day.picture(20 + number, f"ACC0099_{number}.png")
    day.live("capture/camera", "assemble")
    first, second, third, fourth, fifth = day.ids("held")
    assert "ACC0099" in day.types("gateway hold list", "hold", "list")
    day.types("gateway hold split ID... --and-later", "hold", "split", fifth, "--and-later")
    day.types("gateway hold assign STEP ID...", "hold", "assign", day.step("ACC0002"), first, second, "--confirmed")
    day.types("gateway hold unscheduled ID... --patient-id ...", "hold", "unscheduled", third, "--patient-id", "T1")
    day.types("gateway hold discard ID... --reason ...", "hold", "discard", fourth, fifth, "--reason", "test card")
    assert "test card" in day.types("gateway quarantine list", "quarantine", "list")
    day.types("gateway quarantine release ID", "quarantine", "release", fifth)
    day.live("assemble")


def steers_the_queue(day: Day, tmp_path: Path) -> None:
    assert "pending" in day.types("gateway queue", "queue")
    assert "assembled" in day.types("gateway queue --state all", "queue", "--state", "all")
    listed = ("queue", "list", "--state", "parked", "--older-than", "36h")
    day.types("gateway queue list --state parked --older-than 36h", *listed)
    assert "SOP Instance UID" in day.types("gateway queue show DELIVERY", "queue", "show", 1)
    assert "1 held" in day.types("gateway queue hold DELIVERY...", "queue", "hold", 1)
    assert "1 released" in day.types("gateway queue release DELIVERY...", "queue", "release", 1)
    dropped = ("queue", "drop", 1, "--reason", "wrong eye")
    assert "1 dropped" in day.types("gateway queue drop DELIVERY... --reason ...", *dropped)
    assert "1 taken back" in day.types("gateway queue take-back DELIVERY...", "queue", "take-back", 1)
    assert "due now" in day.types("gateway queue retry DELIVERY...", "queue", "retry", 1)
    day.types("gateway queue retarget DESTINATION DELIVERY...", "queue", "retarget", "second", 2)
    day.types("gateway queue retarget NEW --all-of OLD", "queue", "retarget", "main", "--all-of", "second")
    day.types("gateway queue retarget NEW --all-of NAME", "queue", "retarget", "main", "--all-of", "second", code=1)
    stick = tmp_path / "stick"
    stick.mkdir()
    assert "object(s)" in day.types("gateway export PATH", "export", stick)
    (tmp_path / "again").mkdir()
    day.types("gateway export", "export", tmp_path / "again")
    receipt = stick / "RECEIPT.TXT"
    body = json.loads(receipt.read_text()) | {"imported_by": "Radiology", "all_imported": True}
    body["instances"] = body["instances"][:1]
    receipt.write_text(json.dumps(body))
    assert "1 delivery(ies) stored" in day.types("gateway import-receipt RECEIPT.TXT", "import-receipt", receipt)
    rots(day)


def rots(day: Day) -> None:
    """An object's file is damaged on the disk, found at its sending, and made again."""
    damaged = next(row for row in day.house.status().acquisitions() if row.deliveries[:1] and
                   row.deliveries[0].state == "pending")  # fmt: skip
    (path,) = day.house.spool.rglob(f"{damaged.sop_instance_uid}.dcm")
    path.write_bytes(path.read_bytes()[:-4] + b"rot!")
    day.live("forward")
    number = damaged.deliveries[0].id
    said = day.types("gateway queue rebuild DELIVERY...", "queue", "rebuild", number)
    assert "1 to be rebuilt" in said
    day.live("assemble", "forward")


def corrects_and_reconciles(day: Day) -> None:
    wrong = day.ids("assembled")[0]
    moved = ("correct", wrong, "--step", day.step("ACC0002"), "--reason", "wrong patient open")
    assert "1 corrected" in day.types("gateway correct ID... --step STEP --reason ...", *moved)
    day.typed.add("gateway correct")
    day.items(1, 2)
    for accession in ("ACC0081", "ACC0082", "ACC0083"):
        added = ("worklist", "add", "--patient-id", f"E{accession}", "--name", "Sen^Mira", "--sex", "F", "--modality",
                 "XC", "--accession-number", accession)  # fmt: skip
        day.types("gateway worklist add --patient-id ... --name ...", *added)
    day.live("assemble")
    listed = day.types("gateway reconcile list", "reconcile", "list")
    found = {}
    for study in re.split(r"^(?=local study )", listed, flags=re.MULTILINE):
        suggested = re.search(r"local study (\d+) .*suggestion (\d+): .*(ACC008\d)", study, re.DOTALL)
        if suggested:
            found[suggested[3]] = (int(suggested[1]), int(suggested[2]))
    assert set(found) == {"ACC0081", "ACC0082", "ACC0083"}, listed
    confirmed = ("reconcile", "confirm", found["ACC0081"][0], day.step("ACC0081"))
    assert "belong to that order" in day.types("gateway reconcile confirm STUDY STEP", *confirmed)
    day.types("gateway reconcile refuse SUGGESTION", "reconcile", "refuse", found["ACC0082"][1])
    day.types("gateway reconcile keep STUDY", "reconcile", "keep", found["ACC0083"][0])
    assert "main" in day.types("gateway reconcile notices NUMBER", "reconcile", "notices")
    assert "Sen^Mira" in day.types("gateway reconcile notices NUMBER", "reconcile", "notices", 1)
    day.types("gateway reconcile notice-done NUMBER", "reconcile", "notice-done", 1)


def looks_at_the_box(day: Day, tmp_path: Path) -> None:
    assert "captured today" in day.types("gateway status", "status")
    assert "C-ECHO answered" in day.types("gateway echo NAME", "echo", "main")
    assert "C-ECHO answered" in day.types("gateway echo NAME", "echo", "HIS")
    told = day.types("gateway echo NAME", "echo", "RIS", code=1)
    assert "failed at connect: Nothing listens for RIS" in told
    assert "There is no destination, worklist or mpps peer RSI." in day.types(
        "gateway echo NAME", "echo", "RSI", code=1
    )
    day.types("gateway destinations --ask-anew NAME", "destinations", "--ask-anew", "main")
    assert "accepts" in day.types("gateway destinations", "destinations")
    assert ": good. 1 device(s)" in day.types("gateway check-config", "check-config")
    assert 'name = "main"' in day.types("gateway config show", "config", "show")
    picture = tmp_path / "ACC0002_1.png"
    Image.new("RGB", (16, 16)).save(picture)
    tried = day.types("gateway try FILE --device NAME", "try", picture, "--device", "camera", "-o", tmp_path / "o.dcm")
    assert "accession_number = ACC0002" in tried
    assert (tmp_path / "o.dcm").stat().st_size
