"""What a heard order earns beside the orders that stand: marks that leave it to a person, or make it unusable."""

import json
import sqlite3
from dataclasses import replace

from gateway.domain.procedure import Patient, Step
from gateway.spool.changed import HEARD_CHANGE
from gateway.spool.snapshots import step_from_text

OVER = "Its scheduled day is over."
OTHER_PERSON = (
    "Its patient looks like another person than when it was first heard: it must be cancelled and ordered anew."
)
MERGED = "Its patient ID was merged into another one: it must be ordered anew."
_TAKEN_NUMBER = "The worklist has its accession number or study for another patient already."
_STICKY = (OTHER_PERSON, MERGED)
_SUSPICIOUS = 2
_NAME, _BIRTH_DATE, _SEX = "00100010", "00100030", "00100040"


def judged_beside(connection: sqlite3.Connection, step: Step) -> Step:
    """A step with the marks that it earns beside the open ones."""
    key = step.key
    rows = connection.execute(
        "SELECT provider, step_id, snapshot FROM step WHERE vanished = 0 AND patient_id <> '' AND"
        " (accession_number = ?1 AND ?1 <> '' OR study_instance_uid = ?2 AND ?2 <> '')",
        (step.accession_number, key.study_instance_uid),
    ).fetchall()
    for other in (step_from_text(row["snapshot"]) for row in rows):
        if not _same_patient(other.patient, step.patient):
            step = unusable(step, _TAKEN_NUMBER)
        elif other.key == key:
            step = compared(other, step)
    return step


def compared(before: Step, step: Step) -> Step:
    """A step with the marks of how its patient changed; marks that a change has left stay."""
    pairs = (
        (before.patient.name.casefold(), step.patient.name.casefold()),
        (before.patient.birth_date, step.patient.birth_date),
        (before.patient.sex, step.patient.sex),
    )
    differing = sum(old != new for old, new in pairs if old and new)
    for mark in _STICKY:
        if mark in before.faults or (mark == OTHER_PERSON and differing >= _SUSPICIOUS):
            step = unusable(step, mark)
    if (differing == 1 or HEARD_CHANGE in before.faults) and HEARD_CHANGE not in step.faults:
        step = replace(step, doubtful=True, faults=(*step.faults, HEARD_CHANGE))
    return step


def unusable(step: Step, fault: str) -> Step:
    """A step that nothing may be tied to, with the fault that says why."""
    faults = step.faults if fault in step.faults else (fault, *step.faults)
    return replace(step, usable=False, faults=faults)


def _same_patient(one: Patient, other: Patient) -> bool:
    if one.patient_id != other.patient_id:
        return False
    return not one.issuer or not other.issuer or one.issuer == other.issuer


def retold(identifier: str, patient: Patient) -> str:
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
