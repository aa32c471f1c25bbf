"""A watched folder by a clock that tests set: when files are taken, how they are grouped, and what is let go."""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gateway.capture.registry import open_source
from gateway.capture.sidecar import SidecarSettings
from gateway.capture.watched_folder import FolderSettings, WatchedFolder
from gateway.domain.acquisition import Finding, FindingPart, PartRole
from gateway.domain.errors import ConfigurationError, GatewayError

START = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)


def picture(kind: str = "JPEG", shade: int = 100) -> bytes:
    out = io.BytesIO()
    Image.new("L", (16, 12), shade).save(out, kind)
    return out.getvalue()


@dataclass
class HandClock:
    """A clock that stands still until told; the wall clock may jump on its own."""

    wall: datetime = START
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def go(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


@dataclass
class Ledger:
    """What the ledger would remember, and how often it was asked."""

    parts: set[FindingPart] = field(default_factory=set)
    latest: tuple[str, datetime] | None = None
    asked: int = 0

    def is_known(self, part: FindingPart) -> bool:
        self.asked += 1
        return part in self.parts

    def latest_exam(self) -> tuple[str, datetime] | None:
        return self.latest


class Bench:
    """A folder, its source, and the stage's part of the work."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.ledger = Ledger()
        self.settings = FolderSettings(folder, use_native_events=False, **options)
        self.source = self.again()

    def again(self) -> WatchedFolder:
        """A new process."""
        self.source = WatchedFolder(self.settings, memory=self.ledger, clock=self.clock)
        return self.source

    def put(self, name: str | bytes, data: bytes | None = None, *, at: float = 0) -> Path:
        path = self.folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture() if data is None else data)
        moment = (START + timedelta(seconds=at)).timestamp()
        os.utime(path, (moment, moment))
        return path

    def poll(self, seconds: float = 0) -> list[Finding]:
        self.clock.go(seconds)
        return list(self.source.poll())

    def settled(self, seconds: float = 3) -> list[Finding]:
        """Look, let time pass, and look again."""
        early = self.poll(10)
        return self.poll(seconds) or early

    def commit(self, finding: Finding) -> None:
        for part in finding.parts:
            with self.source.open(part) as stream:
                assert len(stream.read()) == part.size
        self.ledger.parts |= set(finding.parts)
        self.ledger.latest = (finding.exam_key, finding.captured_at)

    def take(self, finding: Finding) -> None:
        self.commit(finding)
        self.source.acknowledge(finding)


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    return lambda **options: Bench(tmp_path, **options)


def names(findings: list[Finding]) -> list[bytes]:
    return [finding.parts[0].name for finding in findings]


def test_a_whole_file_is_taken_once_it_has_settled(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg")
    assert b.poll() == []
    assert b.poll(1.5) == []
    (finding,) = b.poll(1)
    assert finding.captured_at == START
    assert finding.fault is None
    b.take(finding)
    assert b.poll(10) == []


def test_a_file_not_acknowledged_is_offered_again(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg")
    assert len(b.settled()) == 1
    assert len(b.poll(10)) == 1


def test_a_change_starts_the_settling_again(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg")
    b.poll()
    b.put("a.jpg", picture(shade=5), at=1)
    assert b.poll(1.9) == []
    assert b.poll(1.9) == []
    assert len(b.poll(1.9)) == 1


def test_a_jump_of_the_wall_clock_takes_nothing_early(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg")
    b.poll()
    b.clock.wall += timedelta(days=400)
    b.clock.seconds += 1.1
    assert list(b.source.poll()) == []


def test_the_capture_time_is_never_in_the_future(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg", at=86400)
    (finding,) = b.settled()
    assert finding.captured_at == b.clock.now()


@pytest.mark.parametrize("data", [b"", picture()[:-1], picture("TIFF")[:-40]])
def test_a_half_written_file_waits_and_is_then_given_up_with_its_reason(
    bench: Callable[..., Bench], data: bytes
) -> None:
    b = bench(incomplete_limit_s=60)
    b.put("a.jpg", data)
    assert b.settled() == []
    assert b.poll(50) == []
    (finding,) = b.poll(20)
    assert finding.fault is not None
    assert "empty" in finding.fault.message or "ends before" in finding.fault.message


def test_a_half_written_file_that_is_finished_later_is_taken_whole(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg", picture()[:-1])
    assert b.settled() == []
    b.put("a.jpg", picture(), at=5)
    (finding,) = b.settled()
    assert finding.fault is None


def test_other_content_is_given_up_at_once(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg", b"<html>login please</html>")
    (finding,) = b.settled()
    assert finding.fault is not None


def test_a_small_file_counts_as_half_written(bench: Callable[..., Bench]) -> None:
    b = bench(min_file_bytes=100000, incomplete_limit_s=60)
    b.put("a.jpg")
    assert b.settled() == []
    (finding,) = b.poll(100)
    assert finding.fault is not None


def test_a_file_above_the_limit_is_reported_and_left_alone(bench: Callable[..., Bench]) -> None:
    b = bench(max_file_bytes=100)
    b.put("a.jpg")
    assert b.settled() == []
    (trouble,) = b.source.troubles()
    assert "more than the 100" in trouble.message


def test_unfinished_hidden_and_foreign_names_are_passed_over(bench: Callable[..., Bench]) -> None:
    b = bench(patterns=("*",))
    for name in (".a.jpg", "a.jpg.part", "a.tmp", "~a.jpg", "a.jpg~"):
        b.put(name)
    assert b.settled() == []
    b = bench()
    b.put("notes.txt")
    assert b.settled() == []


def test_names_of_any_bytes_and_any_case_work(bench: Callable[..., Bench]) -> None:
    b = bench(after="move")
    strange = b"a\xff\n'\x01.JPG"
    b.put(strange)
    (finding,) = b.settled()
    assert finding.parts[0].name == strange
    b.take(finding)
    assert [os.fsencode(path.name) for path in (b.folder / ".taken").iterdir()] == [strange]


def test_links_pipes_and_folders_are_never_opened(bench: Callable[..., Bench], tmp_path: Path) -> None:
    b = bench(recursive=True)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(picture())
    (b.folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (b.folder / "linked").symlink_to(outside)
    os.mkfifo(b.folder / "pipe.jpg")
    (b.folder / "folder.jpg").mkdir()
    assert b.settled() == []
    with pytest.raises(GatewayError):
        b.source.open(FindingPart(PartRole.PRIMARY, b"linked/secret.jpg", 1, 1))
    with pytest.raises(GatewayError):
        b.source.open(FindingPart(PartRole.PRIMARY, b"../x.jpg", 1, 1))


def test_known_files_that_are_kept_cost_one_question_and_no_reading(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg")
    (finding,) = b.settled()
    b.take(finding)
    b.again()
    b.ledger.asked = 0
    for _ in range(5):
        assert b.poll(10) == []
    assert b.ledger.asked == 1


def test_the_same_name_with_other_bytes_is_a_new_file(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.put("a.jpg")
    b.take(b.settled()[0])
    b.put("a.jpg", picture(shade=9), at=9)
    assert len(b.settled()) == 1


def test_moved_files_keep_their_folders_and_get_free_names(bench: Callable[..., Bench]) -> None:
    b = bench(after="move", recursive=True)
    for shade in (1, 2, 3):
        b.put("sub/a.jpg", picture(shade=shade), at=shade)
        b.take(b.settled()[0])
    assert sorted(p.name for p in (b.folder / ".taken/sub").iterdir()) == ["a.1.jpg", "a.2.jpg", "a.jpg"]
    assert b.settled() == []


def test_deleted_files_are_gone(bench: Callable[..., Bench]) -> None:
    b = bench(after="delete")
    path = b.put("a.jpg")
    b.take(b.settled()[0])
    assert not path.exists()


@pytest.mark.parametrize("after", ["move", "delete"])
def test_a_file_that_changed_since_is_never_let_go(bench: Callable[..., Bench], after: str) -> None:
    b = bench(after=after)
    path = b.put("a.jpg")
    (finding,) = b.settled()
    b.commit(finding)
    b.put("a.jpg", picture(shade=3), at=7)
    b.source.acknowledge(finding)
    assert path.read_bytes() == picture(shade=3)
    assert names(b.settled()) == [b"a.jpg"]


def test_an_interrupted_acknowledgement_heals(bench: Callable[..., Bench]) -> None:
    b = bench(
        after="move", sidecar=SidecarSettings({"patient_id": "/a"}, required=True), grouping="marker", marker="ok"
    )
    b.put("a.jpg")
    b.put("a.xml", b"<a>7</a>")
    b.put("ok", b"", at=3)
    (finding,) = b.settled()
    b.commit(finding)
    (b.folder / "a.xml").unlink()
    (b.folder / "ok").unlink()
    b.again()
    (once_more,) = b.poll(0)
    b.source.acknowledge(once_more)
    assert not (b.folder / "a.jpg").exists()


def test_a_file_that_cannot_be_let_go_is_a_trouble_and_tried_again_later(bench: Callable[..., Bench]) -> None:
    b = bench(after="move")
    b.put("a.jpg")
    (finding,) = b.settled()
    (b.folder / ".taken").write_text("a file in the way")
    with pytest.raises(GatewayError) as caught:
        b.take(finding)
    assert caught.value.disposition.value == "retry"
    assert b.poll(10) == []
    assert "cannot be moved" in b.source.troubles()[0].message
    (b.folder / ".taken").unlink()
    (finding,) = b.poll(60)
    b.take(finding)
    b.poll(10)
    assert b.source.troubles() == ()


def test_a_file_removed_before_and_while_reading(bench: Callable[..., Bench]) -> None:
    b = bench(after="delete")
    path = b.put("a.jpg")
    (finding,) = b.settled()
    with b.source.open(finding.parts[0]) as stream:
        path.unlink()
        assert stream.read() == picture()
    with pytest.raises(GatewayError) as caught:
        b.source.open(finding.parts[0])
    assert caught.value.disposition.value == "retry"
    b.source.acknowledge(finding)


def test_a_file_that_changes_while_reading_is_refused(bench: Callable[..., Bench]) -> None:
    b = bench()
    path = b.put("a.jpg")
    (finding,) = b.settled()
    with b.source.open(finding.parts[0]) as stream:
        path.write_bytes(picture() + b"more")
        with pytest.raises(GatewayError):
            stream.read()


def test_a_missing_folder_is_a_trouble_until_it_comes(bench: Callable[..., Bench], tmp_path: Path) -> None:
    b = bench()
    b.settings = replace(b.settings, path=tmp_path / "later")
    b.again()
    assert b.poll() == []
    assert "cannot be read" in b.source.troubles()[0].message
    b.folder = tmp_path / "later"
    b.put("a.jpg")
    assert len(b.settled()) == 1
    assert b.source.troubles() == ()


# -- sidecars


def with_sidecar(**options: Any) -> dict[str, Any]:
    return {"sidecar": SidecarSettings({"patient_id": "/exam/id"}, **options)}


def test_hints_come_from_name_folder_and_sidecar(bench: Callable[..., Bench]) -> None:
    b = bench(
        recursive=True,
        file_name_hints=r"(?P<accession_number>A\d+)_.*",
        folder_hints=r"(?P<laterality>[RL])",
        **with_sidecar(),
    )
    b.put("R/A5_x.JPG")
    b.put("R/A5_x.XML", b"<exam><id>77</id></exam>")
    (finding,) = b.settled()
    assert {h.kind.value: h.value for h in finding.hints} == {
        "accession_number": "A5",
        "laterality": "R",
        "patient_id": "77",
    }
    assert [part.role for part in finding.parts] == [PartRole.PRIMARY, PartRole.SIDECAR]


def test_an_optional_sidecar_is_awaited_and_then_done_without(bench: Callable[..., Bench]) -> None:
    b = bench(**with_sidecar(wait_s=30))
    b.put("a.jpg")
    assert b.settled() == []
    (finding,) = b.poll(40)
    assert finding.fault is None
    assert finding.hints == ()


def test_a_required_sidecar_that_never_comes_is_a_fault(bench: Callable[..., Bench]) -> None:
    b = bench(**with_sidecar(wait_s=30, required=True))
    b.put("a.jpg")
    assert b.settled() == []
    (finding,) = b.poll(40)
    assert finding.fault is not None
    assert "a.xml" in finding.fault.message


def test_a_damaged_sidecar_is_awaited_and_then_a_fault_with_its_line(bench: Callable[..., Bench]) -> None:
    b = bench(**with_sidecar(wait_s=30))
    b.put("a.jpg")
    b.put("a.xml", b"<exam>\n<id>7")
    assert b.settled() == []
    (finding,) = b.poll(40)
    assert finding.fault is not None
    assert "a.xml is damaged in line 2" in finding.fault.message


def test_a_sidecar_is_never_taken_for_a_picture(bench: Callable[..., Bench]) -> None:
    b = bench(patterns=("*",), **with_sidecar())
    b.put("a.xml", b"<exam><id>7</id></exam>")
    assert b.settled() == []


def test_sidecars_go_with_their_last_picture(bench: Callable[..., Bench]) -> None:
    b = bench(after="delete", **with_sidecar(name="exam.xml"))
    sidecar = b.put("exam.xml", b"<exam><id>7</id></exam>")
    b.put("a.jpg")
    b.put("b.jpg", picture(shade=2))
    first, second = b.settled()
    b.take(first)
    assert sidecar.exists()
    b.take(second)
    assert not sidecar.exists()


# -- exams


def test_exams_by_folder(bench: Callable[..., Bench]) -> None:
    b = bench(grouping="folder", recursive=True)
    for name in ("a.jpg", "one/b.jpg", "one/deep/c.jpg"):
        b.put(name)
    assert {f.exam_key for f in b.settled()} == {".", "one", "one/deep"}


def test_exams_by_marker_wait_for_it_and_end_with_it(bench: Callable[..., Bench]) -> None:
    b = bench(grouping="marker", marker="*.done", after="delete")
    b.put("a.jpg", at=0)
    b.put("b.jpg", picture(shade=2), at=1)
    assert b.settled() == []
    marker = b.put("1.done", b"", at=2)
    first, second = b.settled()
    assert first.exam_key == second.exam_key
    b.take(first)
    assert marker.exists()
    b.take(second)
    assert not marker.exists()


def test_an_old_marker_does_not_end_the_next_exam(bench: Callable[..., Bench]) -> None:
    b = bench(grouping="marker", marker="done.txt")
    b.put("a.jpg", at=0)
    b.put("done.txt", b"", at=2)
    (first,) = b.settled()
    b.take(first)
    b.put("b.jpg", picture(shade=2), at=5)
    assert b.settled() == []
    b.put("done.txt", b"", at=9)
    (second,) = b.settled()
    assert second.exam_key != first.exam_key


def test_exams_by_pause_go_on_over_a_restart(bench: Callable[..., Bench]) -> None:
    b = bench(grouping="idle", idle_s=60)
    b.clock.go(3600)
    b.put("a.jpg", at=0)
    b.put("b.jpg", picture(shade=2), at=50)
    first, second = b.settled()
    b.take(first)
    b.take(second)
    b.again()
    b.put("c.jpg", picture(shade=3), at=100)
    b.put("d.jpg", picture(shade=4), at=300)
    third, fourth = b.settled()
    assert first.exam_key == second.exam_key == third.exam_key != fourth.exam_key


def test_an_exam_key_stays_while_a_file_is_offered_again(bench: Callable[..., Bench]) -> None:
    b = bench(grouping="idle")
    b.put("a.jpg")
    (first,) = b.settled()
    (again,) = b.poll(10)
    assert first == again


# -- settings


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"file_name_hints": "("}, "hints.file_name"),
        ({"folder_hints": r"(?P<nonsense>x)"}, "hints.folder"),
        ({"grouping": "marker"}, "exam.marker"),
        ({"sidecar": SidecarSettings({})}, "hints.sidecar"),
    ],
)
def test_faulty_settings_are_named(bench: Callable[..., Bench], options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        bench(**options)


def test_sources_are_opened_by_kind(tmp_path: Path) -> None:
    settings = FolderSettings(tmp_path, use_native_events=False)
    assert isinstance(open_source("watched_folder", settings, memory=Ledger(), clock=HandClock()), WatchedFolder)
    with pytest.raises(ConfigurationError, match="watched_folder"):
        open_source("crystal ball", settings, memory=Ledger(), clock=HandClock())
