"""Exports and receipts in the ledger: an exported delivery stays unsent until a receipt proves that it was imported."""

import sqlite3
from collections.abc import Sequence

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.exports import Export, ExportItem, Receipt, ReceiptEntry, ReceiptOutcome, UnsentObject
from gateway.domain.identifiers import DeliveryId, InstanceId, Uid
from gateway.domain.lifecycle import DeliveryEvent, DeliveryState
from gateway.domain.ports import Clock
from gateway.spool.database import Database
from gateway.spool.delivery_moves import move_delivery
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us

RECEIPT_STATUS = "receipt"
"""What stands where a PACS's own status stands when a receipt is the proof."""
_PROVEN = (DeliveryState.STORED.value, DeliveryState.COMMITTED.value)
_OBJECT = (
    "delivery.id AS delivery, delivery.instance, delivery.destination, instance.sop_instance_uid, instance.path,"
    " instance.digest, instance.size"
)
_UNSENT = (
    f"SELECT {_OBJECT} FROM delivery JOIN instance ON instance.id = delivery.instance"  # noqa: S608 - constant
    " WHERE delivery.state IN ('pending', 'sending', 'parked', 'held') AND instance.kept = 1"
    " AND (:destination = '' OR delivery.destination = :destination)"
    " AND (:again OR NOT EXISTS (SELECT 1 FROM export_item JOIN export ON export.id = export_item.export"
    " WHERE export_item.delivery = delivery.id AND export.finished_us IS NOT NULL)) ORDER BY delivery.id"
)
_EXPORTED = (
    "SELECT delivery.*, export_item.digest AS exported_digest, max(export_item.export) AS export,"
    " export_item.destination AS exported_for,"
    " instance.transfer_syntax_uid FROM export_item JOIN export ON export.id = export_item.export"
    " JOIN delivery ON delivery.id = export_item.delivery JOIN instance ON instance.id = delivery.instance"
    " WHERE instance.sop_instance_uid = :uid AND export.finished_us IS NOT NULL"
    " AND (:fileset = '' OR export.fileset_uid = :fileset)"
    " AND (:destination = '' OR export_item.destination = :destination) GROUP BY delivery.id"
)


