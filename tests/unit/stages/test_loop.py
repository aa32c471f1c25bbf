"""The loop with a clock of its own: faults become issues and pass, a commit elsewhere wakes it, stop ends it."""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigurationError, Disposition, GatewayError, Phase, SpoolFull
from gateway.spool.database import Database
from gateway.spool.health import StandingIssue
from gateway.stages.beat import Beat
from gateway.stages.loop import Loop, Work
from tests.support.ledger import SetClock, TestSpool, fault

_TURNS = 10_000


class TimedStop(threading.Event):
    """A stop that passes the time of its clock instead of waiting, and gives up on a loop that never ends."""

    def __init__(self, clock: SetClock) -> None:
        super().__init__()
        self._clock = clock
        self.waited: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self.waited.append(timeout or 0.0)
            self._clock.seconds += timeout or 0.0
            self.meanwhile()
            if len(self.waited) > _TURNS:
                self.set()
        return self.is_set()


class Script:
    """Work that does one thing after another and then stops the loop."""

    def __init__(self, stop: threading.Event, *rounds: Callable[[], float]) -> None:
        self._stop = stop
        self._rounds = list(rounds)
        self.done = 0
        self.closed = 0

    def round(self) -> float:
        if self.done >= len(self._rounds):
            self._stop.set()
            return 0.0
        self.done += 1
        return self._rounds[self.done - 1]()

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[TestSpool]:
    made = TestSpool(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stop(spool: TestSpool) -> TimedStop:
    return TimedStop(spool.clock)


def loop_of(spool: TestSpool, stop: TimedStop, build: Callable[[Database, Beat], Work], bound_s: float = 60) -> Loop:
    return Loop(
        role="forward",
        name="main",
        build=build,
        open_database=lambda: Database(spool.root),
        clock=spool.clock,
        stop=stop,
        bound_s=bound_s,
    )


def run(loop: Loop) -> None:
    loop.start()
    assert loop.join(60)


def rests(seconds: float = 0.0) -> Callable[[], float]:
    return lambda: seconds


def fails(error: Exception) -> Callable[[], float]:
    def raising() -> float:
        raise error

    return raising


def issues(spool: TestSpool, seen: list[list[tuple[str, str, str]]]) -> Callable[[], float]:
    """A round that notes what the page would show at that moment."""

    def look() -> float:
        seen.append([(issue.key, issue.severity, issue.text) for issue in spool.status.issues()])
        return 0.0

    return look


def test_stop_ends_it_and_releases_the_work(spool: TestSpool, stop: TimedStop) -> None:
    work = Script(stop, rests(), rests())
    loop = loop_of(spool, stop, lambda *_: work)
    assert not loop.makes_progress()
    run(loop)
    assert (work.done, work.closed) == (2, 1)
    assert not loop.makes_progress()


def test_an_unforeseen_fault_is_shown_waits_and_passes(
    spool: TestSpool, stop: TimedStop, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[list[tuple[str, str, str]]] = []
    broken = fails(ValueError("Sītā Devi, born 1980"))
    work = Script(stop, broken, issues(spool, seen), issues(spool, seen))
    run(loop_of(spool, stop, lambda *_: work))
    key, severity, text = seen[0][0]
    assert (key, severity) == ("loop.forward.main.", "attention")
    assert text == "An unexpected fault stopped this work: ValueError."
    assert seen[1] == []
    assert sum(stop.waited) > 0
    assert "Sītā" not in caplog.text
    assert "test_loop.py:" in caplog.text
    assert spool.journal() == [("raised", "issue loop.forward.main."), ("withdrawn", "issue loop.forward.main.")]


def test_delays_grow_while_it_fails_and_begin_anew_after(spool: TestSpool, stop: TimedStop) -> None:
    began: list[float] = []

    def failing() -> float:
        began.append(spool.clock.monotonic())
        raise fault()

    def fine() -> float:
        began.append(spool.clock.monotonic())
        return 0.0

    work = Script(stop, *[failing] * 10, fine, failing, fine)
    run(loop_of(spool, stop, lambda *_: work))
    gaps = [after - before for before, after in itertools.pairwise(began)]
    assert 0.25 <= gaps[0] <= 0.5
    assert 15 <= gaps[9] <= 30
    assert gaps[8] > gaps[4] > gaps[1]
    assert gaps[11] <= 0.5


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        (SpoolFull("The spool is full."), "danger"),
        (ConfigurationError("It is wrong."), "danger"),
        (fault(), "attention"),
    ],
)
def test_the_disposition_decides_how_loud_it_is(
    spool: TestSpool, stop: TimedStop, error: GatewayError, severity: str
) -> None:
    seen: list[list[tuple[str, str, str]]] = []
    work = Script(stop, fails(error), issues(spool, seen))
    run(loop_of(spool, stop, lambda *_: work))
    assert seen == [[("loop.forward.main.", severity, error.message)]]


def test_a_fault_while_building_is_a_fault_like_any_other(spool: TestSpool, stop: TimedStop) -> None:
    work = Script(stop, rests())
    tries: list[int] = []

    def build(_: Database, __: Beat) -> Work:
        tries.append(1)
        if len(tries) < 3:
            raise GatewayError("No device.", disposition=Disposition.RETRY, phase=Phase.CAPTURE)
        return work

    run(loop_of(spool, stop, build))
    assert (len(tries), work.done) == (3, 1)


