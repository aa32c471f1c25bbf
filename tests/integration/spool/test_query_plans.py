"""What is asked at every look or send must not grow with the ledger: its plans walk indexes, its counts are kept."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from gateway.domain.instance import StoreOutcome
from gateway.domain.lanes import ALL_LANES
from gateway.spool import database as database_module
from gateway.spool import short_reads as short_reads_module
from gateway.spool.database import Database, LedgerDamaged, migrate
from gateway.spool.fallbacks import FallbackLedger
from tests.support.backlog import imagined_objects, owe
from tests.support.ledger import RLE, TestSpool, fault

GROWING = ("acquisition", "delivery", "instance", "part", "attempt", "journal", "series", "study", "source_file")
DESTINATIONS = ("main", "other")


class Listening(Database):
    """A connection whose statements are noted."""

    heard: list[str]

    def __init__(self, spool: Path, *, read_only: bool = False) -> None:
        super().__init__(spool, read_only=read_only)
        self._connection.set_trace_callback(self.heard.append)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[TestSpool]:
    """Two thousand rows, half of them stored, with statistics as SQLite would gather them: none."""
    spool = TestSpool(tmp_path)
    owe(spool.root, imagined_objects(1000), DESTINATIONS, stored=True)
    owe(spool.root, imagined_objects(1000, first=1000), DESTINATIONS)
    spool.destinations.configure(dict.fromkeys(DESTINATIONS, "as configured"))
    spool.clock.moment = spool.clock.moment.replace(year=2030)
    spool.upkeep.retire(timedelta(days=36_500))
    spool.upkeep.retire(timedelta(days=36_500))
    yield spool
    spool.close()


def heard(spool: TestSpool, monkeypatch: pytest.MonkeyPatch, what: Callable[[], object]) -> list[str]:
    """The statements that `what` makes the ledger execute, on whichever connection."""
    statements: list[str] = []
    monkeypatch.setattr(Listening, "heard", statements, raising=False)
    monkeypatch.setattr(short_reads_module, "Database", Listening)
    spool.database._connection.set_trace_callback(statements.append)
    what()
    spool.database._connection.set_trace_callback(None)
    return [text for text in statements if text.split()[0] in {"SELECT", "UPDATE", "INSERT", "DELETE", "WITH"}]


def walks(connection: sqlite3.Connection, statement: str) -> list[str]:
    """The steps of a plan that read a growing table from end to end."""
    steps = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return [step for step in steps if any(step.startswith(f"SCAN {table}") for table in GROWING)]


def a_delivery(spool: TestSpool) -> None:
    """Claim one and see it stored; claim one and see it fail; give one back."""
    run = spool.run("forward")
    (first,) = spool.deliveries.claim_due("main", run, 1)
    spool.deliveries.stored(first, StoreOutcome(0, "", RLE), spool.clock.now())
    (second,) = spool.deliveries.claim_due("main", run, 1)
    spool.deliveries.failed(second, fault(), spool.clock.now(), park=False, due=spool.clock.now())
    third = spool.deliveries.claim_due("main", run, 1)
    spool.deliveries.give_back(third)
    spool.destinations.failures("main")
    spool.deliveries.is_due("main", ALL_LANES)


ASKED: dict[str, Callable[[TestSpool], object]] = {
    "delivery": a_delivery,
    "counts": lambda spool: spool.status.counts(),
    "destinations": lambda spool: spool.status.destinations(),
    "devices": lambda spool: spool.status.devices(),
    "on the way": lambda spool: spool.status.acquisitions(state="undelivered", limit=31),
    "one state": lambda spool: spool.status.acquisitions(state="held", limit=31),
    "a person's turn": lambda spool: spool.upkeep.counts_needing_people(),
    "retention": lambda spool: spool.upkeep.retire(timedelta(days=1), most=3),
    "orphans": lambda spool: spool.upkeep.orphaned_destinations(["main"]),
}


@pytest.mark.parametrize("name", ASKED)
def test_no_plan_walks_a_table_that_grows(ledger: TestSpool, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    statements = heard(ledger, monkeypatch, lambda: ASKED[name](ledger))
    assert statements
    for statement in statements:
        assert not walks(ledger.database._connection, statement), statement


def test_refused_classes_are_found_among_the_refused_alone(ledger: TestSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    fallbacks = FallbackLedger(ledger.database, ledger.clock, {"main": {"1.2": "1.3"}})
    (statement,) = heard(ledger, monkeypatch, fallbacks.next_refused)
    assert walks(ledger.database._connection, statement) == ["SCAN delivery USING INDEX delivery_class_refused"]


def test_the_first_page_of_everything_stops_at_its_last_row(ledger: TestSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest first is the table's own order: a walk that ends after a page's rows, sorted by nothing."""
    for state in ("", "undelivered", "held"):
        statements = heard(ledger, monkeypatch, partial(ledger.status.acquisitions, state=state, limit=31))
        rows = ledger.database._connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}").fetchall()
        assert not [row[3] for row in rows if "TEMP B-TREE" in row[3]]


