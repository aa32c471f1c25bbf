"""The supervisor with real child processes: restart, clean end, end by force, and no orphan whatever happens."""

import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.host.supervisor import Supervisor

PATIENCE_S = 30.0


def python(text: str) -> list[str]:
    """A command that runs `text`."""
    return [sys.executable, "-c", textwrap.dedent(text)]


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other processes bring about."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def supervise(supervisor: Supervisor, stop: threading.Event) -> tuple[threading.Thread, list[int]]:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(supervisor.run(stop)))
    thread.start()
    return thread, codes


def polite(mark: Path) -> list[str]:
    """A child that notes each start and ends with 0 at SIGTERM."""
    return python(f"""
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        open({str(mark)!r}, "a").write("started\\n")
        while True:
            signal.pause()
    """)


def test_a_child_that_is_killed_is_started_again_and_all_end_cleanly(tmp_path: Path) -> None:
    stop = threading.Event()
    supervisor = Supervisor({"a": polite(tmp_path / "a"), "b": polite(tmp_path / "b")}, base_s=0.01)
    thread, codes = supervise(supervisor, stop)
    until(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    first = supervisor.pids()["a"]
    os.kill(first, signal.SIGKILL)
    until(lambda: (tmp_path / "a").read_text().count("started") == 2)
    assert supervisor.pids()["a"] != first
    stop.set()
    thread.join(PATIENCE_S)
    assert codes == [0]
    assert (tmp_path / "b").read_text().count("started") == 1


def test_a_child_that_does_not_end_is_killed_and_the_exit_code_says_so(tmp_path: Path) -> None:
    stop = threading.Event()
    deaf = python(f"""
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open({str(tmp_path / "deaf")!r}, "w").close()
        while True:
            signal.pause()
    """)
    supervisor = Supervisor({"deaf": deaf}, patience_s=0.3)
    thread, codes = supervise(supervisor, stop)
    until((tmp_path / "deaf").exists)
    pid = supervisor.pids()["deaf"]
    stop.set()
    thread.join(PATIENCE_S)
    assert codes == [1]
    assert not Path(f"/proc/{pid}").exists()


def test_a_child_that_cannot_work_does_not_end_the_others(tmp_path: Path) -> None:
    stop = threading.Event()
    bad = python(f"open({str(tmp_path / 'bad')!r}, 'a').write('.'); raise SystemExit(1)")
    supervisor = Supervisor({"good": polite(tmp_path / "good"), "bad": bad}, base_s=0.01)
    thread, codes = supervise(supervisor, stop)
    until(lambda: (tmp_path / "bad").exists() and len((tmp_path / "bad").read_text()) >= 3)
    until((tmp_path / "good").exists)
    assert "good" in supervisor.pids()
    stop.set()
    thread.join(PATIENCE_S)
    assert (tmp_path / "good").read_text().count("started") == 1
    assert len(codes) == 1


def test_back_off_doubles_to_its_cap_and_is_forgotten_after_a_good_run() -> None:
    supervisor = Supervisor({"a": ["never"]}, base_s=1.0, cap_s=5.0, monotonic=lambda: now)
    child = supervisor._children[0]
    now = 100.0
    delays = []
    for ran_s in (0.0, 0.0, 0.0, 0.0, 0.0, 60.0, 0.0):
        child.started_at = now - ran_s
        supervisor._note_end(child, 1)
        delays.append(child.due_at - now)
    assert delays == [1.0, 2.0, 4.0, 5.0, 5.0, 1.0, 2.0]


def test_a_child_with_a_faulty_configuration_is_not_started_in_a_hot_loop(caplog: pytest.LogCaptureFixture) -> None:
    supervisor = Supervisor({"a": ["never"]}, base_s=1.0, cap_s=5.0, configuration_s=60.0, monotonic=lambda: 100.0)
    child = supervisor._children[0]
    supervisor._note_end(child, 78)
    assert child.due_at == 160.0
    assert "child=a ended=78" in caplog.text
    assert "cause=configuration" in caplog.text


PARENT = """
    import sys
    from gateway.host.supervisor import Supervisor
    supervisor = Supervisor({"child": [sys.executable, "-c", sys.argv[1]]})
    raise SystemExit(supervisor.run())
"""
CHILD = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
sys.stdout.write(f"{os.getpid()}\\n")
sys.stdout.flush()
while True:
    signal.pause()
"""


def supervised_process() -> tuple["subprocess.Popen[str]", int]:
    """A supervisor as a process of its own, and the pid of its child."""
    parent = subprocess.Popen([*python(PARENT), CHILD], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    ready, _, _ = select.select([parent.stdout], [], [], PATIENCE_S)
    assert ready
    return parent, int(parent.stdout.readline())


def test_sigterm_ends_supervisor_and_children_with_0() -> None:
    parent, child = supervised_process()
    parent.send_signal(signal.SIGTERM)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(PATIENCE_S) == 0
    assert not Path(f"/proc/{child}").exists()


def test_a_killed_supervisor_leaves_no_child() -> None:
    parent, child = supervised_process()
    parent.kill()
    parent.wait(PATIENCE_S)

    def gone() -> bool:
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    until(gone)
