"""What people see: views with no, one and many rows, read while a writer is at work, and fast in a large ledger."""

import json
import re
import sqlite3
from datetime import timedelta

import pytest

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.instance import StoreOutcome
from gateway.domain.lanes import ALL_LANES
from gateway.domain.procedure import Hold
from gateway.spool.health import StandingIssue
from tests.support.ledger import NOON, SC, TestSpool, fault, step


def test_an_empty_ledger_can_be_shown(spool: TestSpool) -> None:
    status = spool.status
    counts = status.counts()
    assert (counts.by_state, counts.undelivered, counts.captured_today, counts.delivered_today) == ({}, 0, 0, 0)
    lists = [status.acquisitions(), status.steps(), status.providers(), status.destinations(), status.issues()]
    assert not any(lists)
    assert not status.beats()
    assert {status.acquisition(1), status.step(1), status.thumbnail(1), status.request("x")} == {None}
    assert list(status.step_of([step().key])) == []
    (device,) = status.devices()
    assert (device.captured_today, device.last_captured_at, device.active_step) == (0, None, None)


def test_one_acquisition_from_capture_to_proof(spool: TestSpool) -> None:
    spool.destinations.configure({"main": "f"})
    hints = (Hint(HintKind.PATIENT_ID, "P1", "file name"),)
    number = spool.record(hints=hints)
    view = spool.status.acquisition(number)
    assert view is not None
    assert (view.state, view.patient_id, view.hints, view.deliveries) == (
        "captured",
        "",
        (("patient_id", "P1", "file name"),),
        (),
    )
    spool.match(number)
    uid = spool.assemble(number, content=b"object")
    view = spool.status.acquisition(number)
    assert view is not None
    assert (view.patient_name, view.patient_id, view.accession_number, view.step_description) == (
        "Dēvī^Sītā",
        "P1",
        "A1",
        "Both eyes",
    )
    assert (view.sop_instance_uid, view.sop_class, view.object_bytes) == (uid, SC, 6)
    (delivery,) = view.deliveries
    assert (delivery.destination, delivery.state, delivery.due_at) == ("main", "pending", NOON)
    (claimed,) = spool.deliveries.claim_due("main", spool.run("forward"), 1)
    spool.deliveries.stored(claimed, StoreOutcome(0), spool.clock.now())
    (view,) = spool.status.acquisitions()
    assert [(d.state, d.status, d.due_at) for d in view.deliveries] == [("stored", "0000", None)]
    counts = spool.status.counts()
    assert (counts.by_state, counts.undelivered, counts.captured_today, counts.delivered_today) == (
        {"assembled": 1},
        0,
        1,
        1,
    )


def test_nothing_of_the_patient_shows_when_a_view_is_printed(spool: TestSpool) -> None:
    number = spool.record()
    spool.steps.answered("HIS", [step()])
    spool.match(number)
    shown = repr(spool.status.acquisitions()) + repr(spool.status.steps())
    assert "Sītā" not in shown
    assert "19800131" not in shown


def test_pages_go_newest_first_and_by_state(spool: TestSpool) -> None:
    numbers = [spool.record(b"%d" % n, exam_key=str(n)) for n in range(7)]
    spool.acquisitions.held(numbers[2], Hold("Two fit.", "", (step(1).key, step(2).key)))
    spool.match(numbers[4])
    spool.assemble(numbers[4])
    status = spool.status
    assert [v.id for v in status.acquisitions(limit=3)] == numbers[:3:-1]
    assert [v.id for v in status.acquisitions(limit=3, before=numbers[4])] == [numbers[3], numbers[2], numbers[1]]
    assert [v.id for v in status.acquisitions(state="held")] == [numbers[2]]
    assert status.acquisitions(state="held")[0].candidates == (step(1).key, step(2).key)
    assert [v.id for v in status.acquisitions(state="undelivered")] == [numbers[4]]
    assert list(status.acquisitions(state="undelivered", before=numbers[4])) == []