def test_what_is_on_the_way_is_listed_in_pages_newest_first(ledger: TestSpool) -> None:
    ledger.run_sql("UPDATE delivery SET state = 'stored', stored_us = 1, status = '0000' WHERE acquisition % 3 = 0")
    expected = [number for number in range(2000, 1000, -1) if number % 3]
    seen: list[int] = []
    while rows := ledger.status.acquisitions(state="undelivered", limit=31, before=seen[-1] if seen else 0):
        seen += [int(row.id) for row in rows]
    assert seen == expected


def counted(spool: TestSpool) -> list[tuple[str, str, str, int]]:
    """The rows counted one by one, as the tally must have them."""
    acquisitions = spool.rows("SELECT state, count(*) AS n FROM acquisition GROUP BY state")
    deliveries = spool.rows("SELECT destination, state, count(*) AS n FROM delivery GROUP BY destination, state")
    return sorted(
        [("acquisition", "", row["state"], row["n"]) for row in acquisitions]
        + [("delivery", row["destination"], row["state"], row["n"]) for row in deliveries]
    )


def tally(spool: TestSpool) -> list[tuple[str, str, str, int]]:
    return sorted(tuple(row.values()) for row in spool.rows("SELECT * FROM tally WHERE n <> 0"))


_OWE_AGAIN = (
    "INSERT OR IGNORE INTO delivery (instance, acquisition, destination, state, since_us, due_us)"
    " VALUES (?, ?, 'main', 'pending', 0, 0)"
)
CHANGES = (
    ("UPDATE delivery SET state = 'parked' WHERE acquisition = ? AND state <> 'stored'", 1),
    ("UPDATE delivery SET state = 'pending', attempts = 1 WHERE acquisition = ? AND state <> 'stored'", 1),
    ("UPDATE OR IGNORE delivery SET destination = 'third' WHERE id = ?", 1),
    ("UPDATE delivery SET state = 'held', destination = destination || '2' WHERE id = ? AND state = 'parked'", 1),
    ("DELETE FROM delivery WHERE id = ?", 1),
    ("UPDATE acquisition SET state = 'held' WHERE id = ?", 1),
    (_OWE_AGAIN, 2),
)


def test_the_tally_is_what_counting_would_give(ledger: TestSpool) -> None:
    assert tally(ledger) == counted(ledger)
    chance = random.Random(4)
    for _ in range(300):
        statement, values = chance.choice(CHANGES)
        ledger.run_sql(statement, *[chance.randrange(1, 2001) for _ in range(values)])
    assert tally(ledger) == counted(ledger)


def test_a_ledger_of_an_earlier_release_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = database_module.migrations()
    (counting,) = (number for number, sql in everything if "CREATE TABLE tally" in sql)
    monkeypatch.setattr(database_module, "migrations", lambda: [one for one in everything if one[0] < counting])
    migrate(tmp_path)
    with sqlite3.connect(tmp_path / database_module.LEDGER_FILE) as connection:
        connection.execute(
            "INSERT INTO acquisition (device, exam_key, kind, captured_us, display_name, digest, size, path, hints,"
            " state, since_us) VALUES ('c', 'e', 'image_file', 0, 'n', 'd', 1, 'p', '[]', 'held', 0)"
        )
    connection.close()
    monkeypatch.setattr(database_module, "migrations", lambda: everything)
    spool = TestSpool(tmp_path)
    assert tally(spool) == counted(spool) == [("acquisition", "", "held", 1)]
    spool.close()


def test_a_large_ledger_is_checked_by_the_housekeeping_and_not_at_every_start(
    ledger: TestSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[bool] = []
    monkeypatch.setattr(Database, "check", lambda _: checks.append(True))
    migrate(ledger.root)
    assert checks == [True], "a small one is read through in no time"
    monkeypatch.setattr(database_module, "_CHECKED_AT_START_BYTES", 1000)
    migrate(ledger.root)
    assert checks == [True]


def test_damage_is_named_by_the_check(tmp_path: Path) -> None:
    spool = TestSpool(tmp_path)
    owe(spool.root, imagined_objects(500), DESTINATIONS)
    spool.database.compact_log()
    spool.database.check()
    spool.close()
    path = tmp_path / database_module.LEDGER_FILE
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2 // 4096 * 4096)
        stream.write(b"\xa5" * 4096 * 6)
    damaged = Database(tmp_path)
    with pytest.raises(LedgerDamaged):
        damaged.check()
    damaged.close()