def test_an_issue_of_an_earlier_life_is_withdrawn_by_the_first_success(spool: TestSpool, stop: TimedStop) -> None:
    spool.health.settle("loop.forward.main.", {"loop.forward.main.": StandingIssue("danger", "", "")})
    box: list[Beat] = []

    def build(_: Database, beat: Beat) -> Work:
        box.append(beat)
        return work

    def long_work() -> float:
        box[0]()  # told the ledger of its progress before its first success
        return 0.0

    work = Script(stop, long_work)
    run(loop_of(spool, stop, build))
    assert list(spool.status.issues()) == []


def test_a_ledger_that_cannot_be_written_does_not_end_the_loop(
    spool: TestSpool, stop: TimedStop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise SpoolFull("The disk has no room left for the ledger.")

    monkeypatch.setattr("gateway.spool.health.HealthLedger.beat", full)
    monkeypatch.setattr("gateway.spool.health.HealthLedger.settle", full)
    work = Script(stop, fails(SpoolFull("The spool is full.")), rests(), rests(120), rests())
    run(loop_of(spool, stop, lambda *_: work))
    assert (work.done, work.closed) == (4, 1)
    assert "unrecorded" in caplog.text


def test_a_ledger_that_cannot_be_opened_is_tried_again(spool: TestSpool, stop: TimedStop) -> None:
    work = Script(stop, rests())
    tries: list[int] = []

    def opening() -> Database:
        tries.append(1)
        if len(tries) < 3:
            raise SpoolFull("")
        return Database(spool.root)

    loop = Loop(
        role="forward",
        name="main",
        build=lambda *_: work,
        open_database=opening,
        clock=spool.clock,
        stop=stop,
        bound_s=60,
    )
    run(loop)
    assert (len(tries), work.done) == (3, 1)


def other_role(spool: TestSpool) -> None:
    with Database(spool.root).write() as connection:
        connection.execute(
            "INSERT INTO local_study (study_instance_uid, snapshot, created_us) VALUES (hex(randomblob(8)), '', 0)"
        )


def test_a_commit_of_another_role_wakes_it(spool: TestSpool, stop: TimedStop) -> None:
    stop.meanwhile = lambda: other_role(spool) if len(stop.waited) == 3 else None
    work = Script(stop, rests(3600))
    run(loop_of(spool, stop, lambda *_: work))
    assert 0 < sum(stop.waited) < 1


def test_a_commit_while_it_works_is_not_slept_through(spool: TestSpool, stop: TimedStop) -> None:
    def looks_too_early() -> float:
        other_role(spool)  # committed after this round read the ledger
        return 3600.0

    work = Script(stop, looks_too_early)
    run(loop_of(spool, stop, lambda *_: work))
    assert sum(stop.waited) < 1


def test_it_rests_as_long_as_the_work_says_while_nothing_happens(spool: TestSpool, stop: TimedStop) -> None:
    work = Script(stop, rests(100))
    run(loop_of(spool, stop, lambda *_: work))
    assert sum(stop.waited) == pytest.approx(100)


def test_its_own_commits_do_not_wake_it(spool: TestSpool, stop: TimedStop) -> None:
    def build(database: Database, _: Beat) -> Work:
        def commit() -> float:
            with database.write() as connection:
                connection.execute(
                    "INSERT INTO local_study (study_instance_uid, snapshot, created_us) VALUES ('x', '', 0)"
                )
            return 50.0

        return Script(stop, commit)

    run(loop_of(spool, stop, build))
    assert sum(stop.waited) == pytest.approx(50)


def test_a_failed_loop_sits_its_time_out_whatever_others_commit(spool: TestSpool, stop: TimedStop) -> None:
    stop.meanwhile = lambda: other_role(spool)
    work = Script(stop, *[fails(fault())] * 6, rests())
    run(loop_of(spool, stop, lambda *_: work))
    assert sum(stop.waited) >= 0.25 + 0.5 + 1 + 2 + 4 + 8


def test_beats_reach_the_page_within_the_bound_even_in_a_long_rest(
    spool: TestSpool, stop: TimedStop, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    monkeypatch.setattr("gateway.spool.health.HealthLedger.beat", lambda *_: told.append(spool.clock.monotonic()))
    run(loop_of(spool, stop, lambda *_: Script(stop, rests(600)), bound_s=60))
    gaps = [after - before for before, after in itertools.pairwise(told)]
    assert 5 <= min(gaps) <= max(gaps) <= 60 / 2


def test_stuck_work_is_no_progress(spool: TestSpool, stop: TimedStop) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stuck() -> float:
        entered.set()
        leave.wait(60)
        return 0.0

    loop = loop_of(spool, stop, lambda *_: Script(stop, stuck), bound_s=60)
    loop.start()
    assert entered.wait(60)
    assert loop.makes_progress()
    spool.clock.seconds += 60
    assert loop.makes_progress()
    spool.clock.seconds += 1
    assert not loop.makes_progress()
    assert not loop.join(0)
    leave.set()
    assert loop.join(60)


def test_long_work_that_beats_makes_progress(spool: TestSpool, stop: TimedStop) -> None:
    verdicts: list[bool] = []

    def build(_: Database, beat: Beat) -> Work:
        def slow() -> float:
            for _ in range(5):
                spool.clock.seconds += 50
                beat()
                verdicts.append(loop.makes_progress())
            return 0.0

        return Script(stop, slow)

    loop = loop_of(spool, stop, build, bound_s=60)
    run(loop)
    assert verdicts == [True] * 5


def test_each_failure_is_logged_once(spool: TestSpool, stop: TimedStop, caplog: pytest.LogCaptureFixture) -> None:
    work = Script(stop, fails(fault()), rests())
    with caplog.at_level(logging.ERROR):
        run(loop_of(spool, stop, lambda *_: work))
    assert len(caplog.records) == 1
    assert "phase=connect disposition=retry" in caplog.text
