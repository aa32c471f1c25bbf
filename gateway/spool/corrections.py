"""Corrections: what was built for the wrong patient is rejected where it may be, and built anew for the right one.

Nothing that may have left this box is ever rewritten. In the caller's one transaction each corrected acquisition gets
a successor with the same bytes, tied to the right step, which the assembling role builds like any other, with UIDs of
its own; what nobody can have seen is dropped; and each destination that may hold a rejected object is owed a note.
"""

import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path

from gateway.domain.checkpoints import Checkpoint, Passage, pass_by
from gateway.domain.corrections import Corrected
from gateway.domain.identifiers import mint_uid
from gateway.domain.lifecycle import AcquisitionState, DeliveryEvent
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Step
from gateway.spool.delivery_moves import move_delivery
from gateway.spool.journal import write_journal
from gateway.spool.moments import NEVER_US
from gateway.spool.rejections import owe_notes
from gateway.spool.request_fields import NotYet, RequestRefused
from gateway.spool.runs import is_being_sent
from gateway.spool.seen import destinations_that_may_hold
from gateway.spool.snapshots import step_from_text
from gateway.spool.successors import Correction, link_bytes, missing_bytes, succeed
from gateway.spool.wrong_steps import leave_wrong_steps

_WAITING = frozenset({"pending", "parked", "held"})
_ON_THEIR_WAY = frozenset({AcquisitionState.CAPTURED.value, AcquisitionState.MATCHED.value})


def correct(
    connection: sqlite3.Connection,
    now_us: int,
    acquisitions: Sequence[int],
    target: Step | LocalStudy | None,
    *,
    spool: Path,
    actor: str,
    reason: str,
    study_uid: str = "",
    untouched: Collection[str] = (),
    passage: Passage = pass_by,
) -> Corrected:
    """Reject the objects of `acquisitions` and build them anew for `target`, inside the caller's transaction.

    `target` None rejects them and builds nothing (where the captured bytes are no longer kept). `study_uid` is the
    Study Instance UID for a local study; one is minted when it is empty. A destination of `untouched` that may hold an
    object keeps it: it gets neither note nor successor, and what it is owed goes on.

    Raises
    ------
    RequestRefused
        One of them has no object, was corrected before, or its bytes are not here; nothing was done.
    NotYet
        One of them is being built, or sent by a run that lives; nothing was done, ask again.
    """
    rows = [_correctable(connection, spool, number, target, now_us) for number in acquisitions]
    _refuse_where_they_are(connection, rows, study_uid)
    if target is not None:
        _refuse_without_bytes(connection, spool, rows)
        for row in rows:
            link_bytes(connection, spool, row["id"])
        passage(Checkpoint.CORRECT_LINKED)
    decision = _begin(connection, now_us, actor, reason)
    objects = [*rows, *_standing_in(connection, spool, rows, now_us)]
    kept: dict[int, list[str]] = {row["id"]: [] for row in rows}
    told: dict[int, list[str]] = {}
    for row in objects:
        holders = destinations_that_may_hold(connection, row["instance"])
        kept[row["id"]] += [name for name in holders if name in untouched]
        told[row["instance"]] = [name for name in holders if name not in untouched]
    for row in rows:
        _reject(connection, decision, row["id"])
    dropped = sum(_stop(connection, decision, row, kept[row["id"]]) for row in objects)
    notes = owe_notes(connection, decision.number, now_us, objects, told)
    uid = study_uid or mint_uid()
    successors = [
        (row["id"], succeed(connection, decision, row["id"], target, study_uid=uid, not_to=kept[row["id"]]))
        for row in rows
        if target is not None
    ]
    for row in rows:
        connection.execute("INSERT OR REPLACE INTO proven SELECT * FROM standing WHERE acquisition = ?", (row["id"],))
    remarks = leave_wrong_steps(connection, now_us, [row["id"] for row in rows], actor=actor)
    remarks += [remark for row in objects for remark in _on_media(connection, row)]
    return Corrected(tuple(successors), dropped, notes, tuple(remarks))


def _on_media(connection: sqlite3.Connection, row: sqlite3.Row) -> list[str]:
    """The media that hold the wrong object: no note reaches them."""
    folders = connection.execute(
        "SELECT DISTINCT export.id, export.folder FROM export_item JOIN export ON export.id = export_item.export"
        " WHERE export_item.instance = ? ORDER BY export.id",
        (row["instance"],),
    ).fetchall()
    return [
        f"Acquisition {row['id']} was exported to {one['folder']} (export {one['id']}): take that medium out of use."
        for one in folders
    ]


def _begin(connection: sqlite3.Connection, now_us: int, actor: str, reason: str) -> Correction:
    cursor = connection.execute(
        "INSERT INTO correction (at_us, actor, reason) VALUES (?, ?, ?)", (now_us, actor, reason)
    )
    return Correction(cursor.lastrowid or 0, now_us, actor, reason)


