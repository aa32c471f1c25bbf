"""Orders that are heard: taken over together with what brought them and never silently merged."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.domain.orders import (
    LOCAL_LIST,
    HeardMessage,
    News,
    OrderCancelled,
    OrderPlaced,
    PatientChanged,
    PatientMerged,
)
from gateway.domain.ports import Clock
from gateway.domain.procedure import Patient, Step
from gateway.domain.sent import MessageView
from gateway.spool.database import Database
from gateway.spool.heard_marks import MERGED, OVER, compared, judged_beside, retold, unusable
from gateway.spool.journal import write_journal
from gateway.spool.moments import from_us, to_us, zone_of
from gateway.spool.snapshots import step_from_text
from gateway.spool.step_rows import leave_out, midnight_after, note_answer, scheduled_day, take_step

_LAST = 1_000_000
_KEPT_MESSAGES = 200
_KEPT_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a list: how many steps are new or say something else, how many cannot be used, how many left."""

    changed: int
    unusable: int
    gone: int


class HeardLedger:
    """Heard orders, for one thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def seed(self) -> bytes:
        """What the Study Instance UIDs that this box mints for orders hang on."""
        with self._database.read() as connection:
            return bytes(connection.execute("SELECT seed FROM order_seed").fetchone()[0])

    def take_list(self, steps: Sequence[Step], *, whole: bool, keep_days: int, actor: str) -> Taken:
        """Take over a list that a person gives; if it is the `whole` list, what it does not name is taken off."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO provider (name, position, kind) VALUES (?, ?, 'local') ON CONFLICT (name) DO NOTHING",
                (LOCAL_LIST, _LAST),
            )
            gone = leave_out(connection, LOCAL_LIST, steps) if whole else 0
            judged = [self._place(connection, step, keep_days) for step in steps]
            note_answer(connection, LOCAL_LIST, now)
            taken = Taken(sum(new for new, _ in judged), sum(not usable for _, usable in judged), gone)
            write_journal(
                connection, now, actor, "worklist", f"provider {LOCAL_LIST}", items=len(steps), changed=taken.changed,
                unusable=taken.unusable, gone=gone,
            )  # fmt: skip
        return taken

    def remove(self, number: int, *, actor: str) -> bool:
        """Take one step of the local list off the worklist; whether there was one."""
        with self._database.write() as connection:
            gone = connection.execute(
                "UPDATE step SET vanished = 1 WHERE id = ? AND provider = ? AND vanished = 0", (number, LOCAL_LIST)
            ).rowcount
            if gone:
                write_journal(connection, to_us(self._clock.now()), actor, "worklist", f"step {number}", gone=1)
        return bool(gone)

    def hear(self, provider: str, message: HeardMessage, *, sender: str, keep_days: int) -> tuple[HeardMessage, bool]:
        """Take over what a message says and keep the message.

        Returns
        -------
        tuple
            The message with the answer that it gets now that the ledger has committed, and whether anything changed
            that could let a held acquisition fit.
        """
        now = to_us(self._clock.now())
        changed = False
        with self._database.write() as connection:
            faults = [message.fault] if message.fault else []
            for news in message.news:
                wrong, moved = self._apply(connection, provider, news, keep_days)
                faults += [wrong] if wrong and wrong not in faults else []
                changed = changed or moved
            answer = message.answer if message.answer != "AA" or not faults else "AE"
            message = replace(message, answer=answer, fault=" ".join(faults))
            note_answer(connection, provider, now)
            self._keep(connection, provider, message, sender, now)
        return message, changed

    def messages(self, provider: str = "", *, limit: int = 50) -> list[MessageView]:
        """What senders sent, newest first."""
        zone = zone_of(self._clock)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM heard_message WHERE ?1 IN ('', provider) ORDER BY id DESC LIMIT ?2", (provider, limit)
            ).fetchall()
        return [
            MessageView(
                from_us(row["at_us"], zone), row["provider"], row["sender"], row["kind"],
                row["control_id"], row["answer"], row["fault"], bytes(row["body"]),
            )
            for row in rows
        ]  # fmt: skip

    @staticmethod
    def _keep(connection: sqlite3.Connection, provider: str, message: HeardMessage, sender: str, now: int) -> None:
        connection.execute(
            "INSERT INTO heard_message (provider, at_us, sender, kind, control_id, answer, fault, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                provider, now, sender, message.kind, message.control_id, message.answer, message.fault,
                message.body[:_KEPT_BYTES],
            ),
        )  # fmt: skip
        connection.execute(
            "DELETE FROM heard_message WHERE provider = ?1 AND id <= (SELECT id FROM heard_message"
            " WHERE provider = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (provider, _KEPT_MESSAGES),
        )

    def _apply(self, connection: sqlite3.Connection, provider: str, news: News, keep_days: int) -> tuple[str, bool]:
        """Do what one piece of news says; what is wrong with it, and whether anything could fit now."""
        if isinstance(news, OrderPlaced):
            changed, usable = self._place(connection, news.step, keep_days)
            return ("" if usable else "An order cannot be used; the worklist names its fault."), changed
        if isinstance(news, OrderCancelled):
            return self._cancel(connection, provider, news), False
        if isinstance(news, PatientChanged):
            return "", self._change_patient(connection, provider, news.patient)
        return "", self._merge(connection, provider, news)

    def _place(self, connection: sqlite3.Connection, step: Step, keep_days: int) -> tuple[bool, bool]:
        """Take over one step as what stood before lets it be; whether it changed, and whether it can be used."""
        moment = self._clock.now()
        expires = midnight_after(scheduled_day(step, moment), moment.tzinfo, keep_days)
        judged = judged_beside(connection, step)
        if expires <= moment:
            judged = unusable(judged, OVER)
        changed = take_step(connection, judged, to_us(moment), expires=to_us(expires))
        return changed, judged.usable

    def _cancel(self, connection: sqlite3.Connection, provider: str, news: OrderCancelled) -> str:
        """Take the steps of an order off the worklist; an order of another patient is not touched."""
        rows = connection.execute(
            "SELECT id, patient_id FROM step WHERE provider = ?1 AND vanished = 0 AND CASE WHEN ?2 <> ''"
            " THEN study_instance_uid = ?2 ELSE ?3 <> '' AND accession_number = ?3 END",
            (provider, news.study_instance_uid, news.accession_number),
        ).fetchall()
        own = [(row["id"],) for row in rows if row["patient_id"] == news.patient_id]
        connection.executemany("UPDATE step SET vanished = 1 WHERE id = ?", own)
        if own:
            now = to_us(self._clock.now())
            write_journal(connection, now, "forward", "order cancelled", f"provider {provider}", steps=len(own))
        if rows and not own:
            return "The order to cancel is known here for another patient; nothing was cancelled."
        return ""

    def _change_patient(self, connection: sqlite3.Connection, provider: str, patient: Patient) -> bool:
        changed = False
        for step in _open_steps(connection, provider, patient.patient_id):
            if step.patient.issuer and patient.issuer and step.patient.issuer != patient.issuer:
                continue
            told = replace(
                step.patient,
                name=patient.name or step.patient.name,
                birth_date=patient.birth_date or step.patient.birth_date,
                sex=patient.sex or step.patient.sex,
            )
            if told == step.patient:
                continue
            judged = compared(step, replace(step, patient=told, identifier=retold(step.identifier, told)))
            changed = take_step(connection, judged, to_us(self._clock.now())) or changed
            self._note(connection, provider, "patient changed")
        return changed

    def _merge(self, connection: sqlite3.Connection, provider: str, news: PatientMerged) -> bool:
        for step in _open_steps(connection, provider, news.patient_id):
            take_step(connection, unusable(step, MERGED), to_us(self._clock.now()))
            self._note(connection, provider, "patient merged")
        return False

    def _note(self, connection: sqlite3.Connection, provider: str, event: str) -> None:
        write_journal(connection, to_us(self._clock.now()), "forward", event, f"provider {provider}")


def _open_steps(connection: sqlite3.Connection, provider: str, patient_id: str) -> list[Step]:
    rows = connection.execute(
        "SELECT snapshot FROM step WHERE provider = ? AND patient_id = ? AND vanished = 0", (provider, patient_id)
    ).fetchall()
    return [step_from_text(row["snapshot"]) for row in rows]
