"""One process a role; a new run voids what its dead predecessor claimed, and nothing of another role."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigurationError
from gateway.domain.procedure import Hold
from gateway.spool.runs import RoleLock
from tests.support.ledger import TestSpool


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
