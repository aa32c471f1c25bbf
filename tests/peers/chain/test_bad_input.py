"""What providers, senders and people get wrong, from the peer to the page: named there, and never matched by guess.

A worklist SCP that returns everything it holds, an HL7 sender, a list; the real gateway in between; a PACS behind it.
"""

import socket
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pynetdicom.events import Event

from gateway.bootstrap.people import clock_of, open_sent
from gateway.bootstrap.settings import load_configuration
from gateway.spool.requests import SpoolRequestDesk
from gateway.web.app import create_app
from gateway.web.security.password import ensure_password
from tests.peers.chain.box import Box, Peer, now, photo_device
from tests.peers.chain.orders import entry
from tests.peers.images import exported
from tests.support.fake_page import FakePage
from tests.support.page_visitor import Visitor
from tests.support.peers import StoreScp
from tests.support.pki import make_pki
from tests.support.ports import free_port
from tests.support.worklist_scp import Answers, worklist

GOOD = ("ACC1", "LIST1", "HL7A")
BAD = ("NOPID", "DUP", "BADUID", "TWOIDS", "LATIN", "NODATE", "LIST2", "LIST3", "HL7B")
FAULTS = (
    "It has no Patient ID.",
    "Its accession number is also given to another patient",
    "It has no valid Study Instance UID.",
    "Patient ID has several values.",
    "Patient's Name cannot be read as ASCII",
    "Accession Number is longer than the 16 characters that the standard allows.",
    "Patient's Birth Date has an invalid value, which is left out.",
    "Patient's Sex has an invalid value, which is left out.",
    "It has no usable start date and time.",
)


def raw(item: Dataset, keyword: str, vr: str, value: bytes) -> None:
    """Put bytes into an item that no library would write by itself."""
    tag = Tag(keyword)
    item[tag] = RawDataElement(tag, vr, len(value), value, 0, is_implicit_VR=False, is_little_endian=True)


def named(number: int, accession: str, **changes: object) -> Dataset:
    item = entry(number, f"Patient^Number{number}")
    item.AccessionNumber = accession
    for keyword, value in changes.items():
        setattr(item, keyword, value)
    return item


def worklist_items() -> list[Dataset]:
    """One good entry, and one for each thing that can be wrong."""
    latin, typed, undated = named(6, "LATIN"), named(7, "TYPED"), named(9, "NODATE")
    del latin.SpecificCharacterSet
    del latin.RequestedProcedureDescription
    raw(latin, "PatientName", "PN", b"M\xfcller^A ")
    raw(typed, "PatientBirthDate", "DA", b"31.12.99")
    raw(typed, "PatientSex", "CS", b"girl")
    raw(undated.ScheduledProcedureStepSequence[0], "ScheduledProcedureStepStartDate", "DA", b"tomorrow")
    undated.PatientID = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            named(1, "ACC1"),
            named(2, "NOPID", PatientID=""),
            named(3, "DUP"),
            named(4, "DUP"),
            named(5, "BADUID", StudyInstanceUID="1.2.beta"),
            named(8, "TWOIDS", PatientID=["P8", "P80"]),
            named(10, "LONGER-THAN-ANY-NUMBER"),
            latin,
            typed,
            undated,
        ]


def all_of_it() -> Callable[[Event], Answers]:
    """A handler that returns all of it to every query, as some SCPs do."""
    items = worklist_items()
    return lambda _: iter([(0xFF00, item) for item in items])


def messages() -> list[bytes]:
    """A good order, one whose text is not what it says, and one that is cut in half."""
    day = f"{now():%Y%m%d}1200"

    def order(number: str, name: bytes) -> bytes:
        lines = [
            f"MSH|^~\\&|HIS|HOSP|BOX|ROOM|{day}||ORM^O01|C{number}|P|2.5.1||||||UNICODE UTF-8".encode(),
            f"PID|1||H{number}^^^HOSP^PI||".encode() + name + b"||19710402|F",
            f"ORC|NW|P{number}|{number}||||^^^{day}".encode(),
            f"OBR|1|P{number}|{number}|PHO^Photograph".encode(),
            b"",
        ]
        return b"\x0b" + b"\r".join(lines) + b"\x1c\r"

    good, wrong = order("HL7A", "Rāo^Āshā".encode()), order("HL7B", b"M\xfcller^Anna")
    return [good, wrong, order("HL7C", b"Cut^Off")[:150]]


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Box, dict[str, Dataset], Visitor, str]]:
    """A box that met all of it; what the PACS holds, a person at the page, and what the import said."""
    root = tmp_path_factory.mktemp("bad")
    port = free_port()
    with StoreScp(root / "pacs", None) as pacs, worklist(all_of_it()) as ris:
        peers = [Peer("destination", "main", pacs.port, pacs.ae_title), Peer("worklist", "RIS", ris, "RIS")]
        feed = f'[[hl7]]\nname = "feed"\nhost = "127.0.0.1"\nport = {port}\n'
        box = Box(root / "box", make_pki(root / "pki").folder, peers, {"photo": photo_device()}, more=feed)
        told = _live(box, root, port)
        yield box, {str(one.AccessionNumber): one for one in map(dcmread, pacs.files())}, _visitor(box), told


