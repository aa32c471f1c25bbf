"""The ledger file: made once, migrated by one, settings that survive a power cut, damage that is named."""

import multiprocessing
import os
import sqlite3
import threading
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigurationError, Disposition, GatewayError, SpoolFull
from gateway.spool.database import LEDGER_FILE, Database, LedgerDamaged, is_ready, migrate, migrations
from tests.support.ledger import TestSpool


def test_migrations_have_rising_numbers() -> None:
    """Gaps are harmless: the ledger remembers the last number, and a later release may not fill one."""
    numbers = [number for number, _ in migrations()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1


def test_a_fresh_ledger_and_a_reopened_one(tmp_path: Path) -> None:
    spool = tmp_path / "below" / "spool"
    newest = migrate(spool)
    with sqlite3.connect(spool / LEDGER_FILE) as connection:
        connection.execute("INSERT INTO issue VALUES ('k', 'danger', 1, '', '')")
    assert migrate(spool) == newest
    database = Database(spool)
    with database.read() as reading:
        assert reading.execute("SELECT count(*) FROM issue").fetchone()[0] == 1
        assert reading.execute("PRAGMA user_version").fetchone()[0] == newest
    database.close()


def test_a_ledger_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    newest = migrate(tmp_path)
    with sqlite3.connect(tmp_path / LEDGER_FILE) as connection:
        connection.execute(f"PRAGMA user_version = {newest + 1}")
    with pytest.raises(ConfigurationError, match=f"schema version {newest + 1}") as caught:
        migrate(tmp_path)
    assert caught.value.disposition is Disposition.HALT
    assert caught.value.remedy


def _migrate_with_others(spool: Path, start: Barrier, verdicts: "Queue[str]") -> None:
    start.wait()
    try:
        verdicts.put(str(migrate(spool)))
    except BaseException as error:
        verdicts.put(repr(error))
        raise


def test_roles_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(8):
        spool = tmp_path / str(attempt)
        start, verdicts = context.Barrier(5), context.Queue()
        roles = [context.Process(target=_migrate_with_others, args=(spool, start, verdicts)) for _ in range(5)]
        for role in roles:
            role.start()
        said = [verdicts.get(timeout=60) for _ in roles]
        for role in roles:
            role.join()
        assert said == [str(migrations()[-1][0])] * 5


def test_a_half_written_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [*migrations(), (99, "CREATE TABLE half (a);\nCREATE TABLE half (a);\n")]
    migrate(tmp_path)
    monkeypatch.setattr("gateway.spool.database.migrations", lambda: broken)
    with pytest.raises(sqlite3.OperationalError, match="half"):
        migrate(tmp_path)
    database = Database(tmp_path)
    with database.read() as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == migrations()[-1][0]
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchall()
    database.close()


def test_a_file_that_is_no_ledger_is_damage(tmp_path: Path) -> None:
    (tmp_path / LEDGER_FILE).write_bytes(b"this is not a ledger at all" * 400)
    with pytest.raises(LedgerDamaged) as caught:
        migrate(tmp_path)
    assert caught.value.disposition is Disposition.HALT
    assert (tmp_path / LEDGER_FILE).read_bytes().startswith(b"this is not")


def test_a_ledger_with_a_torn_page_is_damage(tmp_path: Path) -> None:
    spool = TestSpool(tmp_path)
    for number in range(200):
        spool.record(b"x" * number, name=b"%d" % number, exam_key=str(number))
    spool.close()
    ledger = tmp_path / LEDGER_FILE
    size = ledger.stat().st_size
    with ledger.open("r+b") as stream:
        stream.seek(size // 8 * 4 // 4096 * 4096)
        stream.write(os.urandom(4096 * 8))
    with pytest.raises(LedgerDamaged):
        migrate(tmp_path)


def test_every_writer_is_durable(spool: TestSpool) -> None:
    for writer in (spool.database, Database(spool.root)):
        with writer.read() as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
            assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_reader_cannot_write_and_is_not_kept_waiting_by_a_writer(spool: TestSpool) -> None:
    reader = Database(spool.root, read_only=True)
    spool.record()
    with spool.database.write() as connection:
        connection.execute("DELETE FROM part")
        with reader.read() as reading:
            assert reading.execute("SELECT count(*) FROM part").fetchone()[0] == 1
    with pytest.raises(GatewayError, match="cannot be written"), reader.write() as connection:
        connection.execute("DELETE FROM part")
    reader.close()


def test_a_block_that_raises_leaves_nothing_and_the_connection_usable(spool: TestSpool) -> None:
    class PowerCut(BaseException):
        pass

    def interrupted() -> None:
        with spool.database.write() as connection:
            connection.execute("INSERT INTO issue VALUES ('k', 'danger', 1, '', '')")
            raise PowerCut

    with pytest.raises(PowerCut):
        interrupted()
    assert spool.rows("SELECT * FROM issue") == []
    spool.record()


def test_a_ledger_that_is_missing_is_a_fault_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(GatewayError) as caught:
        Database(tmp_path, read_only=True)
    assert caught.value.disposition is Disposition.HALT
    assert caught.value.remedy


def test_a_ledger_held_by_another_is_tried_again(spool: TestSpool) -> None:
    other = Database(spool.root)
    other._connection.execute("PRAGMA busy_timeout = 0")
    with (
        spool.database.write(),
        pytest.raises(GatewayError, match="in use by another process") as caught,
        other.write(),
    ):
        pass
    assert caught.value.disposition is Disposition.RETRY
    other.close()


def test_a_full_disk_is_spool_full(spool: TestSpool) -> None:
    spool.database._connection.execute("PRAGMA max_page_count = 1")

    def fill() -> None:
        for number in range(1000):
            spool.record(b"x" * number, name=b"n" * 500, exam_key=str(number))

    with pytest.raises(SpoolFull):
        fill()
    spool.database._connection.execute("PRAGMA max_page_count = 100000")
    spool.record(name=b"after")


def test_other_connections_see_that_something_was_committed(spool: TestSpool) -> None:
    other = Database(spool.root)
    before = other.version_of_data()
    assert other.version_of_data() == before
    spool.record()
    assert other.version_of_data() != before
    other.close()


def test_compacting_never_waits_for_a_reader(spool: TestSpool) -> None:
    reader = Database(spool.root, read_only=True)
    log = spool.root / f"{LEDGER_FILE}-wal"
    with reader.read() as reading:
        reading.execute("SELECT count(*) FROM acquisition").fetchone()
        spool.record()
        assert spool.database.compact_log() is False
        assert log.stat().st_size > 0
    assert spool.database.compact_log() is True
    assert log.stat().st_size == 0
    with spool.database.read() as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == 30_000
    reader.close()


def test_a_ledger_is_ready_only_when_it_has_this_releases_schema(tmp_path: Path) -> None:
    assert not is_ready(tmp_path)
    Database(tmp_path).close()
    assert not is_ready(tmp_path), "made by another role that has not migrated it yet"
    migrate(tmp_path)
    writer = Database(tmp_path)
    assert is_ready(tmp_path)
    writer.close()


def test_writers_of_one_process_that_share_a_turn_wait_for_each_other_and_lose_nothing(tmp_path: Path) -> None:
    migrate(tmp_path)
    turn = threading.RLock()

    def write(number: int) -> None:
        database = Database(tmp_path, turn=turn)
        for count in range(20):
            with database.write() as connection:
                connection.execute("INSERT INTO study VALUES (?, 0)", (f"1.{number}.{count}",))
        database.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool = TestSpool(tmp_path)
    assert spool.rows("SELECT count(*) AS n FROM study") == [{"n": 120}]
    spool.close()


def test_a_turn_is_free_again_after_a_write_that_failed(tmp_path: Path) -> None:
    migrate(tmp_path)
    turn = threading.Lock()
    database = Database(tmp_path, turn=turn)
    with pytest.raises(sqlite3.IntegrityError), database.write() as connection:
        connection.execute("INSERT INTO study VALUES (NULL, 0)")
    assert not turn.locked()
    database.close()