def test_today_begins_at_midnight_of_the_station(spool: TestSpool) -> None:
    midnight = spool.clock.now().replace(hour=0)
    spool.record(b"1", exam_key="1", captured_at=midnight)
    spool.record(b"2", exam_key="2", captured_at=midnight - timedelta(microseconds=1))
    assert spool.status.counts().captured_today == 1
    (device,) = spool.status.devices()
    assert (device.captured_today, device.last_captured_at) == (1, midnight)


def test_steps_are_searched_by_name_id_and_accession_number(spool: TestSpool) -> None:
    spool.steps.answered(
        "HIS", [step(1, start=NOON + timedelta(hours=1)), step(2), step(3, start=None, accession_number="50%_A")]
    )
    status = spool.status
    assert [view.key.step_id for view in status.steps()] == ["SPS2", "SPS1", "SPS3"]
    assert [view.key.step_id for view in status.steps(search="p2")] == ["SPS2"]
    assert [view.key.step_id for view in status.steps(search="%_")] == ["SPS3"]
    assert len(status.steps(search="Sītā")) == 3
    assert list(status.steps(search="!")) == list(status.steps(search="'; --")) == []
    assert len(status.steps(limit=1)) == 1
    one = status.step(1)
    assert one is not None
    assert (one.description, one.open_on, one.vanished) == ("Both eyes", (), False)
    assert [view.number for view in status.step_of([step(2).key, step(9).key, step(1).key])] == [2, 1]


def test_destinations_stand_in_configured_order_with_their_counts(spool: TestSpool) -> None:
    spool.destinations.configure({"second": "f", "first": "f"})
    spool.destinations.configure({"first": "f", "second": "f"})
    for n in range(3):
        spool.deliverable(("first", "second"), exam_key=str(n))
    claimed = spool.deliveries.claim_due("first", spool.run("forward"), 2)
    spool.deliveries.stored(claimed[0], StoreOutcome(0), spool.clock.now())
    spool.destinations.failed("second", fault(), spool.clock.now())
    first, second = spool.status.destinations()
    assert (first.name, first.pending, first.sending, first.stored, first.last_stored_at) == ("first", 1, 1, 1, NOON)
    assert (second.name, second.pending, second.last_stored_at, second.error) == (
        "second",
        3,
        None,
        "It did not work.",
    )


def test_reading_goes_on_while_a_writer_is_at_work(spool: TestSpool) -> None:
    number = spool.record()
    spool.health.settle("a.", {"a.1": StandingIssue("danger", "", "")})
    with spool.database.write() as connection:
        connection.execute("UPDATE acquisition SET display_name = 'half done'")
        connection.execute("DELETE FROM issue")
        view = spool.status.acquisition(number)
        assert view is not None
        assert view.display_name == "eye.jpg"
        assert len(spool.status.issues()) == 1
        assert spool.status.counts().captured_today == 1
    assert list(spool.status.issues()) == []


def test_a_thumbnail_is_found_by_number(spool: TestSpool) -> None:
    number = spool.record()
    assert spool.status.thumbnail(number) is None
    spool.acquisitions.set_thumbnail(number, "thumbnails/1.jpg")
    assert spool.status.thumbnail(number) == spool.root / "thumbnails/1.jpg"


# -- a ledger of years ------------------------------------------------------------------------------------------------

_YEARS = """
INSERT INTO study VALUES ('1.2.3', 0);
INSERT INTO series (device, exam_key, study_instance_uid, sop_class_uid, series_instance_uid, series_number)
    VALUES ('fundus', 'x', '1.2.3', 'c', '1.2.3.4', 1);
CREATE TEMP TABLE n AS
    WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n;
INSERT INTO acquisition (id, device, exam_key, kind, captured_us, display_name, digest, size, path, hints, state,
    since_us, source_bytes_kept)
    SELECT i, 'fundus', i, 'image_file', i, '', i, 1, i, '[]', 'assembled', 0, 0 FROM n;
INSERT INTO instance (id, acquisition, part, series, sop_class_uid, sop_instance_uid, instance_number, built_us, kept)
    SELECT i, i, 0, 1, 'c', i, i, 1, 0 FROM n;
INSERT INTO delivery (instance, acquisition, destination, state, since_us, due_us, stored_us, status)
    SELECT i, i, 'main', 'stored', 0, 0, i, '0000' FROM n;
UPDATE delivery SET state = 'pending' WHERE id % 500 = 0;
DROP TABLE n;
"""


