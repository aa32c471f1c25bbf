"""A day at a clinic: four devices, two worklists, five destinations of which some are difficult, and two lives."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from pydicom import Dataset

from tests.peers.chain.box import Box, Peer, now
from tests.peers.chain.orders import CYRILLIC, HINDI, JAPANESE, PLAIN, entry, full_entry
from tests.peers.images import Exported, exported
from tests.support.peers import Orthanc, StoreScp, WorklistScp, write_worklist
from tests.support.pki import Pki

_FOLDER = 'path = "drop/{name}"\nsettle_s = 0.3\npoll_s = 0.5\n'
_PHOTO = f"""\
profile = "photo-camera-folder"
compression = ["1.2.840.10008.1.2.4.70"]
[source]
{_FOLDER.format(name="photo")}patterns = ["*"]
after = "delete"
[hints]
file_name = '(?P<accession_number>[A-Z0-9]+)-.*'
[object]
laterality = "U"
manufacturer = "Camera Works"
model_name = "C1"
serial_number = "S1"
[match]
rules = ["accession_number"]
modalities = []
"""
_XRAY = f"""\
profile = "xray-export-folder"
compression = "smallest"
[source]
{_FOLDER.format(name="xray")}after = "move"
move_to = "taken"
[hints.sidecar]
required = true
[object]
manufacturer = "X"
[match]
rules = ["accession_number"]
"""
_ULTRASOUND = f"""\
profile = "ultrasound-folder"
compression = ["1.2.840.10008.1.2.5"]
[source]
{_FOLDER.format(name="ultrasound")}[object]
manufacturer = "U"
model_name = "M"
serial_number = "7"
software_versions = "1.0"
[match]
modalities = []
"""
_FUNDUS = f"""\
profile = "fundus-camera-folder"
compression = "fastest"
[source]
{_FOLDER.format(name="fundus")}[exam]
grouping = "marker"
marker = "done.*"
[object]
manufacturer = "F"
model_name = "M"
serial_number = "7"
software_versions = "1.0"
[match]
modalities = []
"""
DEVICES = {"photo": _PHOTO, "xray": _XRAY, "ultrasound": _ULTRASOUND, "fundus": _FUNDUS}


@dataclass
class Day:
    """What was set up and dropped: `dropped` is (device, file name, picture, number of its order; 0 without one)."""

    box: Box
    pacs: Orthanc
    archive: Orthanc
    implicit: StoreScp
    explicit: StoreScp
    items: dict[int, Dataset]
    pictures: dict[str, Exported]
    dropped: list[tuple[str, str, Exported, int]] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)

    def drop(self, device: str, name: str, picture: str, order: int) -> Path:
        """Drop a picture; `name` is without its suffix."""
        shown = self.pictures[picture]
        full = f"{name}.{shown.suffix}"
        self.dropped.append((device, full, shown, order))
        return self.box.drop(device, full, shown.data)


def worklists() -> dict[int, Dataset]:
    """Orders 1 to 3 are at wlmscpfs, order 4 at Orthanc."""
    return {1: entry(1, HINDI), 2: entry(2, JAPANESE), 3: entry(3, PLAIN), 4: full_entry(4, CYRILLIC)}


def peers(day_peers: tuple[WorklistScp, Orthanc, Orthanc, StoreScp, StoreScp], down: int, archive: str) -> list[Peer]:
    """The configuration's peers; `archive` is the title by which the archive is called."""
    ris, pacs, old, implicit, explicit = day_peers
    ask = "refresh_s = 5\n"
    return [
        Peer("worklist", "RIS", ris.port, ris.ae_title, more=f'{ask}assumed_character_set = "ISO_IR 192"\n'),
        Peer("worklist", "HIS", pacs.port, pacs.ae_title, tls=True, more=ask),
        Peer("destination", "main", pacs.port, pacs.ae_title, tls=True),
        Peer("destination", "implicit", implicit.port, implicit.ae_title, tls=True),
        Peer("destination", "explicit", explicit.port, explicit.ae_title),
        Peer("destination", "down", down, "NOBODY"),
        Peer("destination", "archive", old.port, archive),
    ]


