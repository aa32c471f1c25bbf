"""Orders that are heard: taken over together with what brought them and never silently merged."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

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
from gateway.spool.changed import HEARD_CHANGE
from gateway.spool.database import Database
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us, zone_of
from gateway.spool.snapshots import step_from_text
from gateway.spool.steps import leave_out, take_step

OVER = "Its scheduled day is over."
CHANGED = HEARD_CHANGE
OTHER_PERSON = (
    "Its patient looks like another person than when it was first heard: it must be cancelled and ordered anew."
)
MERGED = "Its patient ID was merged into another one: it must be ordered anew."
_TAKEN_NUMBER = "The worklist has its accession number or study for another patient already."
_STICKY = (OTHER_PERSON, MERGED)
_LAST = 1_000_000
_KEPT_MESSAGES = 200
_KEPT_BYTES = 16_384
_SUSPICIOUS = 2
_NAME, _BIRTH_DATE, _SEX = "00100010", "00100030", "00100040"


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
            self._answered(connection, LOCAL_LIST, now)
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
            self._answered(connection, provider, now)
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
                datetime.fromtimestamp(row["at_us"] / 1_000_000, zone), row["provider"], row["sender"], row["kind"],
                row["control_id"], row["answer"], row["fault"], bytes(row["body"]),
            )
            for row in rows
        ]  # fmt: skip

    @staticmethod
    def _answered(connection: sqlite3.Connection, provider: str, now: int) -> None:
        connection.execute(
            "UPDATE provider SET answered_us = ?, failed_us = NULL, phase = '', error = '', remedy = '' WHERE name = ?",
            (now, provider),
        )

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
        scheduled = (step.start.astimezone(moment.tzinfo) if step.start else moment).date()
        # midnight after the scheduled day, and the days for which it is kept beyond that
        expires = datetime.combine(scheduled, time(), moment.tzinfo) + timedelta(days=1 + keep_days)
        judged = _judged(connection, step)
        if expires <= moment:
            judged = _unusable(judged, OVER)
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
            judged = _compared(step, replace(step, patient=told, identifier=_retold(step.identifier, told)))
            changed = take_step(connection, judged, to_us(self._clock.now())) or changed
            self._note(connection, provider, "patient changed")
        return changed

    def _merge(self, connection: sqlite3.Connection, provider: str, news: PatientMerged) -> bool:
        for step in _open_steps(connection, provider, news.patient_id):
            take_step(connection, _unusable(step, MERGED), to_us(self._clock.now()))
            self._note(connection, provider, "patient merged")
        return False

    def _note(self, connection: sqlite3.Connection, provider: str, event: str) -> None:
        write_journal(connection, to_us(self._clock.now()), "forward", event, f"provider {provider}")


def _open_steps(connection: sqlite3.Connection, provider: str, patient_id: str) -> list[Step]:
    rows = connection.execute(
        "SELECT snapshot FROM step WHERE provider = ? AND patient_id = ? AND vanished = 0", (provider, patient_id)
    ).fetchall()
    return [step_from_text(row["snapshot"]) for row in rows]


def _judged(connection: sqlite3.Connection, step: Step) -> Step:
    """A step with the marks that it earns beside the open ones."""
    key = step.key
    rows = connection.execute(
        "SELECT provider, step_id, snapshot FROM step WHERE vanished = 0 AND patient_id <> '' AND"
        " (accession_number = ?1 AND ?1 <> '' OR study_instance_uid = ?2 AND ?2 <> '')",
        (step.accession_number, key.study_instance_uid),
    ).fetchall()
    for other in (step_from_text(row["snapshot"]) for row in rows):
        if not _same_patient(other.patient, step.patient):
            step = _unusable(step, _TAKEN_NUMBER)
        elif other.key == key:
            step = _compared(other, step)
    return step


def _compared(before: Step, step: Step) -> Step:
    """A step with the marks of how its patient changed; marks that a change has left stay."""
    pairs = (
        (before.patient.name.casefold(), step.patient.name.casefold()),
        (before.patient.birth_date, step.patient.birth_date),
        (before.patient.sex, step.patient.sex),
    )
    differing = sum(old != new for old, new in pairs if old and new)
    for mark in _STICKY:
        if mark in before.faults or (mark == OTHER_PERSON and differing >= _SUSPICIOUS):
            step = _unusable(step, mark)
    if (differing == 1 or CHANGED in before.faults) and CHANGED not in step.faults:
        step = replace(step, doubtful=True, faults=(*step.faults, CHANGED))
    return step


def _unusable(step: Step, fault: str) -> Step:
    faults = step.faults if fault in step.faults else (fault, *step.faults)
    return replace(step, usable=False, faults=faults)


def _same_patient(one: Patient, other: Patient) -> bool:
    if one.patient_id != other.patient_id:
        return False
    return not one.issuer or not other.issuer or one.issuer == other.issuer


def _retold(identifier: str, patient: Patient) -> str:
    """The answer that objects are made from, with the patient's data as they are now (DICOM JSON model)."""
    model = json.loads(identifier)
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), patient.name.split("="), strict=False)
    told = (
        (_NAME, "PN", {group: text for group, text in groups if text}),
        (_BIRTH_DATE, "DA", patient.birth_date),
        (_SEX, "CS", patient.sex),
    )
    model.update({key: {"vr": vr, "Value": [value]} for key, vr, value in told if value})
    return json.dumps(model, ensure_ascii=False, sort_keys=True)
