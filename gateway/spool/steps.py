"""The worklist cache and the active steps: what providers said, when, and what has gone from their answers."""

import json
from collections.abc import Callable, Sequence

from gateway.domain.errors import GatewayError
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.spool.changed import judged
from gateway.spool.database import Database
from gateway.spool.idle import close_idle
from gateway.spool.journal import write_journal
from gateway.spool.moments import DAY_US, to_us
from gateway.spool.snapshots import step_from_text
from gateway.spool.step_rows import expiry, leave_out, note_answer, take_step

KEEP_DAYS = 7
"""Days for which a step stays after its scheduled day while its provider is silent, unless the configuration differs.
"""
_REST_OF_EXAM_US = 2 * DAY_US
_FORGOTTEN_US = 60 * DAY_US
_AT_ONCE = 500
_NAMED_BY_HOLD = (
    "EXISTS (SELECT 1 FROM acquisition, json_each(acquisition.candidates) AS one WHERE acquisition.state = 'held'"
    " AND one.value ->> 0 = step.provider AND one.value ->> 1 = step.study_instance_uid"
    " AND one.value ->> 2 = step.step_id)"
)
_OPEN = "EXISTS (SELECT 1 FROM active_step WHERE active_step.step = step.id)"
_NOT_NAMED = f" AND NOT {_OPEN} AND NOT {_NAMED_BY_HOLD}"
_OF_IT = "SELECT 1 FROM acquisition WHERE acquisition.step = step.id"
_FREE = f"NOT EXISTS ({_OF_IT} AND acquisition.state IN ('captured', 'matched', 'held')){_NOT_NAMED}"
_UNUSED = f"NOT EXISTS ({_OF_IT}){_NOT_NAMED}"