def morning(day: Day) -> None:
    """The first life: half of the pictures, ended while work goes on."""
    today = f"{now():%Y%m%d}"
    with day.box.running():
        day.box.until(lambda: len(list(day.box.status().steps())) == len(day.items), "the worklists are not there")
        for number, picture in enumerate(("photograph-png", "photograph-jpeg", "grey-png", "palette-png")):
            day.drop("photo", f"ACC1-{number}", picture, 1)
        for number, picture in enumerate(("tomogram-png", "tomogram-tiff", "doses-pages")):
            _with_sidecar(day, f"exam1/{number}", picture, 4)
        day.drop("ultrasound", "P2_first/1", "photograph-bmp", 2)
        day.drop("ultrasound", "P2_first/2", "echo-pages", 2)
        day.drop("fundus", f"P3_{today}_R_1", "photograph-tiff", 3)
        day.box.drop("fundus", "done.1", b"end")
        day.box.until(lambda: day.box.stored_at("main") >= 3, "nothing reaches the PACS")
        day.box.until(lambda: "archive" in _troubled(day), "a wrong AE title raises no issue")
        day.issues += [f"{issue.text} {issue.suggestion}" for issue in day.box.status().issues()]


def afternoon(day: Day) -> None:
    """The second life, which finds what was dropped while the box was off."""
    today = f"{now():%Y%m%d}"
    day.drop("photo", "ACC1-1", "scanner-jpeg", 1)  # the name of a picture of the morning, other bytes
    day.drop("photo", "ACC1-5", "grey-jpeg", 1)
    day.drop("photo", "ACC9-lost", "photograph-ppm", 3)  # no such order: a person will assign it
    day.drop("photo", "ACC8-foundling", "odd-png", 0)  # no such order: a person will send it without one
    day.box.drop("photo", "ACC1-0.png", day.pictures["photograph-png"].data)  # once more, and nothing new
    _with_sidecar(day, "exam2/0", "resonance-pgm", 4)
    day.drop("ultrasound", "P2_second/1", "grey-pages", 2)
    day.drop("fundus", f"P3_{today}_L_2", "grey-bmp", 3)
    day.box.drop("fundus", "done.2", b"end")
    with day.box.running():
        day.box.until(lambda: len(day.box.rows()) == len(day.dropped), "not everything was captured")
        day.box.until(lambda: len(day.box.status().acquisitions(state="held")) == 2, "not two holds")
        _decide(day)
        again = day.box.folder("ultrasound") / "P2_first" / "1.bmp"
        again.write_bytes(day.pictures["photograph-bmp"].data)  # the same bytes, written anew
        for name in ("main", "implicit", "explicit", "archive"):
            day.box.until(lambda name=name: day.box.stored_at(name) == len(day.dropped), f"{name} lacks something")  # type: ignore[misc] # mypy cannot infer a lambda with a default
        day.box.until(lambda: not (day.box.folder("photo") / "ACC1-0.png").exists(), "the repeated file stays")
        day.issues += [f"{issue.text} {issue.suggestion}" for issue in day.box.status().issues()]


def _decide(day: Day) -> None:
    """What a person does on the command line."""
    listed = day.box.command("hold", "list")
    assert "ACC9" in listed
    lost, foundling = (day.box.row(name).id for name in ("ACC9-lost.ppm", "ACC8-foundling.png"))
    steps = day.box.command("worklist", "--search", "ACC3")
    number = next(line.split()[0] for line in steps.splitlines() if "ACC3" in line)
    day.box.command("hold", "assign", number, str(lost), "--confirmed")
    day.box.command(
        "hold", "unscheduled", str(foundling), "--patient-id", "TEMP-1", "--patient-name", "Неизвестный", "--sex", "F"
    )


def _with_sidecar(day: Day, name: str, picture: str, order: int) -> None:
    item = day.items[order]
    text = f"<exam><accession>{item.AccessionNumber}</accession><patient><id>{item.PatientID}</id></patient></exam>"
    day.drop("xray", name, picture, order)
    day.box.drop("xray", f"{name}.xml", text.encode())


def _troubled(day: Day) -> set[str]:
    return {one.name for one in day.box.status().destinations() if one.error}


def live_through(root: Path, pki: Pki, pacs: Orthanc, archive: Orthanc, storescps: tuple[StoreScp, StoreScp]) -> Day:
    """Set everything up, live the two lives, and return what there is to look at; peers run already."""
    items = worklists()
    write_worklist(pacs.worklists, [items[4]])
    implicit, explicit = storescps
    with WorklistScp(root / "ris", [items[1], items[2], items[3]]) as ris:
        all_peers = (ris, pacs, archive, implicit, explicit)
        down = 9  # discard: nobody listens there
        box = Box(root / "box", pki.folder, peers(all_peers, down, "WRONG"), DEVICES)
        day = Day(box, pacs, archive, implicit, explicit, items, exported())
        morning(day)
        box.configure([replace(peer) for peer in peers(all_peers, down, archive.ae_title)])
        afternoon(day)
    return day
