"""What a peer's word about one instance makes of its delivery, inside the caller's transaction."""

import sqlite3
from dataclasses import dataclass

from gateway.domain.commitment import NO_SUCH_INSTANCE, FailureMeaning, Reaction, failure_meaning, reason_text
from gateway.domain.doubling import doubled
from gateway.domain.lifecycle import DeliveryEvent, DeliveryState
from gateway.spool.delivery_moves import move_delivery
from gateway.spool.moments import DAY_US, LONGEST_WAIT_US, SECOND_US

_AT_ONCE_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class ProofPace:
    """How patient one destination's policy is.

    `early_s`: how long after it was stored an instance may be unknown to the peer without being stored again;
    `again_s`: the wait before asking again, doubled with each round up to an hour; `report_s`: how long a report may
    take; `idle_s`: how long nothing further must have been stored before proof is asked for.
    """

    idle_s: float = 30.0
    report_s: float = 86_400.0
    early_s: float = 300.0
    again_s: float = 300.0

    def wait_us(self, rounds: int) -> int:
        """Microseconds to wait after `rounds` rounds in vain."""
        return int(doubled(self.again_s * SECOND_US, rounds, LONGEST_WAIT_US))


def proven(connection: sqlite3.Connection, made: sqlite3.Row, row: sqlite3.Row, now: int) -> None:
    """The peer of the transaction `made` keeps the instance of the item `row`."""
    _say(connection, made["id"], row["delivery"], "committed")
    if row["state"] == DeliveryState.STORED.value:
        connection.execute(
            "UPDATE delivery SET committed_us = ?, proof_rounds = 0, phase = '', error = '', remedy = '' WHERE id = ?",
            (now, row["delivery"]),
        )
        move_delivery(connection, row["delivery"], DeliveryEvent.COMMIT, now, transaction=str(made["transaction_uid"]))


def denied(
    connection: sqlite3.Connection, made: sqlite3.Row, row: sqlite3.Row, *, reason: int, pace: ProofPace, now: int
) -> None:
    """Do about an instance that is not committed what its reason asks for."""
    _say(connection, made["id"], row["delivery"], reason_text(reason))
    if row["state"] != DeliveryState.STORED.value or row["rejected_us"] is not None:
        return  # an archive says of what was rejected that it has it not; it is never stored there again
    meaning, rounds = failure_meaning(reason), row["proof_rounds"] + 1
    text = f"{made['destination']}: {meaning.text} ({reason_text(reason)})."
    connection.execute(
        "UPDATE delivery SET proof_rounds = ?, phase = 'commit', error = ?, remedy = ?, due_us = ? WHERE id = ?",
        (rounds, text, meaning.remedy, _due(pace, row["stored_us"], meaning, rounds, now), row["delivery"]),
    )
    if reason == NO_SUCH_INSTANCE and _may_come_yet(pace, row["stored_us"], now):
        return
    if meaning.reaction in {Reaction.STORE_AGAIN, Reaction.PARK}:
        move_delivery(connection, row["delivery"], DeliveryEvent.RETRY, now, reason=reason_text(reason))
    if meaning.reaction is Reaction.PARK:
        move_delivery(connection, row["delivery"], DeliveryEvent.PARK, now, reason=reason_text(reason))


def _may_come_yet(pace: ProofPace, stored_us: int, now: int) -> bool:
    """Whether a peer that does not know the instance may just not have got round to it."""
    return 0 <= now - stored_us < int(pace.early_s * SECOND_US)


def _due(pace: ProofPace, stored_us: int, meaning: FailureMeaning, rounds: int, now: int) -> int:
    match meaning.reaction:
        case Reaction.STORE_AGAIN if _may_come_yet(pace, stored_us, now):
            return stored_us + int(pace.early_s * SECOND_US)
        case Reaction.STORE_AGAIN:
            return now if rounds <= _AT_ONCE_ROUNDS else now + pace.wait_us(rounds)
        case Reaction.ASK_NO_MORE:
            return now + DAY_US  # a peer may be taught meanwhile; one request a day costs nothing
        case _:
            return now + pace.wait_us(rounds)


def _say(connection: sqlite3.Connection, number: int, delivery: int, outcome: str) -> None:
    connection.execute(
        "UPDATE commitment_item SET outcome = ? WHERE commitment = ? AND delivery = ? AND outcome <> 'committed'",
        (outcome, number, delivery),
    )


def forget_transaction(connection: sqlite3.Connection, number: int) -> None:
    """Remove a transaction with its items and its lines of the journal."""
    connection.execute("DELETE FROM commitment_item WHERE commitment = ?", (number,))
    connection.execute("DELETE FROM commitment WHERE id = ?", (number,))
    connection.execute("DELETE FROM journal WHERE subject = ?", (f"commitment {number}",))
