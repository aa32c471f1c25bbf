"""What of a worklist entry has changed beside what was known: noticed, marked, and never silently merged.

A mark makes a step doubtful: a program does not choose it until a person has compared and accepted it. What a person
accepted is kept as text, so that the next answer that says the same raises no doubt again.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.domain.procedure import Patient, Step, StepKey
from gateway.spool.snapshots import step_from_text

CHANGED = "Its patient has changed since it was first seen ({what}): compare before you use it."
CHANGED_IN_USE = (
    "Its patient has changed ({what}) although pictures were taken for it or it is open: compare, and look at these."
)
REUSED = "Its accession number is also given to another patient: compare before you use it."
HEARD_CHANGE = (
    "The name, birth date or sex of its patient has changed since it was first heard; compare before you use it."
)
_MARKS = ("Its patient has changed ", "Its accession number is also given ", HEARD_CHANGE)
_READINGS = ("It names no character set; its text was read as", "Its text is labelled")


@dataclass(frozen=True, slots=True)
class _Known:
    """A row of the cache as the comparison needs it."""

    step: Step
    in_use: bool
    accepted: str


def judged(connection: sqlite3.Connection, steps: Sequence[Step]) -> list[Step]:
    """The steps of an answer with the marks that they earn beside the cache and beside one another."""
    known = _known(connection, steps)
    holders = _holders(connection, steps)
    return [_judged(step, known.get(step.key), holders) for step in steps]


def identity_of(step: Step) -> str:
    """What a person accepts: patient and accession number, as text."""
    return json.dumps([*_identity(step.patient), step.accession_number], ensure_ascii=False)


def without_marks(step: Step) -> Step:
    """A step whose doubts a person has settled."""
    return replace(step, doubtful=False, faults=tuple(text for text in step.faults if not is_mark(text)))


def is_mark(fault: str) -> bool:
    """Whether a fault is one of the marks that are made here."""
    return fault.startswith(_MARKS)


def _judged(step: Step, known: _Known | None, holders: Mapping[str, set[tuple[str, str]]]) -> Step:
    if known is not None and known.accepted == identity_of(step):
        return step
    marks = [] if known is None else _changes(known, step)
    others = holders.get(step.accession_number, set()) - {(step.patient.patient_id, step.patient.issuer)}
    if any(_is_another(step.patient, other) for other in others):
        marks.append(REUSED)
    if not marks:
        return step
    return replace(step, doubtful=True, faults=(*marks, *(text for text in step.faults if text not in marks)))


def _changes(known: _Known, step: Step) -> list[str]:
    """The marks of a changed patient; one that was made before stays until a person has looked."""
    before, now = known.step.patient, step.patient
    what = [
        word
        for word, old, new in (
            ("patient id", before.patient_id, now.patient_id),
            ("issuer of the patient id", before.issuer, now.issuer),
            ("name", _plain(before.name), _plain(now.name)),
            ("birth date", before.birth_date, now.birth_date),
            ("sex", before.sex, now.sex),
        )
        if old and new and old != new and not (word == "name" and _read_otherwise(known.step, step))
    ]
    if what:
        return [(CHANGED_IN_USE if known.in_use else CHANGED).format(what=", ".join(what))]
    return [text for text in known.step.faults if text.startswith(_MARKS[0])]


def _read_otherwise(one: Step, other: Step) -> bool:
    """Whether the text of two answers was read under different assumptions, or not at all: then names say nothing."""
    readings = [[text for text in step.faults if text.startswith(_READINGS)] for step in (one, other)]
    return readings[0] != readings[1] or not one.usable


def _plain(name: str) -> str:
    return "=".join(" ".join(group.rstrip("^ ").split()) for group in name.casefold().split("=")).rstrip("=")


def _is_another(patient: Patient, other: tuple[str, str]) -> bool:
    number, issuer = other
    if not number or not patient.patient_id:
        return False
    return number != patient.patient_id or bool(issuer and patient.issuer and issuer != patient.issuer)


def _identity(patient: Patient) -> tuple[str, ...]:
    return patient.patient_id, patient.issuer, _plain(patient.name), patient.birth_date, patient.sex


def _known(connection: sqlite3.Connection, steps: Iterable[Step]) -> dict[StepKey, _Known]:
    keys = [[one.key.provider, one.key.study_instance_uid, one.key.step_id] for one in steps]
    rows = connection.execute(
        "SELECT step.snapshot, step.accepted, EXISTS (SELECT 1 FROM acquisition WHERE acquisition.step = step.id)"
        " OR EXISTS (SELECT 1 FROM active_step WHERE active_step.step = step.id) AS in_use"
        " FROM json_each(?) AS asked JOIN step ON step.provider = asked.value ->> 0"
        " AND step.study_instance_uid = asked.value ->> 1 AND step.step_id = asked.value ->> 2",
        (json.dumps(keys),),
    )
    found = (_Known(step_from_text(row["snapshot"]), bool(row["in_use"]), row["accepted"]) for row in rows)
    return {one.step.key: one for one in found}


def _holders(connection: sqlite3.Connection, steps: Sequence[Step]) -> dict[str, set[tuple[str, str]]]:
    """Whom each accession number of `steps` is given to: by these, and by the other entries of the cache."""
    numbers = {step.accession_number for step in steps} - {""}
    holders: dict[str, set[tuple[str, str]]] = {number: set() for number in numbers}
    answered = {step.key for step in steps}
    rows = connection.execute(
        "SELECT step.snapshot FROM json_each(?) AS asked JOIN step ON step.accession_number = asked.value",
        (json.dumps(sorted(numbers)),),
    )
    others = (step_from_text(row["snapshot"]) for row in rows)
    for step in (*steps, *(one for one in others if one.key not in answered)):
        if step.accession_number:
            holders[step.accession_number].add((step.patient.patient_id, step.patient.issuer))
    return holders