def _correctable(
    connection: sqlite3.Connection, spool: Path, number: int, target: Step | LocalStudy | None, now_us: int
) -> sqlite3.Row:
    """An acquisition whose object stands and is not being sent; with its instance."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT acquisition.*, instance.id AS instance FROM acquisition"
        " LEFT JOIN instance ON instance.acquisition = acquisition.id AND instance.part = 0 WHERE acquisition.id = ?",
        (number,),
    ).fetchone()
    if row is None:
        raise RequestRefused(f"There is no acquisition {number}.")
    if row["rejected_us"] is not None:
        after = f" by acquisition {row['corrected_by']}; correct that one" if row["corrected_by"] else ""
        raise RequestRefused(f"Acquisition {number} was corrected already{after}.")
    if row["state"] in _ON_THEIR_WAY and row["due_us"] <= now_us:
        raise NotYet
    if row["state"] != AcquisitionState.ASSEMBLED.value:
        raise RequestRefused(
            f"Acquisition {number} is {row['state']}: no object was made of it, so there is none to correct."
        )
    step = step_from_text(row["step_snapshot"]) if row["step_snapshot"] else None
    if step is not None and isinstance(target, Step) and step.key == target.key:
        raise RequestRefused(f"Acquisition {number} is under that step already.")
    if is_being_sent(connection, spool, row["instance"], now_us):
        raise NotYet
    return row


def _refuse_where_they_are(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row], study_uid: str) -> None:
    """Refuse to reject an object only to build the same again, for a patient without an order."""
    for row in rows:
        if (
            study_uid
            and connection.execute(
                "SELECT 1 FROM local_study WHERE id = ? AND study_instance_uid = ?", (row["local_study"], study_uid)
            ).fetchone()
        ):
            raise RequestRefused(f"Acquisition {row['id']} is under that patient already.")


def _standing_in(
    connection: sqlite3.Connection, spool: Path, rows: Sequence[sqlite3.Row], now_us: int
) -> list[sqlite3.Row]:
    """The same acquisitions with the instances that were made of them as other SOP classes; none is being sent."""
    found = [
        other
        for row in rows
        for other in connection.execute(
            "SELECT acquisition.*, instance.id AS instance FROM instance"
            " JOIN acquisition ON acquisition.id = instance.acquisition"
            " WHERE instance.stands_for = ? AND instance.built_us IS NOT NULL",
            (row["instance"],),
        )
    ]
    for row in found:
        if is_being_sent(connection, spool, row["instance"], now_us):
            raise NotYet
    return found


def _refuse_without_bytes(connection: sqlite3.Connection, spool: Path, rows: Sequence[sqlite3.Row]) -> None:
    gone = [row["id"] for row in rows if not row["source_bytes_kept"] or missing_bytes(connection, spool, row["id"])]
    if gone:
        named = ", ".join(str(number) for number in gone)
        raise RequestRefused(
            f"The captured file of acquisition {named} is no longer kept here, so no new object can be built. Ask for"
            " the rejection note alone (gateway correct --note-only): the PACS then hides the wrong objects, and its"
            " administrator has to file them under the right patient. A reconciliation can leave a notice alone"
            " (gateway reconcile confirm --notice-only)."
        )


def _reject(connection: sqlite3.Connection, decision: Correction, acquisition: int) -> None:
    connection.execute("UPDATE acquisition SET rejected_us = ? WHERE id = ?", (decision.now_us, acquisition))
    write_journal(
        connection, decision.now_us, decision.actor, "rejected", f"acquisition {acquisition}",
        correction=decision.number, reason=decision.reason,
    )  # fmt: skip


def _stop(connection: sqlite3.Connection, decision: Correction, row: sqlite3.Row, kept: Collection[str]) -> int:
    """End what is owed of a wrong object, but to destinations that keep it; how many deliveries nobody had seen."""
    deliveries = connection.execute("SELECT * FROM delivery WHERE instance = ?", (row["instance"],)).fetchall()
    holders = destinations_that_may_hold(connection, row["instance"])
    dropped = 0
    for one in deliveries:
        if one["destination"] in kept:
            continue
        connection.execute(
            "UPDATE delivery SET rejected_us = ?, proof_rounds = 0, due_us = ? WHERE id = ?",
            (decision.now_us, NEVER_US, one["id"]),
        )
        if one["state"] in _WAITING:
            _drop(connection, decision, one["id"])
            dropped += one["destination"] not in holders
    return dropped


def _drop(connection: sqlite3.Connection, decision: Correction, number: int) -> None:
    move_delivery(
        connection, number, DeliveryEvent.DROP, decision.now_us, actor=decision.actor,
        reason=f"corrected: {decision.reason}",
    )  # fmt: skip
    connection.execute(
        "UPDATE delivery SET decided_by = ?, decision = ?, phase = '', error = '', remedy = '' WHERE id = ?",
        (decision.actor, f"corrected: {decision.reason}", number),
    )
