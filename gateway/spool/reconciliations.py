"""Local studies that may still find their order, and the orders that are suggested for them."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from gateway.domain.acquisition import Hint
from gateway.domain.objects import LocalStudy
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step, StepKey
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import from_us, to_us, zone_of
from gateway.spool.snapshots import hints_from_text, local_study_from_text, step_from_text

_MOST_AT_ONCE = 200
"""The newest local studies that are compared with the worklist; a person settles the others."""


@dataclass(frozen=True, slots=True)
class WaitingStudy:
    """A local study with pictures: what was entered, what came with its pictures, where and when."""

    number: int
    study: LocalStudy
    given: bool
    devices: tuple[str, ...]
    begun_at: datetime
    ended_at: datetime
    hints: tuple[Hint, ...]


@dataclass(frozen=True, slots=True)
class NewSuggestion:
    """A step that may be the order of a local study, as the rules found it."""

    step: StepKey
    ground: str
    reason: str


class ReconciliationLedger:
    """Suggestions, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def waiting(self, within: timedelta) -> list[WaitingStudy]:
        """The unsettled local studies of this time that have pictures, newest first."""
        since = to_us(self._clock.now() - within)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM local_study INDEXED BY local_study_unsettled WHERE settled = '' AND created_us >= ?"
                " ORDER BY created_us DESC LIMIT ?",
                (since, _MOST_AT_ONCE),
            ).fetchall()
            found = [(row, _pictures(connection, row["id"])) for row in rows]
        return [self._study(row, pictures) for row, pictures in found if pictures]

    def _study(self, row: sqlite3.Row, pictures: Sequence[sqlite3.Row]) -> WaitingStudy:
        zone = zone_of(self._clock)
        moments = [picture["captured_us"] for picture in pictures]
        hints = dict.fromkeys(hint for picture in pictures for hint in hints_from_text(picture["hints"]))
        return WaitingStudy(
            number=row["id"],
            study=local_study_from_text(row["snapshot"]),
            given=bool(row["given"]),
            devices=tuple(dict.fromkeys(picture["device"] for picture in pictures)),
            begun_at=from_us(min(moments), zone),
            ended_at=from_us(max(moments), zone),
            hints=tuple(hints),
        )

    def steps(self) -> tuple[Callable[[], list[Step]], str]:
        """Every cached step that can be used, also if gone from its provider, read when asked for; and their digest."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT snapshot FROM step WHERE usable = 1 ORDER BY id").fetchall()
        texts = [row["snapshot"] for row in rows]
        digest = sha256("\n".join(texts).encode()).hexdigest()
        return (lambda: [step_from_text(text) for text in texts]), digest

    def give_up(self, after: timedelta) -> None:
        """Say of local studies for which orders were looked for so long that none is looked for any more."""
        since = to_us(self._clock.now() - after)
        old = "settled = '' AND created_us < ? AND unsuggested <> ?"
        told = f"Orders were looked for over {after.days} days; now they are not any more."
        with self._database.read() as connection:
            if connection.execute(f"SELECT 1 FROM local_study WHERE {old}", (since, told)).fetchone() is None:  # noqa: S608 - a constant is inserted
                return
        with self._database.write() as connection:
            connection.execute(f"UPDATE local_study SET unsuggested = ? WHERE {old}", (told, since, told))  # noqa: S608 - as above

    def suggest(self, number: int, suggestions: Sequence[NewSuggestion], why_none: str = "") -> bool:
        """Let these be the open suggestions for a local study; what a person refused stays so. Whether any is new.

        `why_none` says why there are none.
        """
        with self._database.read() as connection:
            known = _known(connection, number)
            before = connection.execute("SELECT unsuggested FROM local_study WHERE id = ?", (number,)).fetchone()
        wanted = {one.step: (place, one) for place, one in enumerate(suggestions)}
        gone = [key for key, row in known.items() if row["state"] == "open" and key not in wanted]
        changed = [
            (place, one)
            for key, (place, one) in wanted.items()
            if key not in known
            or known[key]["state"] == "withdrawn"
            or (known[key]["state"] == "open" and (known[key]["place"], known[key]["reason"]) != (place, one.reason))
        ]
        if not gone and not changed and before is not None and before["unsuggested"] == why_none:
            return False
        new = any(one.step not in known or known[one.step]["state"] == "withdrawn" for _, one in changed)
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute("UPDATE local_study SET unsuggested = ? WHERE id = ?", (why_none, number))
            for key in gone:
                _withdraw(connection, number, key)
            for place, one in changed:
                _offer(connection, number, place, one, now)
                write_journal(
                    connection, now, "assemble", "order suggested", f"local study {number}", ground=one.ground,
                    study_instance_uid=one.step.study_instance_uid, reason=one.reason,
                )  # fmt: skip
        return new

    def needing_people(self) -> tuple[int, int]:
        """How many local studies have a suggestion, and how many notices stand."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT (SELECT count(DISTINCT local_study) FROM reconciliation_suggestion WHERE state = 'open'),"
                " (SELECT count(*) FROM reconciliation_notice WHERE done_us IS NULL)"
            ).fetchone()
        return int(row[0]), int(row[1])


def _pictures(connection: sqlite3.Connection, number: int) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT device, captured_us, hints FROM acquisition WHERE local_study = ? AND rejected_us IS NULL ORDER BY id",
        (number,),
    ).fetchall()


def _known(connection: sqlite3.Connection, number: int) -> dict[StepKey, sqlite3.Row]:
    rows = connection.execute("SELECT * FROM reconciliation_suggestion WHERE local_study = ?", (number,)).fetchall()
    return {StepKey(row["provider"], row["study_instance_uid"], row["step_id"]): row for row in rows}


def _withdraw(connection: sqlite3.Connection, number: int, key: StepKey) -> None:
    connection.execute(
        "UPDATE reconciliation_suggestion SET state = 'withdrawn' WHERE local_study = ? AND provider = ?"
        " AND study_instance_uid = ? AND step_id = ? AND state = 'open'",
        (number, key.provider, key.study_instance_uid, key.step_id),
    )


def _offer(connection: sqlite3.Connection, number: int, place: int, one: NewSuggestion, now: int) -> None:
    """Insert or renew, unless a person has decided meanwhile, or the study is settled."""
    connection.execute(
        "INSERT INTO reconciliation_suggestion (local_study, provider, study_instance_uid, step_id, rule, place,"
        " reason, state, suggested_us) SELECT id, ?, ?, ?, ?, ?, ?, 'open', ? FROM local_study"
        " WHERE id = ? AND settled = ''"
        " ON CONFLICT (local_study, provider, study_instance_uid, step_id) DO UPDATE SET rule = excluded.rule,"
        " place = excluded.place, reason = excluded.reason, state = 'open', suggested_us = excluded.suggested_us"
        " WHERE state IN ('open', 'withdrawn')",
        (
            one.step.provider, one.step.study_instance_uid, one.step.step_id, one.ground, place, one.reason, now,
            number,
        ),
    )  # fmt: skip
