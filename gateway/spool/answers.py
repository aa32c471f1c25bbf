"""The last worklist answers of each provider as they came: bounded, and written only when they differ from before."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from gateway.domain.ports import Clock
from gateway.domain.sent import NamePreview, SentAnswer, SentLine, SentRound
from gateway.spool.database import Database
from gateway.spool.moments import from_us, to_us, zone_of

_MOST_BYTES = 16_384


class AnswerLedger:
    """Raw answers, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def keep(self, heard: SentRound, bodies: Sequence[bytes]) -> None:
        """Remember a round in the place of the provider's last one; `bodies` are those of its answers."""
        told = [[one.character_set, list(one.names), one.unreadable] for one in heard.preview]
        preview = json.dumps(told, ensure_ascii=False)
        shown = [json.dumps(asdict(one), ensure_ascii=False) for one in heard.answers]
        about = (heard.asked, str(heard.came), str(heard.complete), heard.note, preview, *shown)
        digest = hashlib.sha256("\0".join(about).encode("utf-8", "replace")).hexdigest()
        now = to_us(heard.at)
        with self._database.write() as connection:
            same = connection.execute(
                "UPDATE answer_round SET at_us = ? WHERE provider = ? AND digest = ?", (now, heard.provider, digest)
            ).rowcount
            if same:
                return
            connection.execute("DELETE FROM answer_round WHERE provider = ?", (heard.provider,))
            connection.execute(
                "INSERT INTO answer_round VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (heard.provider, now, heard.asked, heard.came, int(heard.complete), heard.note, digest, preview),
            )
            connection.executemany(
                "INSERT INTO answer_kept VALUES (?, ?, ?, ?)",
                [
                    (heard.provider, answer.position, text, body[:_MOST_BYTES])
                    for answer, text, body in zip(heard.answers, shown, bodies, strict=True)
                ],
            )

    def round(self, provider: str) -> SentRound | None:
        """The last round of a provider; None while there was none."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM answer_round WHERE provider = ?", (provider,)).fetchone()
            if row is None:
                return None
            kept = connection.execute(
                "SELECT shown FROM answer_kept WHERE provider = ? ORDER BY position", (provider,)
            ).fetchall()
        return SentRound(
            provider=provider,
            at=from_us(row["at_us"], zone_of(self._clock)),
            asked=row["asked"],
            came=row["came"],
            complete=bool(row["complete"]),
            note=row["note"],
            answers=tuple(_answer(one) for one in kept),
            preview=tuple(
                NamePreview(term, tuple(names), unreadable) for term, names, unreadable in json.loads(row["preview"])
            ),
        )


def _answer(row: sqlite3.Row) -> SentAnswer:
    fields = json.loads(row["shown"])
    lines = tuple(SentLine(**line) for line in fields.pop("lines"))
    return SentAnswer(**{**fields, "faults": tuple(fields["faults"])}, lines=lines)
