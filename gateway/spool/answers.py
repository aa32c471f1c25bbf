"""What each worklist provider answered last, as it came: to the broad question, and to the last single look-ups.

Bounded; the broad answers are written only when they differ from before.
"""

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
_LOOK_UPS = 5


class AnswerLedger:
    """Raw answers, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def keep(self, heard: SentRound, bodies: Sequence[bytes]) -> None:
        """Remember answers to the broad question in the place of the provider's last; `bodies` are those of them."""
        shown, preview = _shown(heard), _preview(heard)
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
                "INSERT INTO answer_kept VALUES (?, ?, ?, ?)", _kept(heard.provider, heard, shown, bodies)
            )

    def keep_look_up(self, heard: SentRound, bodies: Sequence[bytes]) -> None:
        """Remember answers to one look-up beside the others, in the place of an earlier one of the same question."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM look_up_round WHERE provider = ? AND asked = ?", (heard.provider, heard.asked)
            )
            number = connection.execute(
                "INSERT INTO look_up_round (provider, at_us, asked, came, complete, note, preview)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    heard.provider, to_us(heard.at), heard.asked, heard.came, int(heard.complete), heard.note,
                    _preview(heard),
                ),
            ).lastrowid  # fmt: skip
            connection.executemany(
                "INSERT INTO look_up_kept VALUES (?, ?, ?, ?)", _kept(number, heard, _shown(heard), bodies)
            )
            connection.execute(
                "DELETE FROM look_up_round WHERE provider = :provider AND id NOT IN (SELECT id FROM look_up_round"
                " WHERE provider = :provider ORDER BY id DESC LIMIT :most)",
                {"provider": heard.provider, "most": _LOOK_UPS},
            )

    def round(self, provider: str) -> SentRound | None:
        """The last answers of a provider to the broad question; None while there were none."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM answer_round WHERE provider = ?", (provider,)).fetchone()
            if row is None:
                return None
            kept = connection.execute(
                "SELECT shown FROM answer_kept WHERE provider = ? ORDER BY position", (provider,)
            ).fetchall()
        return self._round(row, kept)

    def look_ups(self, provider: str) -> list[SentRound]:
        """The last answers of a provider to single look-ups, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM look_up_round WHERE provider = ? ORDER BY id DESC", (provider,)
            ).fetchall()
            kept = [
                connection.execute(
                    "SELECT shown FROM look_up_kept WHERE look_up = ? ORDER BY position", (row["id"],)
                ).fetchall()
                for row in rows
            ]
        return [self._round(row, answers) for row, answers in zip(rows, kept, strict=True)]

    def _round(self, row: sqlite3.Row, kept: Sequence[sqlite3.Row]) -> SentRound:
        return SentRound(
            provider=row["provider"],
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


def _shown(heard: SentRound) -> list[str]:
    return [json.dumps(asdict(one), ensure_ascii=False) for one in heard.answers]


def _preview(heard: SentRound) -> str:
    told = [[one.character_set, list(one.names), one.unreadable] for one in heard.preview]
    return json.dumps(told, ensure_ascii=False)


def _kept(
    owner: str | int | None, heard: SentRound, shown: Sequence[str], bodies: Sequence[bytes]
) -> list[tuple[str | int | None, int, str, bytes]]:
    """The rows of the answers, under the round that they belong to."""
    return [
        (owner, answer.position, text, body[:_MOST_BYTES])
        for answer, text, body in zip(heard.answers, shown, bodies, strict=True)
    ]


def _answer(row: sqlite3.Row) -> SentAnswer:
    fields = json.loads(row["shown"])
    lines = tuple(SentLine(**line) for line in fields.pop("lines"))
    return SentAnswer(**{**fields, "faults": tuple(fields["faults"])}, lines=lines)