@pytest.fixture(params=["", "ANALYZE"])
def large(spool: TestSpool, request: pytest.FixtureRequest) -> TestSpool:
    """Thousands of delivered acquisitions and a few that are not, with and without SQLite's own statistics."""
    spool.steps.answered("HIS", [step()])
    spool.match(spool.record())
    spool.database._connection.executescript(_YEARS + str(request.param))
    return spool


def plans(spool: TestSpool, statements: list[str]) -> list[str]:
    """What SQLite would do for each statement, the lines that read a big table from end to end only."""
    found = []
    with spool.database.read() as connection:
        for sql in statements:
            if not re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", sql):
                continue
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"):
                scans = re.match(r"SCAN (acquisition|delivery|instance|part|journal|attempt|source_file)\b", row[3])
                if scans and "INDEX" not in row[3]:
                    found.append(f"{row[3]}: {sql}")
    return found


def statements_of(spool: TestSpool, what: object) -> list[str]:
    """Every statement, with its values in place, that a call sends to the ledger."""
    assert callable(what)
    seen: list[str] = []
    spool.database._connection.set_trace_callback(seen.append)
    try:
        what()
    finally:
        spool.database._connection.set_trace_callback(None)
    return seen


def test_the_work_of_every_role_uses_indexes(large: TestSpool) -> None:
    assemble, forward = large.run("assemble"), large.run("forward")
    work = {
        "claim an acquisition": lambda: large.acquisitions.claim_next(assemble),
        "claim deliveries": lambda: large.deliveries.claim_due("main", forward, 64),
        "is due": lambda: large.deliveries.is_due("main", ALL_LANES),
        "answers": lambda: large.destinations.answers("main"),
        "candidates": lambda: large.steps.candidates("fundus"),
        "retire": lambda: large.upkeep.retire(timedelta(days=1)),
        "counts": large.upkeep.counts_needing_people,
        "look again": large.acquisitions.look_again_at_holds,
        "settle": large.upkeep.settle_unclaimed,
        "capture": lambda: large.record(b"new", exam_key="new"),
    }
    for what in work.values():
        assert plans(large, statements_of(large, what)) == []


def test_the_claim_reads_open_acquisitions_only(large: TestSpool) -> None:
    run = large.run()
    claim = next(s for s in statements_of(large, lambda: large.acquisitions.claim_next(run)) if s.startswith("SELECT"))
    with large.database.read() as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {claim}")]
    assert any("acquisition_open" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def test_claiming_deliveries_sorts_nothing(large: TestSpool) -> None:
    run = large.run("forward")
    sent = statements_of(large, lambda: large.deliveries.claim_due("main", run, 64))
    claim = next(s for s in sent if "ORDER BY delivery.due_us" in s)
    with large.database.read() as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {claim}")]
    assert any("delivery_by_lane" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def test_the_pages_use_indexes(large: TestSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    rows = large.status._rows

    def watched(sql: str, values: tuple[object, ...] | dict[str, object] = ()) -> list[sqlite3.Row]:
        literal = sql
        named = values.items() if isinstance(values, dict) else (("?", value) for value in values)
        for name, value in named:
            written = json.dumps(value) if not isinstance(value, str) else f"'{value}'"
            literal = literal.replace("?", written, 1) if name == "?" else literal.replace(f":{name}", written)
        sent.append(literal)
        return rows(sql, values)

    monkeypatch.setattr(large.status, "_rows", watched)
    large.status.counts()
    large.status.destinations()
    large.status.devices()
    for state in ("", "held", "assembled", "undelivered", "quarantined"):
        large.status.acquisitions(state=state)
        large.status.acquisitions(state=state, before=2000)
    large.status.acquisition(5)
    assert plans(large, sent) == []
    paged = [sql for sql in sent if "ORDER BY acquisition.id DESC" in sql]
    with large.database.read() as connection:
        for sql in paged:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            assert not any("TEMP B-TREE" in step for step in steps), (sql, steps)
