"""Capture: the order of durable effects, and a power cut between any two of them (promise 1)."""

import errno
import io
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from gateway.domain.acquisition import Finding, FindingPart, Hint, HintKind
from gateway.domain.checkpoints import Checkpoint, Passage, pass_by
from gateway.domain.errors import Disposition, GatewayError, Phase, SpoolFull, UnreadableInput
from gateway.domain.identifiers import DeviceName
from gateway.spool.captures import CaptureLedger
from gateway.spool.database import Database
from gateway.spool.files import SpoolFiles
from gateway.spool.reconciling import UNCLAIMED
from gateway.spool.upkeep import Upkeep
from gateway.stages.capture import CaptureStage
from tests.support.ledger import TestSpool, finding

DEVICE = DeviceName("fundus")
CAPTURE = [point for point in Checkpoint if point.value.startswith("capture.")]


class PowerCut(BaseException):
    """Stops the program where power may fail."""


class FakeSource:
    """A device that offers findings until they are acknowledged, and notes what happens."""

    def __init__(self, events: list[str]) -> None:
        self.events = events
        self.offered: list[Finding] = []
        self.bytes: dict[bytes, bytes] = {}
        self.acknowledged: list[Finding] = []
        self.standing: tuple[GatewayError, ...] = ()
        self.waits = 0
        self.closed = False
        self.fail_acknowledge: GatewayError | None = None
        self.fail_open: Exception | None = None

    def offer(self, content: bytes = b"picture", *, sidecar: bytes | None = None, **of_finding: Any) -> Finding:
        made = finding(content, sidecar=sidecar, **of_finding)
        self.offered.append(made)
        self.bytes[made.parts[0].name] = content
        if sidecar is not None:
            self.bytes[made.parts[1].name] = sidecar
        return made

    def wait(self, timeout_s: float) -> None:
        assert timeout_s > 0
        self.waits += 1

    def poll(self) -> Iterable[Finding]:
        return list(self.offered)

    def open(self, part: FindingPart) -> BinaryIO:
        if self.fail_open is not None:
            raise self.fail_open
        self.events.append("open")
        return io.BytesIO(self.bytes[part.name])

    def acknowledge(self, offered: Finding) -> None:
        if self.fail_acknowledge is not None:
            raise self.fail_acknowledge
        self.events.append("acknowledge")
        self.offered.remove(offered)
        self.acknowledged.append(offered)

    def troubles(self) -> tuple[GatewayError, ...]:
        return self.standing

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path)
    yield made
    made.close()


@pytest.fixture
def source() -> FakeSource:
    return FakeSource([])


def stage_of(spool: TestSpool, source: FakeSource, passage: Passage = pass_by, *, floor_bytes: int = 0) -> CaptureStage:
    files = SpoolFiles(spool.root, role="capture@fundus", passage=passage, floor_bytes=floor_bytes)
    return CaptureStage(
        device=DEVICE,
        source=source,
        captures=spool.captures,
        files=files,
        health=spool.health,
        clock=spool.clock,
        passage=passage,
        beat=lambda: source.events.append("beat"),
    )


def spooled(spool: TestSpool) -> list[bytes]:
    """The bytes of all captured files."""
    return sorted(spool.files.absolute(path).read_bytes() for path in spool.files.files_in("acquisitions"))


def test_effects_come_in_the_order_that_loses_nothing(
    spool: TestSpool, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = source.events
    fsync, rename, record = os.fsync, os.rename, CaptureLedger.record

    def watched_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        events.append("fsync folder" if path.is_dir() else "fsync file")
        fsync(descriptor)

    def watched_rename(before: Path, after: Path) -> None:
        events.append("rename")
        rename(before, after)

    def watched_record(*arguments: Any, **named: Any) -> Any:
        number = record(*arguments, **named)
        with Database(spool.root, read_only=True).read() as connection:
            rows = connection.execute("SELECT 1 FROM acquisition").fetchall()
        events.append(f"rows committed: {len(rows)}")
        return number

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "rename", watched_rename)
    monkeypatch.setattr(CaptureLedger, "record", watched_record)
    source.offer()
    stage_of(spool, source, lambda point: events.append(point.value)).round()
    told = [event for event in events if event != "fsync folder"]
    assert told == [
        "capture.found",
        "open",
        "capture.copied",
        "fsync file",
        "capture.synced",
        "rename",
        "capture.renamed",
        "rows committed: 1",
        "capture.committed",
        "acknowledge",
        "capture.acknowledged",
        "beat",
    ]
    assert events[events.index("rename") + 1] == "fsync folder"


