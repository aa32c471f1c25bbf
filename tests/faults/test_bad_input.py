"""Bad input of every kind: it ends in quarantine or a clear issue, never in a crash or a loss, and harms no other."""

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from pydicom import dcmread

from gateway.domain.checkpoints import Checkpoint
from gateway.domain.views import AcquisitionView
from tests.support.dcmtk import received, storescp
from tests.support.house import House
from tests.support.ports import free_port

PHOTOGRAPH = np.kron(np.random.default_rng(5).integers(0, 256, (6, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
"""48 by 64 pixels of even squares."""


def coded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or Image.fromarray(PHOTOGRAPH)).save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(columns: int, rows: int, *more: bytes, data: bytes = b"\0" * 100) -> bytes:
    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    body = b"".join((chunk(b"IHDR", head), *more, chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(*entries: tuple[int, int, int, int]) -> bytes:
    """A little-endian TIFF whose one directory has the given (tag, type, count, value)."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + b"\0\0\0\0" + bytes(64)


def damaged_png() -> bytes:
    data = bytearray(coded("PNG"))
    middle = data.index(b"IDAT") + 30
    data[middle : middle + 8] = b"\xff" * 8
    return bytes(data)


def floats() -> bytes:
    return coded("TIFF", Image.fromarray(PHOTOGRAPH[:, :, 0].astype(np.float32)))


BAD: dict[str, bytes] = {
    "empty.png": b"",
    "nearly-empty.jpg": b"\n",
    "one-byte.tif": b"I",
    "half.jpg": coded("JPEG")[:-900],
    "half.png": coded("PNG")[:-40],
    "half.tif": coded("TIFF")[:-4000],
    "half.bmp": coded("BMP")[:-4000],
    "half.ppm": coded("PPM")[:-4000],
    "text.jpg": b"Dear doctor, the camera is broken.\n" * 20,
    "document.png": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n%%EOF\n",
    "page.tif": b"<html><body>502 Bad Gateway</body></html>",
    "zeros.jpg": bytes(4096),
    "bomb.png": png(60_000, 60_000),
    "bomb.ppm": b"P6\n100000 100000\n255\n" + bytes(1000),
    "bomb.bmp": b"BM" + struct.pack("<IHHIIiiHHIIIIII", 1054, 0, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0)
    + bytes(1000),
    "bomb.tif": tiff(
        (256, 4, 1, 100_000), (257, 4, 1, 100_000), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1), (273, 4, 1, 8),
        (278, 4, 1, 100_000), (279, 4, 1, 64),
    ),
    "text-bomb.png": png(4, 4, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(200_000_000), 9)), data=b"\0"),
    "counts.tif": tiff((256, 4, 0x7FFFFFFF, 8), (257, 4, 0xFFFFFFFF, 8), (273, 4, 0xFFFFFFF0, 8), (279, 4, 1, 0)),
    "nowhere.tif": b"II*\0\xf0\xff\xff\xff" + bytes(64),
    "loop.tif": tiff((256, 3, 1, 4), (257, 3, 1, 4))[:34] + b"\x08\0\0\0" + bytes(64),
    "damaged.png": damaged_png(),
    "floats.tif": floats(),
}  # fmt: skip


def place(house: House, name: bytes | str, data: bytes) -> bytes:
    """Put a file of any name into the device's folder at once."""
    raw = name if isinstance(name, bytes) else name.encode()
    folder = os.fsencode(house.drop_folder)
    hidden = folder + b"/.coming"
    with open(hidden, "wb") as stream:  # noqa: PTH123 - a name of any bytes
        stream.write(data)
    os.rename(hidden, folder + b"/" + raw)  # noqa: PTH104 - as above
    return raw


def rows(house: House) -> dict[str, AcquisitionView]:
    return {row.display_name: row for row in house.status().acquisitions(limit=1000)}


def delivered(house: House) -> set[str]:
    return {
        name for name, row in rows(house).items() if row.deliveries and {d.state for d in row.deliveries} == {"stored"}
    }


def test_bad_files_are_set_aside_with_their_reason_and_the_good_ones_arrive(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, port, incomplete_limit_s=1)
    for name, data in BAD.items():
        place(house, f"ACC0000_{name}", data)
    good = {house.drop(number)[0] for number in range(3)}
    with storescp(tmp_path / "pacs", port):
        house.live_through()
        assert len(received(tmp_path / "pacs")) == len(good)
    found = rows(house)
    assert set(found) == good | {f"ACC0000_{name}" for name in BAD}
    for name in BAD:
        row = found[f"ACC0000_{name}"]
        assert row.state == "quarantined", (name, row.state, row.reason)
        assert row.reason.endswith("."), (name, row.reason)
        assert row.remedy, name
    assert delivered(house) == good
    kept = [path for path in (house.spool / "acquisitions").rglob("*") if path.is_file()]
    assert len(kept) == len(found), "what was set aside is kept"
    assert not [path for path in house.drop_folder.iterdir() if not path.name.startswith(".")]


NAMES: dict[str, bytes] = {
    "no UTF-8": b"ACC0001_\xff\xfe\x80.png",
    "a line break": b"ACC0001_one\ntwo.png",
    "escapes": b"ACC0001_\x1b[2J\x07.png",
    "as long as can be": b"ACC0001_" + b"x" * 243 + b".png",
    "right to left": "ACC0001_\u202egnp.png".encode(),
    "markup": b"ACC0001_<script>alert(1)<&'\".png",
    "an option": b"--ACC0001_.png",
    "spaces": b"ACC0001_  .png",
    "percent": b"ACC0001_%s%n%00.png",
    "backslashes": b"ACC0001_\\..\\..\\x.png",
}


def test_any_file_name_is_taken_and_can_be_shown(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, port)
    pictures = [coded("PNG", Image.fromarray(np.full((4, 4, 3), n, np.uint8))) for n in range(len(NAMES))]
    for name, data in zip(NAMES.values(), pictures, strict=True):
        place(house, name, data)
    with storescp(tmp_path / "pacs", port):
        house.live_through()
    found = house.status().acquisitions(limit=100)
    states = sorted(row.state for row in found)
    assert states == ["assembled"] * (len(NAMES) - 2) + ["held"] * 2, "those whose names match no pattern wait"
    for row in found:
        assert row.display_name.isprintable(), repr(row.display_name)
        row.display_name.encode("utf-8")
    for arguments in (("queue", "--state", "all"), ("hold", "list"), ("status",)):
        shown = subprocess.run(_command(house, *arguments), capture_output=True, timeout=60, check=False)
        assert shown.returncode == 0, shown.stderr
        assert b"\x1b[2J" not in shown.stdout


def _command(house: House, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "gateway", "--config", str(house.config), *arguments]


def _cmyk() -> Image.Image:
    return Image.fromarray(PHOTOGRAPH).convert("CMYK")


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return coded("JPEG", quality=95, exif=exif)


ODD: dict[str, bytes] = {
    "cmyk.jpg": coded("JPEG", _cmyk(), quality=95),
    "progressive.jpg": coded("JPEG", quality=95, progressive=True),
    "turned-3.jpg": _turned(3),
    "turned-6.jpg": _turned(6),
    "turned-5.jpg": _turned(5),
    "png-in-truth.jpg": coded("PNG"),
    "jpeg-in-truth.png": coded("JPEG", quality=95),
    "trailing.jpg": coded("JPEG", quality=95) + b"camera's own data" * 10,
}


def test_odd_but_sound_files_become_what_they_show(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    for name, data in ODD.items():
        place(house, f"ACC0002_{name}", data)
    assert house.live("capture/camera") == 0
    assert house.live("assemble") == 0
    objects = {str(dcmread(path).SOPInstanceUID): path for path in (house.spool / "instances").rglob("*.dcm")}
    found = rows(house)
    for name, data in ODD.items():
        row = found[f"ACC0002_{name}"]
        assert row.state == "assembled", (name, row.reason)
        dataset = dcmread(objects[row.sop_instance_uid])
        expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
        assert (dataset.Rows, dataset.Columns) == expected.shape[:2], name
        difference = np.abs(np.asarray(dataset.pixel_array).astype(int) - expected)
        assert difference.max() <= (0 if dataset.PhotometricInterpretation == "RGB" else 12), (name, difference.max())
        assert dataset.get("LossyImageCompression", "00") == ("00" if name == "png-in-truth.jpg" else "01")


@dataclass
class Meddle:
    """Does something to a file at the moment at which it was found and is about to be read."""

    path: Path
    what: str
    done: bool = False

    def __call__(self, point: Checkpoint) -> None:
        if point is not Checkpoint.CAPTURE_FOUND or self.done:
            return
        self.done = True
        if self.what == "remove":
            self.path.unlink()
        elif self.what == "shorten":
            os.truncate(self.path, 50)
        else:
            self.path.write_bytes(coded("PNG", Image.fromarray(np.zeros((5, 5, 3), np.uint8))))


@pytest.mark.parametrize(
    ("what", "outcome"), [("remove", []), ("shorten", ["quarantined"]), ("replace", ["assembled"])]
)
def test_a_file_that_changes_while_it_is_taken(tmp_path: Path, what: str, outcome: list[str]) -> None:
    house = House(tmp_path, free_port(), incomplete_limit_s=1)
    name, _ = house.drop(1)
    meddle: Callable[[Checkpoint], None] = Meddle(house.drop_folder / name, what)
    assert house.live("capture/camera", meddle) == 0  # type: ignore[arg-type] # any passage
    good, _ = house.drop(2)
    assert house.live("capture/camera") == 0
    assert house.live("assemble") == 0
    found = rows(house)
    assert found.pop(good).state == "assembled"
    assert [row.state for row in found.values()] == outcome
    if what == "replace":
        (path,) = [p for p in (house.spool / "instances").rglob("*.dcm") if dcmread(p).Rows == 5]
        assert not np.asarray(dcmread(path).pixel_array).any()


def test_links_and_pipes_are_passed_over_and_named(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    secret = tmp_path / "secret.png"
    secret.write_bytes(coded("PNG"))
    (house.drop_folder / "ACC0000_link.png").symlink_to(secret)
    (house.drop_folder / "ACC0000_dangling.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(house.drop_folder / "ACC0000_pipe.png")
    good, _ = house.drop(1)
    assert house.live("capture/camera") == 0
    assert house.live("assemble") == 0
    assert set(rows(house)) == {good}
    issues = " ".join(f"{issue.text} {issue.suggestion}" for issue in house.status().issues())
    for name in ("link", "dangling", "pipe"):
        assert f"ACC0000_{name}.png" in issues
    assert secret.exists()


SIDECARS: dict[str, bytes] = {
    "damaged": b"<exam><accession>ACC0003</acc",
    "entities": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><exam><accession>&b;</accession></exam>',
    "empty": b"",
    "binary": bytes(range(256)) * 4,
    "huge": b"<exam>" + b" " * (1 << 23) + b"</exam>",
}


def test_a_damaged_sidecar_sets_its_picture_aside(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    device = tmp_path / "devices" / "camera.toml"
    sidecar = 'sidecar = { suffix = ".xml", map = { accession_number = "/exam/accession" }, wait_s = 0.5 }\n'
    device.write_text(device.read_text().replace("[hints]\n", f"[hints]\n{sidecar}"))
    for number, (name, data) in enumerate(SIDECARS.items()):
        place(house, f"ACC0003_{name}.png", coded("PNG", Image.fromarray(np.full((4, 4, 3), number, np.uint8))))
        place(house, f"ACC0003_{name}.xml", data)
    place(house, "ACC0003_sound.xml", b"<exam><accession>ACC0003</accession></exam>")
    place(house, "ACC0003_sound.png", coded("PNG"))
    assert house.live("capture/camera") == 0
    assert house.live("assemble") == 0
    found = rows(house)
    assert found.pop("ACC0003_sound.png").state == "assembled"
    assert len(found) == len(SIDECARS)
    for name, row in found.items():
        assert row.state == "quarantined", (name, row.state, row.reason)
        assert "idecar" in row.reason, row.reason
        assert row.remedy


@contextmanager
def _capturing(house: House) -> Iterator[None]:
    """The capture role as a user whom permissions bind; the one who runs the tests may be root."""
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    with (house.root / "capture.log").open("ab") as log:
        process = subprocess.Popen([*bound, *_command(house, "run", "capture")], stderr=log)
    try:
        yield
        process.terminate()
        assert process.wait(30) == 0, (house.root / "capture.log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_a_file_that_may_not_be_read_is_an_issue_until_it_may(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    name, _ = house.drop(1)
    (house.drop_folder / name).chmod(0)
    good, _ = house.drop(2)
    with _capturing(house):
        _until(lambda: set(rows(house)) == {good}, "the good file was not taken")
        _until(lambda: any(name in issue.text for issue in house.status().issues()), "no issue about the file")
        (issue,) = [issue for issue in house.status().issues() if name in issue.text]
        assert "cannot be read" in issue.text
        assert issue.suggestion
        (house.drop_folder / name).chmod(0o600)
        _until(lambda: set(rows(house)) == {good, name}, "the file was not taken when it could be read")
        _until(lambda: not any(name in issue.text for issue in house.status().issues()), "the issue stays")


def test_a_folder_that_may_not_be_changed_keeps_its_file_and_says_so(tmp_path: Path) -> None:
    """The picture is safe; that it cannot be deleted is an issue, and it is not taken twice."""
    house = House(tmp_path, free_port())
    name, _ = house.drop(1)
    house.drop_folder.chmod(0o500)
    try:
        with _capturing(house):
            _until(lambda: any(name in issue.text for issue in house.status().issues()), "no issue about the file")
            assert set(rows(house)) == {name}
            assert (house.drop_folder / name).exists()
    finally:
        house.drop_folder.chmod(0o700)
    assert house.live("capture/camera") == 0
    assert len(rows(house)) == 1
    assert not (house.drop_folder / name).exists()
