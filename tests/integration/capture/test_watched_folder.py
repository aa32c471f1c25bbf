"""A watched folder with real files, real notices of the operating system, real writers and real time."""

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gateway.capture.image_files import open_picture
from gateway.capture.watched_folder import FolderSettings, WatchedFolder
from gateway.domain.acquisition import Finding, FindingPart

PATIENCE_S = 30.0


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Ledger:
    def __init__(self) -> None:
        self.parts: set[FindingPart] = set()
        self.latest: tuple[str, datetime] | None = None

    def is_known(self, part: FindingPart) -> bool:
        return part in self.parts

    def latest_exam(self) -> tuple[str, datetime] | None:
        return self.latest


class Taker:
    """The capture stage in small: copies, commits, acknowledges."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.ledger = Ledger()
        self.taken: dict[bytes, bytes] = {}
        self.findings: list[Finding] = []
        options = {"settle_s": 0.2, "poll_s": 3600, **options}
        self.source = WatchedFolder(FolderSettings(folder, **options), memory=self.ledger, clock=RealClock())

    def until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, self.source.troubles()
            for finding in self.source.poll():
                with self.source.open(finding.parts[0]) as stream:
                    self.taken[finding.parts[0].name] = stream.read()
                self.findings.append(finding)
                self.ledger.parts |= set(finding.parts)
                self.source.acknowledge(finding)
            self.source.wait(0.5)


@pytest.fixture
def taker(tmp_path: Path) -> Iterator[Callable[..., Taker]]:
    made: list[Taker] = []

    def make(**options: Any) -> Taker:
        made.append(Taker(tmp_path / "drop", **options))
        return made[-1]

    (tmp_path / "drop").mkdir()
    yield make
    for one in made:
        one.source.close()


def picture(kind: str = "JPEG", seed: int = 1) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, kind)
    return out.getvalue()


def test_notices_wake_the_loop_long_before_the_next_regular_look(taker: Callable[..., Taker], tmp_path: Path) -> None:
    t = taker()
    t.until(lambda: True)
    list(t.source.poll())
    (tmp_path / "drop/a.jpg").write_bytes(picture())
    t.until(lambda: bool(t.taken))
    assert t.taken[b"a.jpg"] == picture()


def test_notices_reach_new_folders_below(taker: Callable[..., Taker], tmp_path: Path) -> None:
    t = taker(recursive=True, after="move")
    list(t.source.poll())
    (tmp_path / "drop/exam").mkdir()
    (tmp_path / "drop/exam/a.jpg").write_bytes(picture())
    t.until(lambda: bool(t.taken))
    assert (tmp_path / "drop/.taken/exam/a.jpg").read_bytes() == picture()


def test_without_notices_regular_looks_find_everything(taker: Callable[..., Taker], tmp_path: Path) -> None:
    t = taker(use_native_events=False, poll_s=0.3)
    (tmp_path / "drop/a.jpg").write_bytes(picture())
    t.until(lambda: bool(t.taken))
    assert t.findings[0].fault is None


def test_notices_that_cannot_be_had_fall_back_to_regular_looks(
    taker: Callable[..., Taker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("gateway.capture.folder_events.Observer.start", refuse)
    t = taker(poll_s=0.3)
    (tmp_path / "drop/a.jpg").write_bytes(picture())
    t.until(lambda: bool(t.taken))


def test_a_folder_that_is_replaced_is_watched_again(taker: Callable[..., Taker], tmp_path: Path) -> None:
    t = taker(poll_s=0.3)
    list(t.source.poll())
    (tmp_path / "drop").rename(tmp_path / "old")
    t.until(lambda: bool(t.source.troubles()))
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop/a.jpg").write_bytes(picture())
    t.until(lambda: bool(t.taken))
    assert t.source.troubles() == ()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "PPM"])
def test_a_slow_writer_is_never_overtaken(taker: Callable[..., Taker], tmp_path: Path, kind: str) -> None:
    """The writer pauses longer than the settling time; its open handle or the format itself must tell."""
    t = taker(settle_s=0.1, poll_s=0.1)
    data = picture(kind)
    path = tmp_path / "drop/a.png"

    def write() -> None:
        with path.open("wb") as stream:
            for at in range(0, len(data), len(data) // 4 + 1):
                stream.write(data[at : at + len(data) // 4 + 1])
                stream.flush()
                time.sleep(0.4)

    writer = threading.Thread(target=write)
    writer.start()
    t.until(lambda: bool(t.taken))
    writer.join()
    assert t.taken == {b"a.png": data}
    assert t.findings[0].fault is None
    assert open_picture(path).frames.frame(0).nbytes == 300 * 400 * 3


def test_a_forbidden_file_is_a_trouble_until_it_may_be_read(
    taker: Callable[..., Taker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run as root, permissions do not bind; then the system call that would refuse is made to."""
    t = taker(poll_s=0.2)
    path = tmp_path / "drop/a.jpg"
    path.write_bytes(picture())
    path.chmod(0)
    if os.geteuid() == 0:
        real_open = os.open

        def refuse(name: Any, *args: Any, **options: Any) -> int:
            if name == b"a.jpg":
                raise PermissionError(13, "Permission denied")
            return real_open(name, *args, **options)

        monkeypatch.setattr("gateway.capture.regular_files.os.open", refuse)
    t.until(lambda: bool(t.source.troubles()))
    assert "Permission denied" in t.source.troubles()[0].message
    assert t.source.troubles()[0].remedy
    assert not t.taken
    monkeypatch.undo()
    path.chmod(0o600)
    t.until(lambda: bool(t.taken))


def test_a_move_to_another_file_system_keeps_the_bytes(taker: Callable[..., Taker], tmp_path: Path) -> None:
    other = Path("/dev/shm") / f"gateway-test-{os.getpid()}"
    t = taker(after="move", move_to=other)
    try:
        (tmp_path / "drop/a.jpg").write_bytes(picture())
        t.until(lambda: bool(t.taken))
        assert (other / "a.jpg").read_bytes() == picture()
        assert not (tmp_path / "drop/a.jpg").exists()
    finally:
        for left in other.iterdir():
            left.unlink()
        other.rmdir()
