"""Reconciliation as a person decides it: this is the order, it is another one, look for none, the archive was told.

What was not built yet is tied to the order. What was built is corrected where the destination's policy is to get new
objects, and where nobody can have seen it; a destination with the other policy keeps what it holds, and a notice says
what its administrator is to change.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.checkpoints import Passage, pass_by
from gateway.domain.ports import Clock
from gateway.domain.procedure import Match, MatchRule, Step
from gateway.domain.requests import Request, RequestKind
from gateway.spool.corrections import correct
from gateway.spool.hold_verbs import chosen_step
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.request_fields import NotYet, RequestRefused, number_of, words_of
from gateway.spool.seen import destinations_that_may_hold
from gateway.spool.snapshots import step_to_text


@dataclass(frozen=True, slots=True)
class _Decision:
    """One confirmed reconciliation in the making."""

    connection: sqlite3.Connection
    now_us: int
    actor: str
    study: sqlite3.Row
    step: Step
    replacing: frozenset[str]


class ReconcileVerbs:
    """The verbs, with the destinations that get new objects."""

    def __init__(self, clock: Clock, spool: Path, replacing: frozenset[str], passage: Passage = pass_by) -> None:
        self._clock = clock
        self._spool = spool
        self._replacing = replacing
        self._passage = passage

    def table(self) -> Mapping[RequestKind, Callable[[sqlite3.Connection, Request], str]]:
        """The verbs by their kinds."""
        return {
            RequestKind.RECONCILE: self._reconcile,
            RequestKind.NOT_THE_SAME: self._not_the_same,
            RequestKind.STAY_UNSCHEDULED: self._stay,
            RequestKind.NOTICE_DONE: self._notice_done,
        }

    def _reconcile(self, connection: sqlite3.Connection, request: Request) -> str:
        study = _unsettled(connection, request)
        step = chosen_step(connection, request)
        if step.doubtful:
            raise RequestRefused("That worklist entry has changed its patient or number; compare and accept it first.")
        if not _is_suggested(connection, study["id"], step) and request.payload.get("although") != "yes":
            raise RequestRefused(
                "Nothing that is known suggests that order. If it is right all the same, confirm it once more as such."
            )
        replacing = frozenset[str]() if request.payload.get("way") == "notice" else self._replacing
        decision = _Decision(
            connection, to_us(self._clock.now()), words_of(request, "operator"), study, step, replacing
        )
        pictures = _pictures(decision)
        _retie(decision, pictures)
        remarks = self._correct(decision, pictures)
        number = _record(decision)
        remarks += _leave_notices(decision, number, pictures)
        remarks += _follow_active(decision)
        return ". ".join([f"reconciled: {len(pictures)} picture(s) belong to that order", *remarks])

    def _correct(self, decision: _Decision, pictures: list[sqlite3.Row]) -> list[str]:
        """Build anew what a destination shall have under the order; returns what was done in words."""
        kept = {row["id"]: _keepers(decision, row) for row in pictures if row["instance"] is not None}
        wrong = [number for number, keepers in kept.items() if _somebody_else(decision, number, keepers)]
        if not wrong:
            return []
        untouched = set[str]().union(*kept.values())
        done = correct(
            decision.connection,
            decision.now_us,
            wrong,
            decision.step,
            spool=self._spool,
            actor=decision.actor,
            reason="reconciled with its order",
            untouched=untouched,
            passage=self._passage,
        )
        return [done.words]

    def _not_the_same(self, connection: sqlite3.Connection, request: Request) -> str:
        number, actor = number_of(request, "suggestion"), words_of(request, "operator")
        row = connection.execute(
            "UPDATE reconciliation_suggestion SET state = 'refused', decided_us = ?, decided_by = ?"
            " WHERE id = ? AND state = 'open' RETURNING local_study, study_instance_uid, step_id",
            (now := to_us(self._clock.now()), actor, number),
        ).fetchone()
        if row is None:
            raise RequestRefused("That suggestion does not stand any more.")
        write_journal(
            connection, now, actor, "not the same", f"local study {row['local_study']}",
            study_instance_uid=row["study_instance_uid"], step=row["step_id"],
        )  # fmt: skip
        return "not suggested any more"

    def _stay(self, connection: sqlite3.Connection, request: Request) -> str:
        study, actor, now = _unsettled(connection, request), words_of(request, "operator"), to_us(self._clock.now())
        connection.execute("UPDATE local_study SET settled = 'stays' WHERE id = ?", (study["id"],))
        _withdraw_others(connection, study["id"])
        write_journal(connection, now, actor, "stays without an order", f"local study {study['id']}")
        return "stays as it is; no order is looked for"

    def _notice_done(self, connection: sqlite3.Connection, request: Request) -> str:
        number, actor, now = number_of(request, "notice"), words_of(request, "operator"), to_us(self._clock.now())
        row = connection.execute(
            "UPDATE reconciliation_notice SET done_us = ?, done_by = ? WHERE id = ? AND done_us IS NULL"
            " RETURNING destination, reconciliation",
            (now, actor, number),
        ).fetchone()
        if row is None:
            raise RequestRefused("That notice does not stand any more.")
        write_journal(
            connection, now, actor, "archive changed", f"reconciliation {row['reconciliation']}",
            destination=row["destination"],
        )  # fmt: skip
        return "noted as done"


def _unsettled(connection: sqlite3.Connection, request: Request) -> sqlite3.Row:
    number = number_of(request, "local_study")
    row: sqlite3.Row | None = connection.execute("SELECT * FROM local_study WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise RequestRefused(f"There is no local study {number}.")
    if row["settled"] == "reconciled":
        raise RequestRefused(f"Local study {number} was reconciled before; correct its pictures one by one.")
    return row


def _is_suggested(connection: sqlite3.Connection, number: int, step: Step) -> bool:
    return (
        connection.execute(
            "SELECT 1 FROM reconciliation_suggestion WHERE local_study = ? AND provider = ?"
            " AND study_instance_uid = ? AND step_id = ? AND state = 'open'",
            (number, step.key.provider, step.key.study_instance_uid, step.key.step_id),
        ).fetchone()
        is not None
    )


def _pictures(decision: _Decision) -> list[sqlite3.Row]:
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


def _retie(decision: _Decision, pictures: list[sqlite3.Row]) -> None:
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


def _point_to_step(decision: _Decision, number: int, match: Match) -> None:
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


def _keepers(decision: _Decision, row: sqlite3.Row) -> set[str]:
    """The destinations that may hold the object and keep it as it is."""
    return set(destinations_that_may_hold(decision.connection, row["instance"])) - decision.replacing


def _somebody_else(decision: _Decision, number: int, keepers: set[str]) -> bool:
    """Whether any destination is to have this picture under the order: one that is owed it, or that gets new ones."""
    rows = decision.connection.execute(
        "SELECT destination FROM delivery WHERE acquisition = ? AND state <> 'dropped'", (number,)
    ).fetchall()
    return any(row["destination"] not in keepers for row in rows)


def _record(decision: _Decision) -> int:
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
    _withdraw_others(connection, study["id"])
    write_journal(
        connection, decision.now_us, decision.actor, "reconciled", f"local study {study['id']}",
        reconciliation=number, study_instance_uid_before=study["study_instance_uid"], before=study["snapshot"],
        study_instance_uid_after=step.key.study_instance_uid, after=after,
    )  # fmt: skip
    return number or 0


def _withdraw_others(connection: sqlite3.Connection, number: int) -> None:
    connection.execute(
        "UPDATE reconciliation_suggestion SET state = 'withdrawn' WHERE local_study = ? AND state = 'open'", (number,)
    )


def _leave_notices(decision: _Decision, number: int, pictures: list[sqlite3.Row]) -> list[str]:
    """A notice for each destination that keeps what it holds; performed steps that stay as they were said to it."""
    held: dict[str, list[str]] = {}
    for row in pictures:
        if row["instance"] is not None:
            for name in _keepers(decision, row):
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


def _follow_active(decision: _Decision) -> list[str]:
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
