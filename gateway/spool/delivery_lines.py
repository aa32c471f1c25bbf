"""One delivery for people, as the page and the queue show it."""

import sqlite3

from gateway.domain.corrections import KEY_OBJECT_SELECTION
from gateway.domain.views import DeliveryView
from gateway.spool.short_reads import ShortReads


class DeliveryLines(ShortReads):
    """What the views that show deliveries share."""

    def _delivery(self, row: sqlite3.Row) -> DeliveryView:
        """A row of `delivery` with `size` and `sop_class_uid` of its instance."""
        return DeliveryView(
            id=row["id"],
            destination=row["destination"],
            state=row["state"],
            since=self._at(row["since_us"]),
            attempts=row["attempts"],
            due_at=self._at_or_none(row["due_us"]) if row["state"] == "pending" else None,
            phase=row["phase"],
            error=row["error"],
            remedy=row["remedy"],
            status=row["status"],
            bytes=row["size"] or 0,
            decision=f"{row['decision']} ({row['decided_by']})" if row["decision"] else "",
            is_note=row["sop_class_uid"] == KEY_OBJECT_SELECTION,
        )
