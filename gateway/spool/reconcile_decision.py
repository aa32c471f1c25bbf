"""What confirming an order does in the ledger: ties, both states, notices, and the order open in her place."""

import json
import sqlite3
from dataclasses import dataclass

from gateway.domain.procedure import Match, MatchRule, Step
from gateway.spool.journal import write_journal
from gateway.spool.request_fields import NotYet, RequestRefused
from gateway.spool.seen import destinations_that_may_hold
from gateway.spool.snapshots import step_to_text


@dataclass(frozen=True, slots=True)
class Decision:
    """One confirmed reconciliation in the making."""

    connection: sqlite3.Connection
    now_us: int
    actor: str
    study: sqlite3.Row
    step: Step
    replacing: frozenset[str]


def pictures_of(decision: Decision) -> list[sqlite3.Row]:
    """What stands under the local study; none of it may be in the hands of a role at this moment."""
    rows = decision.connection.execute(
        "SELECT acquisition.*, instance.id AS instance, instance.sop_instance_uid FROM acquisition"
        " LEFT JOIN instance ON instance.acquisition = acquisition.id AND instance.part = 0"
        " AND instance.built_us IS NOT NULL"
        " WHERE acquisition.rejected_us IS NULL AND (acquisition.local_study = :study OR"
        " (acquisition.active_local_study = :study AND acquisition.local_study IS NULL AND acquisition.step IS NULL))"
        " ORDER BY acquisition.id",
        {"study": decision.study["id"]},
    ).fetchall()
    if not rows:
        raise RequestRefused("There is no picture under that identity.")
    if any(row["claimed_by"] is not None for row in rows):
        raise NotYet
    return rows


def retie(decision: Decision, pictures: list[sqlite3.Row]) -> None:
    """Tie what was not built yet to the order; what is not yet matched is now under the step in the place of her."""
    for row in pictures:
        if row["instance"] is not None:
            continue
        if row["local_study"] is None:
            decision.connection.execute(
                "UPDATE acquisition SET active_local_study = NULL, active_snapshot = ? WHERE id = ?",
                (step_to_text(decision.step), row["id"]),
            )
            continue
        match = Match(decision.step.key, MatchRule.OPERATOR, f"reconciled with its order by {decision.actor}")
        _point_to_step(decision, row["id"], match)


def _point_to_step(decision: Decision, number: int, match: Match) -> None:
    key = decision.step.key
    decision.connection.execute(
        "UPDATE acquisition SET local_study = NULL, step_snapshot = ?, rule = ?, reason = ?, step ="
        " (SELECT id FROM step WHERE provider = ? AND study_instance_uid = ? AND step_id = ?) WHERE id = ?",
        (
            step_to_text(decision.step), match.rule.value, match.reason, key.provider, key.study_instance_uid,
            key.step_id, number,
        ),
    )  # fmt: skip
    write_journal(
        decision.connection, decision.now_us, decision.actor, "reconciled", f"acquisition {number}",
        study_instance_uid=key.study_instance_uid,
    )  # fmt: skip


def keepers(decision: Decision, row: sqlite3.Row) -> set[str]:
    """The destinations that may hold the object and keep it as it is."""
    return set(destinations_that_may_hold(decision.connection, row["instance"])) - decision.replacing


def is_for_somebody_else(decision: Decision, row: sqlite3.Row, keepers: set[str]) -> bool:
    """Whether any destination is to have this picture under the order: one that is owed it, or that gets new ones."""
    owed = decision.connection.execute(
        "SELECT destination FROM delivery WHERE acquisition = ? AND state <> 'dropped'", (row["id"],)
    ).fetchall()
    holders = set(destinations_that_may_hold(decision.connection, row["instance"]))
    return bool(holders & decision.replacing) or any(one["destination"] not in keepers for one in owed)


