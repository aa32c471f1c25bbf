"""The queue for people: deliveries by state, device, destination and age, and all that is known of one. Reads only."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.domain.views import AttemptLine, DeliveryDossier, JournalLine, QueueRow
from gateway.spool.delivery_lines import DeliveryLines
from gateway.spool.moments import to_us

_UNSENT = "('pending', 'sending', 'parked', 'held')"
_ROW = (
    "SELECT delivery.*, instance.size, instance.sop_instance_uid, instance.sop_class_uid, acquisition.device,"
    " acquisition.display_name, acquisition.captured_us,"
    " EXISTS (SELECT 1 FROM export_item JOIN export ON export.id = export_item.export"
    " WHERE export_item.delivery = delivery.id AND export.finished_us IS NOT NULL) AS exported"
    " FROM delivery JOIN instance ON instance.id = delivery.instance"
    " JOIN acquisition ON acquisition.id = delivery.acquisition"
)
_WHOLE = (
    "SELECT delivery.*, instance.sop_instance_uid, instance.sop_class_uid, instance.transfer_syntax_uid,"
    " instance.instance_number, instance.path AS object_path, instance.digest AS object_digest,"
    " instance.size AS object_size, instance.built_us, instance.kept, series.series_instance_uid,"
    " series.study_instance_uid, acquisition.device, acquisition.exam_key, acquisition.display_name,"
    " acquisition.captured_us, acquisition.digest AS source_digest, acquisition.size AS source_size,"
    " acquisition.path AS source_path"
    " FROM delivery JOIN instance ON instance.id = delivery.instance JOIN series ON series.id = instance.series"
    " JOIN acquisition ON acquisition.id = delivery.acquisition WHERE delivery.id = ?"
)


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which deliveries are listed: a state, ``unsent`` or ``all``; empty texts and no age mean any."""

    state: str = "unsent"
    device: str = ""
    destination: str = ""
    older_than: timedelta | None = None
    limit: int = 100


class QueueView(DeliveryLines):
    """Deliveries of the ledger in `spool`; every call opens its own short read."""

    def rows(self, wanted: QueueFilter) -> Sequence[QueueRow]:
        """The deliveries that fit, oldest first."""
        conditions, values = ["1"], list[object]()
        if wanted.state == "unsent":
            conditions.append(f"delivery.state IN {_UNSENT}")
        elif wanted.state != "all":
            conditions.append("delivery.state = ?")
            values.append(wanted.state)
        for column, text in (("acquisition.device", wanted.device), ("delivery.destination", wanted.destination)):
            if text:
                conditions.append(f"{column} = ?")
                values.append(text)
        if wanted.older_than is not None:
            conditions.append("acquisition.captured_us <= ?")
            values.append(to_us(self._clock.now() - wanted.older_than))
        sql = f"{_ROW} WHERE {' AND '.join(conditions)} ORDER BY delivery.id LIMIT ?"
        with self._reading() as connection:
            found = connection.execute(sql, (*values, wanted.limit)).fetchall()
        return [self._row(row) for row in found]

    def dossier(self, number: int) -> DeliveryDossier | None:
        """All that is known of one delivery; None if there is none of that number."""
        with self._reading() as connection:
            row = connection.execute(_WHOLE, (number,)).fetchone()
            if row is None:
                return None
            attempts = connection.execute("SELECT * FROM attempt WHERE delivery = ? ORDER BY id", (number,)).fetchall()
            journal = connection.execute(
                "SELECT * FROM journal WHERE subject IN (?, ?) ORDER BY id",
                (f"delivery {number}", f"acquisition {row['acquisition']}"),
            ).fetchall()
            facts = (*self._facts(row), *self._media(connection, number))
        return DeliveryDossier(
            facts=tuple((name, value) for name, value in facts if value),
            attempts=tuple(
                AttemptLine(
                    self._at(one["started_us"]),
                    self._at(one["ended_us"]),
                    one["phase"],
                    one["disposition"],
                    one["code"],
                    one["text"],
                )
                for one in attempts
            ),
            journal=tuple(
                JournalLine(self._at(one["at_us"]), one["actor"], one["event"], one["subject"], one["detail"])
                for one in journal
            ),
        )

    def _facts(self, row: sqlite3.Row) -> list[tuple[str, str]]:
        return [
            ("delivery", str(row["id"])),
            ("destination", row["destination"]),
            ("state", row["state"]),
            ("since", self._exact(row["since_us"])),
            ("due", self._exact(row["due_us"]) if row["state"] == "pending" else ""),
            ("attempts", str(row["attempts"])),
            ("status", f"{row['status']} {row['status_text']}".strip()),
            ("stored", self._exact(row["stored_us"])),
            ("committed", self._exact(row["committed_us"])),
            ("sent Transfer Syntax", row["sent_syntax_uid"]),
            ("phase", row["phase"]),
            ("error", row["error"]),
            ("remedy", row["remedy"]),
            ("decision", f"{row['decision']} ({row['decided_by']})" if row["decision"] else ""),
            ("SOP Instance UID", row["sop_instance_uid"]),
            ("SOP Class UID", row["sop_class_uid"]),
            ("Study Instance UID", row["study_instance_uid"]),
            ("Series Instance UID", row["series_instance_uid"]),
            ("Instance Number", str(row["instance_number"])),
            ("Transfer Syntax UID", row["transfer_syntax_uid"] or ""),
            ("object", f"{row['object_path']} ({row['object_size']} bytes)" if row["kept"] else "released"),
            ("object SHA-256", row["object_digest"] or ""),
            ("built", self._exact(row["built_us"])),
            ("acquisition", str(row["acquisition"])),
            ("device", row["device"]),
            ("exam", row["exam_key"]),
            ("captured", self._exact(row["captured_us"])),
            ("captured file", f"{row['display_name']} ({row['source_size']} bytes)"),
            ("captured file in the spool", row["source_path"]),
            ("captured SHA-256", row["source_digest"]),
        ]

    def _media(self, connection: sqlite3.Connection, number: int) -> list[tuple[str, str]]:
        """Where the delivery was exported to, and the receipt for it."""
        exports = connection.execute(
            "SELECT export.*, export_item.file_id FROM export_item JOIN export ON export.id = export_item.export"
            " WHERE export_item.delivery = ? AND finished_us IS NOT NULL ORDER BY export.id",
            (number,),
        ).fetchall()
        found = [
            ("exported", f"{self._exact(row['finished_us'])} to {row['folder']} as {row['file_id']}") for row in exports
        ]
        receipt = connection.execute("SELECT * FROM receipt WHERE delivery = ?", (number,)).fetchone()
        if receipt is not None:
            found.append(
                ("receipt", f"{self._exact(receipt['imported_us'])}, {receipt['kind']} of {receipt['importer']}")
            )
        return found

    def _row(self, row: sqlite3.Row) -> QueueRow:
        return QueueRow(
            delivery=self._delivery(row),
            acquisition=row["acquisition"],
            device=row["device"],
            display_name=row["display_name"],
            captured_at=self._at(row["captured_us"]),
            sop_instance_uid=row["sop_instance_uid"],
            exported=bool(row["exported"]),
        )

    def _exact(self, us: int | None) -> str:
        moment = self._at_or_none(us)
        return "" if moment is None else moment.isoformat(timespec="seconds")
