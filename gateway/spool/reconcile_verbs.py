"""Reconciliation as a person decides it: this is the order, it is another one, look for none, the archive was told.

What was not built yet is tied to the order. What was built is corrected where the destination's policy is to get new
objects, and where nobody can have seen it; a destination with the other policy keeps what it holds, and a notice says
what its administrator is to change.
"""

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.domain.checkpoints import Passage, pass_by
from gateway.domain.ports import Clock
from gateway.domain.procedure import Step
from gateway.domain.requests import Request, RequestKind
from gateway.spool.corrections import correct
from gateway.spool.hold_verbs import chosen_step
from gateway.spool.journal import write_journal
from gateway.spool.moments import to_us
from gateway.spool.reconcile_decision import (
    Decision,
    follow_active,
    is_for_somebody_else,
    keepers,
    leave_notices,
    pictures_of,
    record_both_states,
    retie,
    withdraw_suggestions,
)
from gateway.spool.request_fields import RequestRefused, number_of, words_of


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
        if not _is_suggested(connection, study["id"], step) and request.payload.get("although") != "yes":
            raise RequestRefused(
                "Nothing that is known suggests that order. If it is right all the same, confirm it once more as such."
            )
        replacing = frozenset[str]() if request.payload.get("way") == "notice" else self._replacing
        decision = Decision(connection, to_us(self._clock.now()), words_of(request, "operator"), study, step, replacing)
        pictures = pictures_of(decision)
        retie(decision, pictures)
        opened = follow_active(decision)  # before she could be closed as a wrong entry: it is the same patient
        remarks = self._correct(decision, pictures)
        number = record_both_states(decision)
        remarks += [*leave_notices(decision, number, pictures), *opened]
        return ". ".join([*_whose(pictures), *remarks])

    def _correct(self, decision: Decision, pictures: list[sqlite3.Row]) -> list[str]:
        """Build anew what a destination shall have under the order; returns what was done in words."""
        built = [row for row in pictures if row["instance"] is not None]
        kept = {row["id"]: keepers(decision, row) for row in built}
        wrong = [row["id"] for row in built if is_for_somebody_else(decision, row, kept[row["id"]])]
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
        withdraw_suggestions(connection, study["id"])
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


def _whose(pictures: list[sqlite3.Row]) -> list[str]:
    """How many pictures the order has now; a held one of the same time may well be somebody else's."""
    own = sum(row["local_study"] is not None for row in pictures)
    said = [f"reconciled: {own} picture(s) belong to that order"]
    if rest := len(pictures) - own:
        said.append(f"{rest} more that came while this patient was open are not decided by that")
    return said


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