def test_parts_are_kept_together(spool: TestSpool, source: FakeSource) -> None:
    source.offer(b"picture", name=b"eye.JPG", sidecar=b"<exam/>")
    stage_of(spool, source).round()
    parts = spool.rows("SELECT * FROM part ORDER BY position")
    assert [(part["role"], part["source_name"]) for part in parts] == [
        ("primary", b"eye.JPG"),
        ("sidecar", b"eye.JPG.xml"),
    ]
    assert [spool.files.absolute(part["path"]).read_bytes() for part in parts] == [b"picture", b"<exam/>"]
    assert [Path(part["path"]).suffix for part in parts] == [".jpg", ".xml"]


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.j\xffg", b"no suffix", b".", b"a.tar.verylongsuffix", b"x./../../etc", b"a.\n"]
)
def test_a_name_of_any_bytes_stays_inside_the_spool(spool: TestSpool, source: FakeSource, name: bytes) -> None:
    source.offer(name=name)
    stage_of(spool, source).round()
    (path,) = spool.files.files_in("acquisitions")
    assert path.startswith("acquisitions/fundus/2026-03-04/")
    assert path.isascii()
    assert "\n" not in path
    assert spool.rows("SELECT source_name FROM part") == [{"source_name": name}]


def cut_at(where: Checkpoint) -> Callable[[Checkpoint], None]:
    def passage(point: Checkpoint) -> None:
        if point is where:
            raise PowerCut

    return passage


@pytest.mark.parametrize("sidecar", [None, b"<exam/>"])
@pytest.mark.parametrize("where", CAPTURE)
def test_a_power_cut_anywhere_loses_nothing_and_doubles_nothing(
    spool: TestSpool, source: FakeSource, where: Checkpoint, sidecar: bytes | None
) -> None:
    source.offer(b"picture", sidecar=sidecar)
    with pytest.raises(PowerCut):
        stage_of(spool, source, cut_at(where)).round()
    committed = bool(spool.rows("SELECT * FROM acquisition"))
    assert committed or not source.acknowledged

    files = SpoolFiles(spool.root, role="capture@fundus")  # the role starts again
    files.sweep_temporary()
    upkeep = Upkeep(spool.database, files, spool.clock)
    assert upkeep.reconcile("acquisitions/fundus").missing_files == ()
    stage_of(spool, source).round()

    assert source.offered == []
    assert len(source.acknowledged) == 1
    assert len(spool.rows("SELECT * FROM acquisition")) == 1
    assert spooled(spool) == sorted([b"picture"] + ([sidecar] if sidecar else []))
    assert upkeep.settle_unclaimed() == 0
    assert list(files.files_in(UNCLAIMED)) == list(files.files_in("tmp")) == []


