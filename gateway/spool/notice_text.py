"""A notice for an archive's administrator as text: what is to be changed there, from what to what, in which objects."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime

from gateway.spool.snapshots import local_study_from_text, step_from_text

_NONE = "(empty)"


def notice_text(row: sqlite3.Row, at: datetime) -> str:
    """The text of one notice; `row` holds it with both states of its reconciliation."""
    instances = json.loads(row["instances"])
    return "\n".join(
        [
            f"Notice {row['id']} for the administrator of {row['destination']}",
            "An order has turned up for a study that was sent without one.",
            f"Confirmed by {row['decided_by']} on {at:%Y-%m-%d %H:%M %z}. Nothing was sent to change it there.",
            "",
            *_changes(row),
            "",
            f"SOP Instances that it concerns ({len(instances)}):",
            *(f"  {uid}" for uid in instances),
            "",
        ]
    )


def _changes(row: sqlite3.Row) -> Iterator[str]:
    before, step = local_study_from_text(row["before"]), step_from_text(row["after"])
    old, new = before.patient, step.patient
    for name, tag, was, shall in (
        ("Study Instance UID", "0020,000D", row["study_instance_uid"], step.key.study_instance_uid),
        ("Patient ID", "0010,0020", old.patient_id, new.patient_id),
        ("Issuer of Patient ID", "0010,0021", old.issuer, new.issuer),
        ("Patient's Name", "0010,0010", old.name, new.name),
        ("Patient's Birth Date", "0010,0030", old.birth_date, new.birth_date),
        ("Patient's Sex", "0010,0040", old.sex, new.sex),
        ("Accession Number", "0008,0050", "", step.accession_number),
        ("Study ID", "0020,0010", "(its time)", step.requested_procedure_id),
        ("Study Description", "0008,1030", before.description, step.requested_procedure_description),
    ):
        if was != shall:
            yield f"{name} ({tag}): {was or _NONE} -> {shall or _NONE}"