def record_both_states(decision: Decision) -> int:
    """Keep both states, and journal them."""
    connection, study, step = decision.connection, decision.study, decision.step
    after = step_to_text(step)
    number = connection.execute(
        "INSERT INTO reconciliation (local_study, before, study_instance_uid, after, at_us, decided_by)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (study["id"], study["snapshot"], study["study_instance_uid"], after, decision.now_us, decision.actor),
    ).lastrowid
    connection.execute("UPDATE local_study SET settled = 'reconciled' WHERE id = ?", (study["id"],))
    connection.execute(
        "UPDATE reconciliation_suggestion SET state = 'confirmed', decided_us = ?, decided_by = ? WHERE local_study = ?"
        " AND provider = ? AND study_instance_uid = ? AND step_id = ?",
        (decision.now_us, decision.actor, study["id"], step.key.provider, step.key.study_instance_uid,
         step.key.step_id),
    )  # fmt: skip
    withdraw_suggestions(connection, study["id"])
    write_journal(
        connection, decision.now_us, decision.actor, "reconciled", f"local study {study['id']}",
        reconciliation=number, study_instance_uid_before=study["study_instance_uid"], before=study["snapshot"],
        study_instance_uid_after=step.key.study_instance_uid, after=after,
    )  # fmt: skip
    return number or 0


def withdraw_suggestions(connection: sqlite3.Connection, number: int) -> None:
    """Take back what is still suggested for a local study."""
    connection.execute(
        "UPDATE reconciliation_suggestion SET state = 'withdrawn' WHERE local_study = ? AND state = 'open'", (number,)
    )


def leave_notices(decision: Decision, number: int, pictures: list[sqlite3.Row]) -> list[str]:
    """A notice for each destination that keeps what it holds; performed steps that stay as they were said to it."""
    held: dict[str, list[str]] = {}
    for row in pictures:
        if row["instance"] is not None:
            _remark(decision, number, row["id"])
            for name in keepers(decision, row):
                held.setdefault(name, []).append(row["sop_instance_uid"])
    for name, instances in held.items():
        decision.connection.execute(
            "INSERT INTO reconciliation_notice (reconciliation, destination, instances) VALUES (?, ?, ?)",
            (number, name, json.dumps(instances)),
        )
    if not held:
        return []
    steps = sorted({row["performed_step"] for row in pictures if row["performed_step"] is not None})
    said = [
        f"performed step {one} stays reported without an order, for the standard lets nobody change that"
        for one in steps
    ]
    return [f"{', '.join(sorted(held))} keeps what it holds; a notice says what is to be changed there", *said]


def _remark(decision: Decision, reconciliation: int, number: int) -> None:
    """Say at a picture whose object stays what its order is; one that was replaced says so already."""
    accession = decision.step.accession_number or "without an accession number"
    changed = decision.connection.execute(
        "UPDATE acquisition SET reason = reason || ? WHERE id = ? AND rejected_us IS NULL",
        (f"; its order is {accession}, confirmed by {decision.actor}", number),
    ).rowcount
    if changed:
        write_journal(
            decision.connection, decision.now_us, decision.actor, "reconciled", f"acquisition {number}",
            reconciliation=reconciliation,
        )  # fmt: skip


def follow_active(decision: Decision) -> list[str]:
    """Where the patient is still open, the order is open from now on: what comes next belongs to it."""
    connection, step = decision.connection, decision.step
    rows = connection.execute(
        "SELECT * FROM active_local_study WHERE local_study = ?", (decision.study["id"],)
    ).fetchall()
    for row in rows:
        # since when the patient was: what was captured before this decision is not yet all recorded
        connection.execute(
            "INSERT OR REPLACE INTO active_step (device, step, snapshot, opened_us, opened_by, used_us)"
            " SELECT ?, id, ?, ?, ?, ? FROM step WHERE provider = ? AND study_instance_uid = ? AND step_id = ?",
            (
                row["device"], step_to_text(step), row["opened_us"], decision.actor, decision.now_us,
                step.key.provider, step.key.study_instance_uid, step.key.step_id,
            ),
        )  # fmt: skip
        write_journal(connection, decision.now_us, decision.actor, "step opened", f"device {row['device']}")
    return [f"the order is open on {row['device']} now" for row in rows]