def _live(box: Box, root: Path, port: int) -> str:
    today = f"{now():%Y-%m-%d}"
    orders, columns = root / "list.csv", root / "columns.csv"
    orders.write_text(
        "patient_id;name;birth_date;accession_number;date\n"
        f"L1;Good^Gita;1960-01-31;LIST1;{today}\n"
        f";;1961-01-31;LIST2;{today}\n"  # cells merged with those above
        f"L3;Other^One;03/04/1961;LIST3;{today};one too many\n",
        encoding="utf-8",
    )
    columns.write_text("name;accession_number\nNobody^Known;LIST4\n", encoding="utf-8")
    data = exported()["odd-png"].data
    with box.running():
        box.until(lambda: len(list(box.status().steps())) >= 9, "the worklist has not come")
        told = box.command("worklist", "import", str(orders))
        box.until(lambda: _says(port, messages()), "the feed does not listen")
        for place, name in enumerate((*GOOD, *BAD)):
            box.drop("photo", f"{name}.png", data + bytes([place]))
        box.until(lambda: len(list(box.status().acquisitions(state="held"))) == len(BAD), "not every hold")
        box.until(lambda: box.stored_at("main") == len(GOOD), "not everything was sent")
    return told


def _says(port: int, frames: list[bytes]) -> bool:
    """Send each frame on a call of its own and read the answer, which a cut one does not get; False if nobody hears."""
    for frame in frames:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
                sock.sendall(frame)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(4096):
                    pass
        except ConnectionRefusedError:
            return False
    return True


def _visitor(box: Box) -> Visitor:
    """The page over the ledger of the box, with a person who has signed in."""
    settings = load_configuration(box.config)
    state = box.root / "page"
    state.mkdir()
    password = ensure_password(state) or ""
    app = create_app(
        reader=box.status(),
        desk=SpoolRequestDesk(settings.spool.path, clock_of(settings)),
        clock=clock_of(settings),
        state_dir=state,
        station_name="test",
        sent=open_sent(settings),
    )
    page = FakePage.__new__(FakePage)  # a real application: the fakes behind it are not there
    page.app, page.password, page.state_dir = app, password, state
    visitor = Visitor(page, app.test_client())
    visitor.sign_in()
    return visitor


Met = tuple[Box, dict[str, Dataset], Visitor, str]


def test_the_good_arrives_and_nothing_that_is_in_doubt(met: Met) -> None:
    box, held, _, _ = met
    assert {number: str(one.PatientID) for number, one in held.items()} == {
        "ACC1": "P1",
        "LIST1": "L1",
        "HL7A": "HHL7A",
    }
    waiting = {row.display_name for row in box.status().acquisitions(state="held")}
    assert waiting == {f"{name}.png" for name in BAD}


def test_each_fault_of_an_answer_is_named_on_page_and_command_line(met: Met) -> None:
    box, _, visitor, _ = met
    places = {
        "what was sent": visitor.text("/worklist/sent?provider=RIS"),
        "worklist": visitor.text("/worklist"),
        "worklist sent": box.command("worklist", "sent", "RIS", "--all"),
        "worklist command": box.command("worklist"),
    }
    missing = [(place, fault) for place, text in places.items() for fault in FAULTS if fault not in text]
    assert missing == []


def test_what_was_sent_stands_beside_the_fault_as_it_came(met: Met) -> None:
    box, _, visitor, _ = met
    shown, printed = visitor.text("/worklist/sent?provider=RIS"), box.command("worklist", "sent", "RIS", "--all")
    for sent in ("31.12.99", "tomorrow", "1.2.beta", "LONGER-THAN-ANY-NUMBER", "M\\xfcller^A", "P8\\P80"):
        assert sent in shown, sent
        assert sent in printed, sent
    assert "Müller, A" in shown  # under a candidate character set


def test_faults_of_messages_are_named_with_the_message(met: Met) -> None:
    box, _, visitor, _ = met
    for shown in (visitor.text("/worklist/sent?provider=feed"), box.command("worklist", "messages", "feed")):
        assert "Its text is not in the character set UNICODE UTF-8." in shown
        assert "The message was cut off: its end never came." in shown
        assert "M\\xfcller^Anna" in shown
        assert "Cut^Off" in shown


def test_faults_of_a_list_are_named_with_line_and_column(met: Met) -> None:
    box, _, visitor, told = met
    shown, printed = visitor.text("/worklist/sent?provider=local"), box.command("worklist", "sent", "local")
    for fault in (
        "line 3, column patient_id: it is empty; cells may be merged",
        "line 4: it has 6 cells and the header 5",
        "line 4, column birth_date: it is no clear date",
    ):
        assert fault in told
        assert fault in shown
        assert fault in printed
    assert "   4 | L3;Other^One;03/04/1961" in printed
    columns = box.root.parent / "columns.csv"
    with pytest.raises(AssertionError, match="this column is needed; nothing is read"):
        box.command("worklist", "import", str(columns))


def test_the_log_names_nobody(met: Met) -> None:
    box, _, _, _ = met
    log = box.log.read_text(errors="replace")
    for name in ("Number3", "ller^A", "Gita", "Cut^Off", "31.12.99"):
        assert name not in log


def test_the_issues_send_people_to_the_page(met: Met) -> None:
    box, _, _, _ = met
    texts = [f"{issue.text} {issue.suggestion}" for issue in box.status().issues()]
    assert any("cannot be used" in text for text in texts)
    assert any("share an accession number" in text for text in texts)
    assert not [text for text in texts if "Number3" in text]


def test_a_person_may_say_which_of_two_is_right(met: Met) -> None:
    """The roles are at rest, so the command does it itself."""
    box, _, _, _ = met
    line = next(line for line in box.command("worklist", "--search", "P3").splitlines() if "DUP" in line)
    number = line.split()[0]
    assert "in doubt" in line
    assert box.command("worklist", "accept", number).strip() == "accepted"
    assert "in doubt" not in box.command("worklist", "--search", "P3")
    assert box.status().step(int(number)) is not None
    assert ZoneInfo("Asia/Kolkata") == clock_of(load_configuration(box.config)).now().tzinfo
