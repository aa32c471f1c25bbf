"""A site without a DICOM worklist: orders from a list and from an HL7 sender, pictures by accession number, a PACS."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from tests.peers.chain.box import Box, Peer, now, photo_device
from tests.peers.images import exported
from tests.support.peers import StoreScp
from tests.support.pki import make_pki
from tests.support.ports import free_port


class Sender:
    """A HIS that sends orders and reads the answers."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=20)

    def say(self, control: str, number: int, patient: str, name: str = "Hearn^Hana") -> str:
        """Send one message; the code of its acknowledgement."""
        day = f"{now():%Y%m%d}1200"
        lines = [
            f"MSH|^~\\&|HIS|HOSP|BOX|ROOM|{day}||ORM^O01|C{number}|P|2.5.1||||||UNICODE UTF-8",
            f"PID|1||{patient}^^^HOSP^PI||{name}||19710402|F",
            f"ORC|{control}|PL{number}|HL{number}||||^^^{day}",
            f"OBR|1|PL{number}|HL{number}|PHO^Photograph",
        ]
        self._sock.sendall(b"\x0b" + "\r".join([*lines, ""]).encode() + b"\x1c\r")
        answer = b""
        while not answer.endswith(b"\x1c\r"):
            answer += self._sock.recv(4096)
        return answer.split(b"MSA|")[1][:2].decode()


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Box, dict[str, Dataset], list[str]]]:
    """A box that took orders both ways; what the PACS holds by accession number, and the answers of the feed."""
    root = tmp_path_factory.mktemp("orders")
    port = free_port()
    with StoreScp(root / "pacs", None) as pacs:
        peers = [Peer("destination", "main", pacs.port, pacs.ae_title)]
        feed = f'[[hl7]]\nname = "orders"\nhost = "127.0.0.1"\nport = {port}\nsenders = ["127.0.0.1"]\n'
        box = Box(root / "box", make_pki(root / "pki").folder, peers, {"photo": photo_device()}, more=feed)
        answers = _day(box, port, root)
        yield box, {str(found.AccessionNumber): found for found in map(dcmread, pacs.files())}, answers


def _day(box: Box, port: int, root: Path) -> list[str]:
    today = f"{now():%Y-%m-%d}"
    orders = root / "list.csv"
    orders.write_text(
        "patient_id;name;birth_date;sex;accession_number;date;time\n"
        f"L1;Müller, Ána;1960-01-31;F;CSV1;{today};09:00\n"
        f"L2;Twice^One;1961-01-31;F;CSV2;{today};09:30\n"
        f"L3;Twice^Two;1962-01-31;F;CSV2;{today};09:45\n",
        encoding="utf-8-sig",
    )
    data = exported()["odd-png"].data
    with box.running():
        box.until(lambda: _is_open(port), "the feed does not listen")
        told = box.command("worklist", "import", str(orders))
        assert "3 order(s)" in told
        assert "line 3: Its accession number is given to two patients." in told
        box.command("worklist", "add", "--patient-id", "L9", "--name", "Typed^Tara", "--accession-number", "TYP1")
        his = Sender(port)
        answers = [
            his.say("NW", 1, "H1"),
            his.say("NW", 2, "H2", "Gone^Gita"),
            his.say("CA", 2, "H2", "Gone^Gita"),
            his.say("NW", 3, "H3"),
            his.say("NW", 3, "H4", "Other^Omar"),
        ]
        for place, name in enumerate(("CSV1", "CSV2", "TYP1", "HL1", "HL2", "HL3")):
            box.drop("photo", f"{name}.png", data + bytes([place]))
        box.until(lambda: len(list(box.status().acquisitions(state="held"))) == 3, "not three holds")
        box.until(lambda: box.stored_at("main") == 3, "not everything was sent")
    return answers


def _is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_pictures_of_listed_typed_and_heard_orders_arrive_under_their_patients(
    met: tuple[Box, dict[str, Dataset], list[str]],
) -> None:
    _, held, _ = met
    found = {number: (str(one.PatientID), str(one.PatientName)) for number, one in held.items()}
    assert found == {
        "CSV1": ("L1", "Müller^Ána"),
        "TYP1": ("L9", "Typed^Tara"),
        "HL1": ("H1", "Hearn^Hana"),
    }
    assert held["CSV1"].PatientBirthDate == "19600131"
    assert held["HL1"].IssuerOfPatientID == "HOSP"


def test_what_is_unsure_or_cancelled_waits_for_a_person(met: tuple[Box, dict[str, Dataset], list[str]]) -> None:
    box, _, answers = met
    assert answers == ["AA", "AA", "AA", "AA", "AE"]
    assert {row.display_name for row in box.status().acquisitions(state="held")} == {"CSV2.png", "HL2.png", "HL3.png"}


def test_what_the_peer_sent_is_shown(met: tuple[Box, dict[str, Dataset], list[str]]) -> None:
    box, _, _ = met
    shown = box.command("worklist", "messages", "orders", "--limit", "1")
    assert "answered AE" in shown
    assert "Other^Omar" in shown
    providers = {view.name: (view.kind, view.items) for view in box.status().providers()}
    assert providers == {"orders": ("hl7", 3), "local": ("local", 4)}


def test_importing_the_list_again_gives_the_same_studies(met: tuple[Box, dict[str, Dataset], list[str]]) -> None:
    """The roles are at rest, so the command does it itself; the studies are those of the first time."""
    box, held, _ = met
    for _ in range(2):
        told = box.command("worklist", "import", str(box.root.parent / "list.csv"))
    assert "3 order(s), 0 of them new or changed." in told
    keys = {step.accession_number: step.key.study_instance_uid for step in box.status().steps()}
    assert keys["CSV1"] == held["CSV1"].StudyInstanceUID