class ExportLedger:
    """Exports, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def unsent(self, *, destination: str = "", again: bool = True) -> list[UnsentObject]:
        """What is not at its destination yet, oldest first; without `again` only what no finished export holds."""
        with self._database.read() as connection:
            rows = connection.execute(_UNSENT, {"destination": destination, "again": again}).fetchall()
        return [_object(row) for row in rows]

    def begin(self, fileset_uid: Uid, folder: str, items: Sequence[ExportItem], *, by: str) -> Export:
        """Remember what an export is going to hold, before its first byte is written.

        What was sent, dropped or corrected since it was looked at is left out; a fault if that leaves nothing.
        """
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            items = _still_unsent(connection, items)
            number = connection.execute(
                "INSERT INTO export (fileset_uid, folder, begun_us, begun_by) VALUES (?, ?, ?, ?)",
                (fileset_uid, folder, now, by),
            ).lastrowid
            connection.executemany(
                "INSERT INTO export_item VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number,
                        one.owed.delivery,
                        one.owed.instance,
                        one.owed.destination,
                        one.file_id,
                        one.owed.digest,
                        one.owed.size,
                    )
                    for one in items
                ],
            )
            write_journal(connection, now, by, "export begun", f"export {number}", deliveries=len(items), to=folder)
        return Export(number or 0, fileset_uid, tuple(items), finished=False)

    def find(self, fileset_uid: str) -> Export | None:
        """The export whose file-set has this UID; its objects with the digests that were planned.

        One that goes on leaves out what was corrected since it was begun: it names the wrong patient.
        """
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM export WHERE fileset_uid = ?", (fileset_uid,)).fetchone()
            if row is None:
                return None
            rows = connection.execute(
                f"SELECT {_OBJECT}, export_item.digest AS planned_digest, export_item.size AS planned_size,"  # noqa: S608 - constant
                " export_item.file_id FROM export_item JOIN delivery ON delivery.id = export_item.delivery"
                " JOIN instance ON instance.id = delivery.instance WHERE export_item.export = ?"
                " AND (delivery.rejected_us IS NULL OR ?) ORDER BY delivery.id",
                (row["id"], row["finished_us"] is not None),
            ).fetchall()
        items = tuple(ExportItem(_object(one, planned=True), one["file_id"]) for one in rows)
        return Export(row["id"], Uid(row["fileset_uid"]), items, finished=row["finished_us"] is not None)

    def is_released(self, owed: UnsentObject) -> bool:
        """Whether the bytes of an object were let go, because every destination has proven to hold it."""
        with self._database.read() as connection:
            row = connection.execute("SELECT kept FROM instance WHERE id = ?", (owed.instance,)).fetchone()
        return row is not None and not row["kept"]

    def finish(self, export: Export, kept: Sequence[ExportItem], *, by: str) -> None:
        """Mark an export finished: `kept` were read back from the medium; the others were not written."""
        now = to_us(self._clock.now())
        written = {one.owed.delivery for one in kept}
        with self._database.write() as connection:
            for item in export.items:
                if item.owed.delivery not in written:
                    connection.execute(
                        "DELETE FROM export_item WHERE export = ? AND delivery = ?", (export.number, item.owed.delivery)
                    )
            connection.execute("UPDATE export SET finished_us = ? WHERE id = ?", (now, export.number))
            for item in kept:
                write_journal(
                    connection,
                    now,
                    by,
                    "exported",
                    f"delivery {item.owed.delivery}",
                    export=export.number,
                    file_id=item.file_id,
                    sha256=item.owed.digest,
                )

    def accept(self, receipt: Receipt, *, by: str) -> ReceiptOutcome:
        """Take for stored all exported deliveries that the receipt proves, in one transaction; say what it does not.

        Only what a finished export holds is believed, and only with the digest that was exported where the receipt
        names one.
        """
        now = to_us(self._clock.now())
        accepted = before = 0
        refused: list[tuple[str, str]] = []
        with self._database.write() as connection:
            for entry in receipt.entries:
                rows = connection.execute(
                    _EXPORTED,
                    {
                        "uid": entry.sop_instance_uid,
                        "fileset": receipt.fileset_uid,
                        "destination": receipt.destination,
                    },
                ).fetchall()
                why = _objection(rows, entry)
                if why:
                    refused.append((entry.sop_instance_uid, why))
                elif rows[0]["state"] in _PROVEN:
                    before += 1
                else:
                    self._store(connection, rows[0], receipt, now, by)
                    accepted += 1
            write_journal(
                connection,
                now,
                by,
                "receipt imported",
                "exports",
                kind=receipt.kind,
                importer=receipt.importer,
                document_sha256=receipt.document_digest,
                accepted=accepted,
                refused=len(refused),
            )
        return ReceiptOutcome(accepted, before, tuple(refused))

    @staticmethod
    def _store(connection: sqlite3.Connection, row: sqlite3.Row, receipt: Receipt, now: int, by: str) -> None:
        text = f"{receipt.kind} of {receipt.importer}, imported by {by}"
        connection.execute(
            "UPDATE delivery SET stored_us = ?, status = ?, status_text = ?, sent_syntax_uid = ?, phase = '',"
            " error = '', remedy = '', decided_by = '', decision = '' WHERE id = ?",
            (now, RECEIPT_STATUS, text, row["transfer_syntax_uid"], row["id"]),
        )
        move_delivery(
            connection,
            row["id"],
            DeliveryEvent.RECEIPT,
            now,
            actor=by,
            importer=receipt.importer,
            kind=receipt.kind,
            document_sha256=receipt.document_digest,
        )
        connection.execute(
            "INSERT OR REPLACE INTO receipt VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row["id"], row["export"], receipt.kind, receipt.importer, receipt.document_digest, now, by),
        )


def _still_unsent(connection: sqlite3.Connection, items: Sequence[ExportItem]) -> tuple[ExportItem, ...]:
    """A correction knows only of exports that have begun: a wrong object must not leave the house behind its back."""
    rows = connection.execute(_UNSENT, {"destination": "", "again": True}).fetchall()
    unsent = {(row["delivery"], row["instance"], row["destination"]) for row in rows}
    left = tuple(one for one in items if (one.owed.delivery, one.owed.instance, one.owed.destination) in unsent)
    if items and not left:
        raise GatewayError(
            "All that was to be exported was sent or given up while the medium was looked at.",
            disposition=Disposition.RETRY,
            phase=Phase.SPOOL,
            remedy="Look at the queue, and ask for the export again if something is left.",
        )
    return left


def _object(row: sqlite3.Row, *, planned: bool = False) -> UnsentObject:
    return UnsentObject(
        delivery=DeliveryId(row["delivery"]),
        instance=InstanceId(row["instance"]),
        destination=row["destination"],
        sop_instance_uid=Uid(row["sop_instance_uid"]),
        path=row["path"],
        digest=row["planned_digest"] if planned else row["digest"],
        size=row["planned_size"] if planned else row["size"],
    )


def _objection(rows: Sequence[sqlite3.Row], entry: ReceiptEntry) -> str:
    """Why an entry of a receipt proves nothing; empty when it does."""
    if not rows:
        return "it was not exported from here"
    if len(rows) > 1:
        return "it is owed to several destinations; name the one it was imported into"
    row = rows[0]
    objections = (
        (
            entry.digest != "" and entry.digest.lower() != row["exported_digest"],
            "the SHA-256 is not that of the object that was exported",
        ),
        (
            row["exported_for"] != row["destination"],
            f"it was exported for {row['exported_for']} and is owed to another destination since",
        ),
        (row["state"] == DeliveryState.SENDING.value, "it is being sent at this moment; import again afterwards"),
        (row["rejected_us"] is not None, "its object was corrected since: the medium holds it under the wrong patient"),
        (row["rejected_us"] is not None, "it was corrected since, for it names the wrong patient"),
        (row["state"] == DeliveryState.DROPPED.value, "the delivery was dropped; take it back first"),
    )
    return next((text for stands, text in objections if stands), "")
