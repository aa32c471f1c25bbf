"""One process a role; a new run voids what its dead predecessor claimed, and nothing of another role."""

import multiprocessing
import os
import subprocess
import sys
from multiprocessing.queues import Queue
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigurationError
from gateway.domain.procedure import Hold
from gateway.spool.database import Database
from gateway.spool.deliveries import DeliveryLedger
from gateway.spool.runs import RoleLock, Run, is_running
from tests.support.ledger import SetClock, TestSpool


def test_a_role_runs_once(tmp_path: Path) -> None:
    lock = RoleLock(tmp_path, "capture@fundus")
    with pytest.raises(ConfigurationError, match="capture@fundus"):
        RoleLock(tmp_path, "capture@fundus")
    RoleLock(tmp_path, "capture@other").release()
    lock.release()
    RoleLock(tmp_path, "capture@fundus").release()


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, os, signal; from gateway.spool.runs import RoleLock;"
        " RoleLock(pathlib.Path(sys.argv[1]), 'forward'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=place, check=False).returncode == -9
    RoleLock(tmp_path, "forward").release()


def test_whether_a_role_runs_is_seen_without_being_in_its_way(tmp_path: Path) -> None:
    assert not is_running(tmp_path, "forward")
    lock = RoleLock(tmp_path, "forward")
    assert is_running(tmp_path, "forward")
    lock.release()
    assert not is_running(tmp_path, "forward")
    RoleLock(tmp_path, "forward").release()


def test_a_new_run_voids_the_claims_of_its_own_role_only(spool: TestSpool) -> None:
    spool.deliverable()
    spool.record(b"other", exam_key="2")
    assemble, forward = spool.run("assemble"), spool.run("forward")
    spool.deliveries.claim_due("main", forward, 10)
    spool.acquisitions.claim_next(assemble)

    spool.run("capture@fundus")
    spool.run("assemble")
    assert [row["claimed_by"] for row in spool.rows("SELECT claimed_by FROM acquisition ORDER BY id")] == [None, None]
    assert spool.row("delivery", 1)["state"] == "sending"

    spool.run("forward")
    row = spool.row("delivery", 1)
    assert (row["state"], row["claimed_by"]) == ("pending", None)
    assert (row["attempts"], row["unfinished_claims"]) == (1, 1)  # the counter that finds poison stays
    assert len(spool.rows("SELECT * FROM role_run WHERE role = 'forward'")) == 1


def test_a_hold_whose_second_look_was_cut_short_is_looked_at_again(spool: TestSpool) -> None:
    number = spool.record()
    run = spool.run()
    spool.acquisitions.claim_next(run)
    spool.acquisitions.held(number, Hold("nothing fits", ""))
    spool.acquisitions.look_again_at_holds()
    assert spool.acquisitions.claim_next(run) is not None
    again = spool.acquisitions.claim_next(spool.run())
    assert again is not None
    assert again.acquisition.id == number


def _claim_all(spool: Path, name: str, claimed: "Queue[list[int]]") -> None:
    deliveries = DeliveryLedger(Database(spool), SetClock())
    mine: list[int] = []
    while batch := deliveries.claim_due("main", Run("forward", f"{name} {len(mine)}"), 2):
        mine.extend(delivery.id for delivery in batch)
    claimed.put(mine)


def test_processes_that_claim_at_once_never_claim_the_same(spool: TestSpool) -> None:
    for n in range(40):
        spool.deliverable(exam_key=str(n))
    context = multiprocessing.get_context("fork")
    claimed: Queue[list[int]] = context.Queue()
    others = [context.Process(target=_claim_all, args=(spool.root, str(n), claimed)) for n in range(4)]
    for other in others:
        other.start()
    numbers = [number for _ in others for number in claimed.get(timeout=60)]
    for other in others:
        other.join()
    assert sorted(numbers) == list(range(1, 41))