def test_a_commit_that_keeps_failing_leaves_one_copy(
    spool: TestSpool, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise SpoolFull("The disk has no room left for the ledger.")

    source.offer(b"picture", sidecar=b"<exam/>")
    stage = stage_of(spool, source)
    with monkeypatch.context() as patched:
        patched.setattr(spool.captures, "record", full)
        for _ in range(5):
            with pytest.raises(SpoolFull):
                stage.round()
    assert len(spooled(spool)) == 2
    assert source.acknowledged == []
    stage.round()
    assert (len(spooled(spool)), len(source.acknowledged)) == (2, 1)


def test_the_same_bytes_again_make_nothing_new_and_are_let_go(spool: TestSpool, source: FakeSource) -> None:
    source.offer()
    stage = stage_of(spool, source)
    stage.round()
    source.offer(name=b"copy.jpg", mtime_ns=5)
    stage.round()
    assert len(source.acknowledged) == 2
    assert len(spool.rows("SELECT * FROM acquisition")) == 1
    assert spooled(spool) == [b"picture"]
    source.offer(b"other bytes, same name")
    stage.round()
    assert len(spool.rows("SELECT * FROM acquisition")) == 2


def test_the_same_bytes_of_two_exams_have_two_files(spool: TestSpool, source: FakeSource) -> None:
    source.offer(exam_key="a", name=b"1.jpg")
    source.offer(exam_key="b", name=b"2.jpg")
    stage_of(spool, source).round()
    assert spooled(spool) == [b"picture", b"picture"]
    assert len({row["path"] for row in spool.rows("SELECT path FROM acquisition")}) == 2


def test_one_sidecar_of_two_pictures_is_kept_with_each(spool: TestSpool, source: FakeSource) -> None:
    source.offer(b"left", name=b"l.jpg", sidecar=b"<exam/>")
    source.offer(b"right", name=b"r.jpg", sidecar=b"<exam/>")
    stage_of(spool, source).round()
    assert spooled(spool) == [b"<exam/>", b"<exam/>", b"left", b"right"]


def test_a_source_that_cannot_let_go_is_shown_and_makes_nothing_twice(spool: TestSpool, source: FakeSource) -> None:
    source.offer()
    source.fail_acknowledge = GatewayError(
        "The file cannot be moved.", disposition=Disposition.RETRY, phase=Phase.CAPTURE, remedy="Check the share."
    )
    stage = stage_of(spool, source)
    for _ in range(3):
        stage.round()
    assert [issue.text for issue in spool.status.issues()] == ["The file cannot be moved."]
    assert len(spool.rows("SELECT * FROM acquisition")) == 1
    assert spooled(spool) == [b"picture"]
    assert [event for event, _ in spool.journal()].count("seen again") == 0
    source.fail_acknowledge = None
    stage.round()
    assert len(source.acknowledged) == 1
    assert list(spool.status.issues()) == []


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "gone", "/data/Sita Devi.jpg"), OSError(errno.EIO, "I/O error")]
)
def test_a_file_that_cannot_be_read_waits_and_blocks_no_other(
    spool: TestSpool, source: FakeSource, error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = source.offer(b"bad", name=b"bad.jpg")
    source.offer(b"good", name=b"good.jpg")
    opened = source.open

    def opening(part: FindingPart) -> BinaryIO:
        if part.name == b"bad.jpg":
            raise error
        return opened(part)

    monkeypatch.setattr(source, "open", opening)
    stage_of(spool, source).round()
    assert source.offered == [bad]
    assert spooled(spool) == [b"good"]
    (issue,) = spool.status.issues()
    assert "cannot be read" in issue.text
    assert "Sita" not in issue.text


def test_a_file_that_changes_while_it_is_read_is_not_taken(spool: TestSpool, source: FakeSource) -> None:
    offered = source.offer(b"half")
    source.bytes[offered.parts[0].name] = b"half and the rest"
    stage = stage_of(spool, source)
    stage.round()
    assert source.offered == [offered]
    assert spool.rows("SELECT * FROM acquisition") == []
    assert list(spool.files.files_in("tmp")) == []
    assert "changed while it was read" in spool.status.issues()[0].text


def test_a_spool_without_room_takes_nothing_and_halts(spool: TestSpool, source: FakeSource) -> None:
    source.offer()
    with pytest.raises(SpoolFull):
        stage_of(spool, source, floor_bytes=1 << 62).round()
    assert len(source.offered) == 1
    assert source.events == []


def test_an_incomplete_finding_is_kept_and_set_aside(spool: TestSpool, source: FakeSource) -> None:
    source.offer(b"\xff\xd8 cut off", fault=UnreadableInput("The picture is cut off."))
    stage_of(spool, source).round()
    assert len(source.acknowledged) == 1
    assert spool.row("acquisition", 1)["state"] == "quarantined"
    assert spooled(spool) == [b"\xff\xd8 cut off"]


def test_troubles_stand_while_they_last_and_keep_their_moment(spool: TestSpool, source: FakeSource) -> None:
    def trouble(text: str) -> GatewayError:
        return GatewayError(text, disposition=Disposition.RETRY, phase=Phase.CAPTURE)

    began = spool.clock.now()
    stage = stage_of(spool, source)
    source.standing = (trouble("The folder is gone."), trouble("A file has no rights."))
    stage.round()
    spool.clock.advance(60)
    source.standing = (trouble("A file has no rights."),)
    stage.round()
    assert [(issue.text, issue.since) for issue in spool.status.issues()] == [("A file has no rights.", began)]
    source.standing = ()
    stage.round()
    assert list(spool.status.issues()) == []


def test_it_waits_on_the_source_only_when_there_was_nothing(spool: TestSpool, source: FakeSource) -> None:
    stage = stage_of(spool, source)
    assert stage.round() == 0.0
    assert source.waits == 1
    source.offer()
    assert stage.round() == 0.0
    assert source.waits == 1
    stage.close()
    assert source.closed


def test_nothing_of_the_patient_is_logged(
    spool: TestSpool, source: FakeSource, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    source.offer(name="Sītā_Devi_19800131.jpg".encode(), exam_key="Sītā_Devi")
    stage = stage_of(spool, source)
    stage.round()
    source.offer(name="Sītā_Devi_19800131.jpg".encode(), exam_key="Sītā_Devi", mtime_ns=7)
    stage.round()
    assert len(caplog.records) == 2
    assert "Devi" not in caplog.text
    assert "19800131" not in caplog.text


def test_what_was_captured_late_keeps_its_own_moment(spool: TestSpool, source: FakeSource) -> None:
    taken = spool.clock.now() - timedelta(days=2)
    source.offer(captured_at=taken)
    stage_of(spool, source).round()
    view = spool.status.acquisition(1)
    assert view is not None
    assert view.captured_at == taken


def test_the_same_bytes_of_another_patient_are_kept_beside_the_first(spool: TestSpool, source: FakeSource) -> None:
    for name, patient in ((b"a.jpg", "P1"), (b"b.jpg", "P2"), (b"c.jpg", "P2")):
        source.offer(name=name, hints=(Hint(HintKind.PATIENT_ID, patient, "file name"),))
    stage_of(spool, source).round()
    assert source.offered == []
    rows = spool.rows("SELECT * FROM acquisition ORDER BY id")
    assert [row["twin_of"] for row in rows] == [None, 1], "the third is the second seen again"
    assert spooled(spool) == [b"picture", b"picture"]
    reconciled = spool.upkeep.reconcile("acquisitions/fundus")
    assert (reconciled.unknown_files, reconciled.missing_files) == ((), ())
