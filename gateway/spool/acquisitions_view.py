"""Acquisitions for people: each with its subject, its object and what became of its deliveries. Reads only."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.domain.procedure import Patient
from gateway.domain.views import AcquisitionView, DeliveryView
from gateway.spool.delivery_lines import DeliveryLines
from gateway.spool.snapshots import hints_from_text, keys_from_text, local_study_from_text, step_from_text

_ACQUISITION = (
    "SELECT acquisition.*, local_study.snapshot AS local_snapshot, instance.sop_instance_uid,"
    " instance.sop_class_uid, instance.transfer_syntax_uid, instance.size AS object_size"
    " FROM acquisition LEFT JOIN local_study ON local_study.id = acquisition.local_study"
    " LEFT JOIN instance ON instance.acquisition = acquisition.id AND instance.part = 0"
    " WHERE acquisition.id < ?"
)
_UNDELIVERED = (
    " AND acquisition.id IN (SELECT DISTINCT acquisition FROM delivery INDEXED BY delivery_open"
    " WHERE state IN ('pending', 'sending', 'parked', 'held') AND acquisition < ? ORDER BY acquisition DESC LIMIT ?)"
)
_NO_LIMIT = 1 << 62


class AcquisitionsView(DeliveryLines):
    """Acquisitions of the ledger."""

    def acquisitions(self, *, state: str = "", limit: int = 50, before: int = 0) -> Sequence[AcquisitionView]:
        """Newest first; only `state` (an acquisition state or ``undelivered``) and ids below `before` if given."""
        sql, values = _ACQUISITION, [before or _NO_LIMIT]
        extra: list[object] = list(values)
        if state == "undelivered":
            sql += _UNDELIVERED
            extra += [*values, limit]
        elif state:
            sql += " AND acquisition.state = ?"
            extra.append(state)
        rows = self._rows(f"{sql} ORDER BY acquisition.id DESC LIMIT ?", [*extra, limit])
        deliveries = self._deliveries([row["id"] for row in rows])
        return [self._acquisition(row, deliveries.get(row["id"], ())) for row in rows]

    def acquisition(self, number: int) -> AcquisitionView | None:
        """One acquisition, None if there is none of that number."""
        rows = self._rows(f"{_ACQUISITION} AND acquisition.id = ?", (_NO_LIMIT, number))
        return self._acquisition(rows[0], self._deliveries([number]).get(number, ())) if rows else None

    def _deliveries(self, numbers: Sequence[int]) -> Mapping[int, tuple[DeliveryView, ...]]:
        rows = self._rows(
            "SELECT delivery.*, instance.size, instance.sop_class_uid FROM delivery"
            " JOIN instance ON instance.id = delivery.instance"
            " WHERE delivery.acquisition IN (SELECT value FROM json_each(?)) ORDER BY delivery.id",
            (json.dumps(list(numbers)),),
        )
        views: dict[int, tuple[DeliveryView, ...]] = {}
        for row in rows:
            views[row["acquisition"]] = (*views.get(row["acquisition"], ()), self._delivery(row))
        return views

    def _acquisition(self, row: sqlite3.Row, deliveries: tuple[DeliveryView, ...]) -> AcquisitionView:
        patient, description, accession = _subject(row)
        return AcquisitionView(
            id=row["id"],
            device=row["device"],
            display_name=row["display_name"],
            captured_at=self._at(row["captured_us"]),
            state=row["state"],
            since=self._at(row["since_us"]),
            has_thumbnail=row["thumbnail"] is not None,
            exam_key=row["exam_key"],
            source_bytes=row["size"],
            patient_name=patient.name,
            patient_id=patient.patient_id,
            step_description=description,
            accession_number=accession,
            rule=row["rule"],
            reason=row["reason"],
            remedy=row["remedy"],
            sop_instance_uid=row["sop_instance_uid"] or "",
            sop_class=row["sop_class_uid"] or "",
            transfer_syntax=row["transfer_syntax_uid"] or "",
            object_bytes=row["object_size"] or 0,
            hints=tuple((h.kind.value, h.value, h.origin) for h in hints_from_text(row["hints"])),
            candidates=keys_from_text(row["candidates"]),
            deliveries=deliveries,
            source_kept=bool(row["source_bytes_kept"]),
            correction_of=row["correction_of"] or 0,
            corrected_by=row["corrected_by"] or 0,
            rejected_at=self._at_or_none(row["rejected_us"]),
        )

    def thumbnail(self, number: int) -> Path | None:
        """The JPEG thumbnail file of an acquisition, None while there is none."""
        rows = self._rows("SELECT thumbnail FROM acquisition WHERE id = ?", (number,))
        return self._spool / rows[0]["thumbnail"] if rows and rows[0]["thumbnail"] else None


def _subject(row: sqlite3.Row) -> tuple[Patient, str, str]:
    """Patient, description and accession number of what an acquisition is tied to; empty while it is not."""
    if row["step_snapshot"]:
        step = step_from_text(row["step_snapshot"])
        return step.patient, step.description or step.requested_procedure_description, step.accession_number
    if row["local_snapshot"]:
        study = local_study_from_text(row["local_snapshot"])
        return study.patient, study.description, ""
    return Patient(""), "", ""
