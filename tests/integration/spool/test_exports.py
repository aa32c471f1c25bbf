"""Exports and receipts in the ledger: exported is not delivered, and only what was exported is believed."""

from dataclasses import replace

import pytest

from gateway.domain.errors import GatewayError
from gateway.domain.exports import ExportItem, Receipt, ReceiptEntry
from gateway.domain.identifiers import Uid
from gateway.spool.exports import ExportLedger
from tests.support.ledger import TestSpool

FILESET = Uid("2.25.1")


@pytest.fixture
def exports(spool: TestSpool) -> ExportLedger:
    spool.destinations.configure({"main": "f", "archive": "f"})
    return ExportLedger(spool.database, spool.clock)


def export(exports: ExportLedger, fileset: Uid = FILESET, *, finish: bool = True, destination: str = "") -> None:
    items = [ExportItem(one, f"DICOM/{one.delivery}") for one in exports.unsent(destination=destination)]
    begun = exports.begin(fileset, "/media/stick", items, by="asha")
    if finish:
        exports.finish(begun, items, by="asha")


def receipt(spool: TestSpool, *numbers: int, **changes: str) -> Receipt:
    entries = tuple(
        ReceiptEntry(row["sop_instance_uid"], row["digest"])
        for row in (spool.row("instance", number) for number in numbers)
    )
    return replace(Receipt("receipt", "Radiology", "d" * 64, entries), **changes)  # type: ignore[arg-type]  # the caller names fields of a receipt


def states(spool: TestSpool) -> list[str]:
    return [row["state"] for row in spool.rows("SELECT state FROM delivery ORDER BY id")]


def test_exported_is_not_delivered(spool: TestSpool, exports: ExportLedger) -> None:
    for number, state in enumerate(("pending", "parked", "held", "dropped")):
        spool.deliverable(exam_key=str(number))
        spool.run_sql("UPDATE delivery SET state = ? WHERE id = ?", state, number + 1)
    export(exports)
    assert states(spool) == ["pending", "parked", "held", "dropped"]
    assert spool.status.counts().undelivered == 3
    assert [one.delivery for one in exports.unsent()] == [1, 2, 3]
    assert exports.unsent(again=False) == []
    assert exports.unsent(destination="archive") == []
    found = exports.find(FILESET)
    assert found is not None
    assert found.finished
    assert [item.file_id for item in found.items] == ["DICOM/1", "DICOM/2", "DICOM/3"]


def test_a_receipt_is_the_proof_and_the_journal_has_it(spool: TestSpool, exports: ExportLedger) -> None:
    for number, state in enumerate(("pending", "parked", "held")):
        spool.deliverable(exam_key=str(number))
        spool.run_sql("UPDATE delivery SET state = ?, error = 'x' WHERE id = ?", state, number + 1)
    export(exports)
    outcome = exports.accept(receipt(spool, 1, 2, 3), by="asha")
    assert (outcome.accepted, outcome.stored_before, outcome.refused) == (3, 0, ())
    assert states(spool) == ["stored"] * 3
    row = spool.row("delivery", 1)
    assert (row["status"], row["status_text"], row["error"]) == (
        "receipt",
        "receipt of Radiology, imported by asha",
        "",
    )
    assert row["stored_us"]
    assert ("receipt imported", "exports") in spool.journal()
    assert ("stored", "delivery 2") in spool.journal()
    again = exports.accept(receipt(spool, 1, 2, 3), by="asha")
    assert (again.accepted, again.stored_before) == (0, 3)


@pytest.mark.parametrize(
    ("prepare", "changes", "why"),
    [
        ("", {"fileset_uid": "2.25.9"}, "not exported"),
        ("", {"destination": "archive"}, "not exported"),
        ("UPDATE export SET finished_us = NULL", {}, "not exported"),
        ("UPDATE export_item SET digest = 'other'", {}, "SHA-256"),
        ("UPDATE delivery SET destination = 'archive'", {}, "owed to another destination since"),
        ("UPDATE delivery SET state = 'sending'", {}, "being sent"),
        ("UPDATE delivery SET state = 'dropped'", {}, "dropped"),
        ("UPDATE delivery SET state = 'dropped', rejected_us = 1", {}, "corrected since"),
    ],
)
def test_what_a_receipt_does_not_prove(
    spool: TestSpool, exports: ExportLedger, prepare: str, changes: dict[str, str], why: str
) -> None:
    spool.deliverable()
    export(exports)
    if prepare:
        spool.run_sql(prepare)
    before = states(spool)
    outcome = exports.accept(receipt(spool, 1, **changes), by="asha")
    assert outcome.accepted == 0
    assert why in outcome.refused[0][1]
    assert states(spool) == before


def test_one_object_for_two_destinations_needs_the_name_of_one(spool: TestSpool, exports: ExportLedger) -> None:
    spool.deliverable(("main", "archive"))
    export(exports)
    assert "name the one" in exports.accept(receipt(spool, 1), by="asha").refused[0][1]
    assert exports.accept(receipt(spool, 1, destination="archive"), by="asha").accepted == 1
    assert states(spool) == ["pending", "stored"]


def test_what_was_not_written_is_not_part_of_the_export(spool: TestSpool, exports: ExportLedger) -> None:
    spool.deliverable(exam_key="1")
    spool.deliverable(exam_key="2")
    items = [ExportItem(one, f"DICOM/{one.delivery}") for one in exports.unsent()]
    begun = exports.begin(FILESET, "/media/stick", items, by="asha")
    exports.finish(begun, items[:1], by="asha")
    assert [one.delivery for one in exports.unsent(again=False)] == [2]
    assert exports.accept(receipt(spool, 1, 2), by="asha").accepted == 1
    assert exports.find("2.25.404") is None


def test_what_was_given_up_while_the_medium_was_looked_at_is_not_exported(
    spool: TestSpool, exports: ExportLedger
) -> None:
    for number in range(2):
        spool.deliverable(exam_key=str(number))
    items = [ExportItem(one, f"DICOM/{one.delivery}") for one in exports.unsent()]
    spool.run_sql("UPDATE delivery SET state = 'dropped' WHERE id = 1")  # as a correction does, which owes no note then
    begun = exports.begin(FILESET, "/media/stick", items, by="asha")
    assert [one.owed.delivery for one in begun.items] == [2]
    assert [row["delivery"] for row in spool.rows("SELECT delivery FROM export_item")] == [2]
    with pytest.raises(GatewayError, match="given up"):
        exports.begin(Uid("2.25.2"), "/media/stick", items[:1], by="asha")


def test_an_export_that_goes_on_leaves_out_what_was_corrected_since(spool: TestSpool, exports: ExportLedger) -> None:
    for number in range(2):
        spool.deliverable(exam_key=str(number))
    export(exports, finish=False)
    spool.run_sql("UPDATE delivery SET state = 'dropped', rejected_us = 1 WHERE id = 1")
    found = exports.find(FILESET)
    assert found is not None
    assert [item.owed.delivery for item in found.items] == [2]
    exports.finish(found, found.items, by="asha")
    assert len(spool.rows("SELECT * FROM export_item")) == 2, "it may be on the medium: its destination is told"
