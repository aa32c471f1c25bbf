"""What peers of the worklist and scanners sent, for page and command line. Reads only."""

import base64
import binascii
import json
from collections.abc import Sequence

from gateway.domain.requests import RequestKind
from gateway.domain.sent import ImportView, MessageView, ScanView, SentRound
from gateway.spool.answers import AnswerLedger
from gateway.spool.heard import HeardLedger
from gateway.spool.short_reads import ShortReads
from gateway.spool.snapshots import keys_from_text


class SentView(ShortReads):
    """The `SentReader` over the ledger in `spool`; every call opens its own short read, so any thread may ask."""

    def round(self, provider: str) -> SentRound | None:
        """The last answers of a provider to the broad question; None while it was never asked."""
        with self._opened() as database:
            return AnswerLedger(database, self._clock).round(provider)

    def look_ups(self, provider: str) -> Sequence[SentRound]:
        """What a provider answered when single patients or orders were looked up: the last few, newest first."""
        with self._opened() as database:
            return AnswerLedger(database, self._clock).look_ups(provider)

    def messages(self, provider: str = "", *, limit: int = 50) -> Sequence[MessageView]:
        """The last messages of a feed, or of all, newest first."""
        with self._opened() as database:
            return HeardLedger(database, self._clock).messages(provider, limit=limit)

    def imports(self, *, limit: int = 5) -> Sequence[ImportView]:
        """The last lists that people gave, newest first."""
        rows = self._rows(
            "SELECT * FROM request WHERE kind = ? ORDER BY done_us DESC, id DESC LIMIT ?",
            (RequestKind.IMPORT_ORDERS.value, limit),
        )
        return [
            ImportView(
                at=self._at(row["done_us"]),
                by=row["filed_by"],
                ok=bool(row["ok"]),
                outcome=row["outcome"],
                faults=tuple(row["detail"].splitlines()),
                body=_content(row["payload"]),
            )
            for row in rows
        ]

    def scans(self) -> Sequence[ScanView]:
        """The last code of each device."""
        return [
            ScanView(
                device=row["device"],
                at=self._at(row["at_us"]),
                code=row["code"],
                ok=bool(row["ok"]),
                outcome=row["outcome"],
                candidates=keys_from_text(row["candidates"]),
                waiting_step=row["waiting_step"],
                waiting_until=self._at_or_none(row["waiting_until_us"]),
                kind=row["kind"],
                unknown=bool(row["unknown"]),
            )
            for row in self._rows("SELECT * FROM scan ORDER BY device")
        ]


def _content(payload: str) -> bytes:
    try:
        return base64.b64decode(json.loads(payload).get("content", ""), validate=True)
    except (binascii.Error, ValueError):
        return b""
