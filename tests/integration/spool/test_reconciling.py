"""The start of a role reads only the folders in which something may have changed, and misses nothing that did."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.instance import StoreOutcome
from gateway.spool import reconciling
from tests.support.ledger import TestSpool

LONG_AGO_NS = 1_700_000_000_000_000_000


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders whose names were read, in order."""
    seen: list[str] = []
    original = os.scandir

    def noted(path: Path) -> Any:
        seen.append(path.name)
        return original(path)

    monkeypatch.setattr(os, "scandir", noted)
    return seen


@pytest.fixture
def days(spool: TestSpool) -> TestSpool:
    """Pictures of three days in the folders of their days, which lie some time back."""
    for number in range(6):
        day = f"2026-03-0{number // 2 + 1}"
        spool.deliverable(content=b"%d" % number, exam_key=str(number))
        row = spool.row("instance", number + 1)
        name = row["path"].rpartition("/")[2]
        spool.run_sql("UPDATE instance SET path = ? WHERE id = ?", f"instances/{day}/{name}", number + 1)
        (spool.root / "instances" / day).mkdir(exist_ok=True)
        spool.files.absolute(row["path"]).rename(spool.root / "instances" / day / name)
    age(spool)
    return spool


def age(spool: TestSpool) -> None:
    """Let the folders have been left alone for a while; each at a moment of its own."""
    for number, folder in enumerate(sorted((spool.root / "instances").rglob("*/"))):
        if folder.stat().st_mtime_ns > time.time_ns() - 60_000_000_000:
            os.utime(folder, ns=(LONG_AGO_NS, folder.stat().st_mtime_ns - 10_000_000_000 - number))
    top = spool.root / "instances"
    os.utime(top, ns=(LONG_AGO_NS, top.stat().st_mtime_ns - 10_000_000_000))


def test_a_spool_that_agreed_and_did_not_change_is_not_read_again(days: TestSpool, read: list[str]) -> None:
    for _ in range(3):
        assert days.upkeep.reconcile("instances") == reconciling.Reconciliation((), ())
    assert sorted(read) == ["2026-03-01", "2026-03-02", "2026-03-03", "instances"]


def test_a_folder_that_changed_just_now_is_read_until_it_rests(days: TestSpool, read: list[str]) -> None:
    days.upkeep.reconcile("instances")
    read.clear()
    os.utime(days.root / "instances" / "2026-03-02")
    for _ in range(2):
        days.upkeep.reconcile("instances")
    assert read == ["2026-03-02", "2026-03-02"]


def test_a_file_that_came_and_one_that_went_are_found_where_they_did(days: TestSpool, read: list[str]) -> None:
    days.upkeep.reconcile("instances")
    read.clear()
    gone = days.row("instance", 3)["path"]
    days.files.absolute(gone).unlink()
    (days.root / "instances" / "2026-03-03" / "1.2.3.dcm").write_bytes(b"renamed, never committed")
    found = days.upkeep.reconcile("instances")
    assert found.missing_files == (gone,)
    assert found.unknown_files == ("instances/2026-03-03/1.2.3.dcm",)
    assert sorted(read) == ["2026-03-02", "2026-03-03"]
    age(days)
    assert days.upkeep.reconcile("instances").missing_files == (gone,), "a loss is told at every start"


def test_a_whole_folder_that_went_is_a_loss_of_all_its_files(days: TestSpool) -> None:
    days.upkeep.reconcile("instances")
    folder = days.root / "instances" / "2026-03-02"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    for _ in range(2):
        assert len(days.upkeep.reconcile("instances").missing_files) == 2
        age(days)


def test_a_crash_between_forgetting_and_removing_is_noticed_in_an_old_folder(
    days: TestSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    days.upkeep.reconcile("instances")
    for delivery in days.deliveries.claim_due("main", days.run("forward"), 100):
        days.deliveries.stored(delivery, StoreOutcome(0), days.clock.now())
    monkeypatch.setattr(days.files, "remove", lambda _: None)
    days.clock.advance(2 * 86_400)
    assert days.upkeep.retire(timedelta(days=1)) == 6
    assert len(days.upkeep.reconcile("instances").unknown_files) == 6


def test_a_ledger_from_a_backup_meets_folders_it_does_not_remember_so(days: TestSpool, read: list[str]) -> None:
    days.upkeep.reconcile("instances")
    with days.database.read() as connection:
        kept = [tuple(row) for row in connection.execute("SELECT * FROM tidy_folder")]
    (days.root / "instances" / "2026-03-01" / "9.9.dcm").write_bytes(b"built after the backup")
    days.upkeep.reconcile("instances")
    days.run_sql("DELETE FROM tidy_folder")
    for row in kept:
        days.run_sql("INSERT INTO tidy_folder VALUES (?, ?)", *row)
    read.clear()
    days.upkeep.reconcile("instances")
    assert read == ["2026-03-01"]


def test_a_folder_whose_clock_is_ahead_is_not_believed(days: TestSpool, read: list[str]) -> None:
    ahead = time.time_ns() + 3_600_000_000_000
    os.utime(days.root / "instances" / "2026-03-01", ns=(ahead, ahead))
    for _ in range(2):
        days.upkeep.reconcile("instances")
    assert read.count("2026-03-01") == 2
