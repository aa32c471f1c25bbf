"""Queue verbs, export and receipt as the real commands; the file-set as foreign programs read it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from pydicom import dcmread
from pydicom.fileset import FileSet

from tests.support.dcmtk import received, storescp
from tests.support.house import House
from tests.support.ports import free_port


def command(house: House, *arguments: str, code: int = 0) -> str:
    """What a command prints; its exit code must be `code`."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--config", str(house.config), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def filled(house: House, pictures: int) -> None:
    """A house whose pictures are objects that nobody took."""
    for number in range(pictures):
        house.drop(number, number % 3)
    assert house.live("capture/camera") == house.live("assemble") == 0


def states(house: House) -> list[str]:
    rows = house.status().acquisitions(limit=500)
    return sorted(delivery.state for row in rows for delivery in row.deliveries)


def test_an_engineer_steers_the_queue(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    filled(house, 3)
    assert command(house, "queue", "list").count("pending") == 3
    assert "2 held" in command(house, "queue", "hold", "1", "2")
    assert command(house, "queue", "list", "--state", "held", "--device", "camera").count("held") >= 2
    assert "1 released" in command(house, "queue", "release", "2")
    assert "1 dropped" in command(house, "queue", "drop", "1", "--reason", "wrong eye", "--operator", "Asha")
    shown = command(house, "queue", "show", "1")
    assert "wrong eye (Asha)" in shown
    assert "SOP Instance UID" in shown
    assert '"operator": "Asha"' in shown
    assert "nothing to drop" in command(house, "queue", "drop", "1", "--reason", "x", code=1)
    assert "1 taken back" in command(house, "queue", "take-back", "1")
    assert "due now" in command(house, "queue", "retry", "1", "2", "3")
    assert "There is no destination nowhere" in command(house, "queue", "retarget", "nowhere", "1", code=1)
    assert "Usage" in command(house, "queue", "retarget", "nowhere", code=2)
    assert "There is no delivery 99" in command(house, "queue", "show", "99", code=78)
    assert "36h" in command(house, "queue", "list", "--older-than", "yesterday", code=2)
    assert command(house, "queue", "list", "--older-than", "1h").count("pending") == 0
    assert states(house) == ["pending"] * 3


def test_the_file_set_is_read_by_foreign_programs_and_a_listing_of_what_they_took_is_proof(tmp_path: Path) -> None:
    house = House(tmp_path / "house", free_port())
    filled(house, 6)
    stick = tmp_path / "stick"
    stick.mkdir()
    told = command(house, "export", str(stick))
    assert "6 of 6 object(s)" in told
    assert "is on the gateway's own disk" in told  # no stick is mounted there, and nothing else would say so
    assert "MiB/s" in told
    assert states(house) == ["pending"] * 6
    assert command(house, "queue", "list").count("exported") == 6

    directory = stick / "DICOMDIR"
    checked = subprocess.run(
        [str(Path(sys.prefix) / "bin" / "dciodvfy"), str(directory)], capture_output=True, text=True, check=True
    )
    assert "Error" not in checked.stdout + checked.stderr
    subprocess.run(["dcmdump", "+E", str(directory)], capture_output=True, check=True)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256.TXT"], cwd=stick, capture_output=True, check=True)
    found = {instance.SOPInstanceUID: Path(instance.path) for instance in FileSet(directory)}
    assert len(found) == 6
    for uid, path in found.items():
        assert dcmread(path).SOPInstanceUID == uid
        names = path.relative_to(stick).parts
        assert all(len(name) <= 8 and name.isalnum() and name.isupper() for name in names)

    port, pacs = free_port(), tmp_path / "pacs"
    with storescp(pacs, port):
        subprocess.run(
            ["dcmsend", "--read-from-dicomdir", "--scan-directories", "127.0.0.1", str(port), str(directory)],
            check=True,
            capture_output=True,
        )
    taken = received(pacs)
    assert set(taken) == set(found)

    listing = tmp_path / "qido.json"
    listing.write_text(json.dumps([{"00080018": {"vr": "UI", "Value": [uid]}} for uid in taken]))
    assert "who imported" in command(house, "import-receipt", str(listing), code=1)
    assert states(house) == ["pending"] * 6
    told = command(house, "import-receipt", str(listing), "--importer", "PACS team")
    assert "6 delivery(ies) stored by this receipt" in told
    assert states(house) == ["stored"] * 6
    assert "listing of PACS team" in command(house, "queue", "show", "1")
    (tmp_path / "another").mkdir()
    assert "Nothing is unsent." in command(house, "export", str(tmp_path / "another"))


def test_a_filled_in_receipt_is_proof_of_what_it_still_names(tmp_path: Path) -> None:
    house = House(tmp_path / "house", free_port())
    filled(house, 3)
    stick = tmp_path / "stick"
    stick.mkdir()
    command(house, "export", str(stick), "--destination", "main")
    receipt = stick / "RECEIPT.TXT"
    assert "not say that" in command(house, "import-receipt", str(receipt), code=1)
    body = json.loads(receipt.read_text())
    body |= {"imported_by": "Radiology", "all_imported": True}
    body["instances"][1]["sha256"] = "0" * 64
    del body["instances"][2]
    receipt.write_text(json.dumps(body))
    told = command(house, "import-receipt", str(receipt), code=1)
    assert "1 delivery(ies) stored" in told
    assert "SHA-256" in told
    assert states(house) == ["pending", "pending", "stored"]
    assert "by receipt" in command(house, "queue", "list", "--state", "stored")
    assert "cannot be read" in command(house, "import-receipt", str(tmp_path / "none"), code=1)
    assert "which is complete" in command(house, "export", str(stick), code=1)
    assert "There is no destination nobody" in command(
        house, "export", str(tmp_path), "--destination", "nobody", code=78
    )
    shutil.rmtree(stick)
    assert "There is no folder" in command(house, "export", str(stick), code=1)
    stick.mkdir()
    assert "Nothing is unsent." in command(house, "export", str(stick), "--new")
    assert list(stick.iterdir()) == []


def test_a_stick_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    house = House(tmp_path / "house", free_port())
    filled(house, 1)
    for name, content, sentence in (
        ("DICOMDIR", "theirs", "somebody else"),
        ("EXPORT.ID", "2.25.4", "does not know"),
    ):
        stick = tmp_path / name.lower()
        (stick / "DICOM" / "D0000000").mkdir(parents=True)
        (stick / name).write_text(content)
        (stick / "DICOM" / "D0000000" / "I0000000").write_text("theirs")
        assert sentence in command(house, "export", str(stick), code=1)
        assert (stick / name).read_text() == content
        assert len([path for path in stick.rglob("*") if path.is_file()]) == 2