class StepLedger:
    """Worklist steps, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def configure(self, providers: Sequence[str], *, feeds: Sequence[str] = ()) -> None:
        """Make the ledger's providers those of the configuration; the steps of others count as vanished.

        `feeds` are the HL7 feeds. The list that people keep here needs no configuration and stays.
        """
        with self._database.write() as connection:
            names = json.dumps([*providers, *feeds])
            connection.execute(
                "DELETE FROM provider WHERE kind <> 'local' AND name NOT IN (SELECT value FROM json_each(?))", (names,)
            )
            connection.execute(
                "DELETE FROM answer_round WHERE provider NOT IN (SELECT value FROM json_each(?))", (names,)
            )
            connection.execute(
                "DELETE FROM look_up_round WHERE provider NOT IN (SELECT value FROM json_each(?))", (names,)
            )
            connection.execute(
                "UPDATE step SET vanished = 1 WHERE vanished = 0 AND provider NOT IN (SELECT value FROM json_each(?))"
                " AND provider NOT IN (SELECT name FROM provider WHERE kind = 'local')",
                (names,),
            )
            kinds = [*((name, "query") for name in providers), *((name, "hl7") for name in feeds)]
            for position, (name, kind) in enumerate(kinds):
                connection.execute(
                    "INSERT INTO provider (name, position, kind) VALUES (?, ?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET position = excluded.position, kind = excluded.kind",
                    (name, position, kind),
                )

    def answered(
        self,
        provider: str,
        steps: Sequence[Step],
        *,
        complete: bool = True,
        keep_days: int = KEEP_DAYS,
        covers: Callable[[Step], bool] | None = None,
    ) -> bool:
        """Take over a provider's answer; what a complete one no longer names is marked vanished, never deleted.

        An entry whose patient has changed, or whose accession number another patient has, is marked and waits for a
        person. `covers` says what the query asks for: a step that was looked up beyond that does not vanish from it.
        Returns whether anything changed that could let a held acquisition fit.
        """
        moment = self._clock.now()
        now = to_us(moment)
        with self._database.write() as connection:
            changed = [
                take_step(connection, step, now, expires=to_us(expiry(step, moment, keep_days)))
                for step in judged(connection, steps)
            ]
            gone = leave_out(connection, provider, steps, covers) if complete else 0
            note_answer(connection, provider, now)
            if any(changed) or gone:
                write_journal(
                    connection, now, "forward", "worklist", f"provider {provider}", items=len(steps), gone=gone
                )
        return any(changed)

    def looked_up(self, provider: str, steps: Sequence[Step]) -> bool:
        """Take over what a provider said about one patient or order; it says nothing about any other."""
        moment = self._clock.now()
        now = to_us(moment)
        with self._database.write() as connection:
            changed = [
                take_step(connection, step, now, expires=to_us(expiry(step, moment, 1)), looked_up=True)
                for step in judged(connection, steps)
            ]
            write_journal(connection, now, "forward", "looked up", f"provider {provider}", items=len(steps))
        return any(changed)

    def doubts(self, provider: str) -> tuple[int, int]:
        """How many entries of a provider wait for a person to compare them, and how many of these have pictures."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT count(*), coalesce(sum(EXISTS (SELECT 1 FROM acquisition WHERE acquisition.step = step.id)), 0)"
                " FROM step WHERE provider = ? AND vanished = 0 AND snapshot ->> '$.doubtful' = 1",
                (provider,),
            ).fetchone()
        return int(row[0]), int(row[1])

    def failed(self, provider: str, fault: GatewayError) -> None:
        """Remember why a provider did not answer; the cache stays usable and grows older."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "UPDATE provider SET failed_us = CASE WHEN error = '' THEN ? ELSE failed_us END, phase = ?, error = ?,"
                " remedy = ? WHERE name = ?",
                (now, fault.phase.value, fault.message, fault.remedy, provider),
            )

    def candidates(self, device: str) -> list[Step]:
        """The steps an acquisition of `device` may be matched with.

        A step that has vanished from its provider counts only for a device that already has acquisitions tied to it,
        and for two days: providers drop a step once it has begun, and the rest of that exam still belongs to it.
        """
        since = to_us(self._clock.now()) - _REST_OF_EXAM_US
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT snapshot FROM step WHERE vanished = 0 UNION ALL"
                " SELECT snapshot FROM step WHERE vanished = 1 AND seen_us >= ? AND EXISTS"
                " (SELECT 1 FROM acquisition WHERE device = ? AND acquisition.step = step.id)",
                (since, device),
            ).fetchall()
        return [step_from_text(row["snapshot"]) for row in rows]

    def active(self, device: str) -> Step | None:
        """The step that is open on a device."""
        with self._database.read() as connection:
            row = connection.execute("SELECT snapshot FROM active_step WHERE device = ?", (device,)).fetchone()
        return step_from_text(row["snapshot"]) if row else None

    def expire(self) -> int:
        """Take what is over by its own rule off the worklist, and forget what vanished long ago; how many went off.

        What a picture, a hold or an open step still refers to stays.
        """
        now = to_us(self._clock.now())
        with self._database.read() as connection:
            over = f"SELECT id FROM step WHERE vanished = 0 AND expires_us <= ? AND {_FREE} LIMIT {_AT_ONCE}"  # noqa: S608 - constants are inserted
            gone = connection.execute(over, (now,)).fetchall()
            old = f"SELECT id FROM step WHERE vanished = 1 AND seen_us < ? AND {_UNUSED} LIMIT {_AT_ONCE}"  # noqa: S608 - as above
            forgotten = connection.execute(old, (now - _FORGOTTEN_US,)).fetchall()
        if not gone and not forgotten:
            return 0
        with self._database.write() as connection:
            connection.executemany("UPDATE step SET vanished = 1 WHERE id = ?", [(row["id"],) for row in gone])
            connection.executemany(
                f"DELETE FROM step WHERE id = ? AND {_UNUSED}",  # noqa: S608 - as above
                [(row["id"],) for row in forgotten],
            )
            write_journal(
                connection, now, "assemble", "worklist", "orders over", gone=len(gone), forgotten=len(forgotten)
            )
        return len(gone)

    def close_idle(self, device: str, idle_limit_s: float) -> bool:
        """Close the active step of a device if nothing was captured under it for `idle_limit_s`; whether it was."""
        return close_idle(self._database, "active_step", device, to_us(self._clock.now()), idle_limit_s)
