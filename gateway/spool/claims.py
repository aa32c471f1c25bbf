"""Claims in the ledger: which deliveries are due to whom, and what becomes of claims that came to no outcome."""

import json
import sqlite3
from collections.abc import Collection, Sequence

from gateway.domain.lanes import CLIP_LANES, Lane

_DUE = (
    "SELECT delivery.*, instance.sop_instance_uid, instance.sop_class_uid, instance.transfer_syntax_uid,"
    " instance.path, instance.digest, instance.size"
    " FROM delivery JOIN instance ON instance.id = delivery.instance"
    " WHERE delivery.destination = ? AND delivery.state = 'pending' AND delivery.lane = ? AND delivery.due_us <= ?"
    " ORDER BY delivery.due_us, delivery.id LIMIT ?"
)
_WAITS = "SELECT 1 FROM destination WHERE name = ? AND due_us > ?"
_HOW_MANY_DUE = (
    "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE destination = ? AND state = 'pending' AND lane = ?"
    " AND due_us <= ? LIMIT ?)"
)
_LEFT = (
    "UPDATE delivery SET state = 'pending', claimed_by = NULL, since_us = :now WHERE state = 'sending'"
    " AND (claimed_by IN (SELECT value FROM json_each(:claimants))"
    " OR substr(claimed_by, 1, instr(claimed_by, '/') - 1) IN (SELECT value FROM json_each(:claimants)))"
    " AND (:destination = '' OR destination = :destination)"
    " AND id NOT IN (SELECT value FROM json_each(:holding))"
)


def void_deliveries(
    connection: sqlite3.Connection,
    claimants: Sequence[str],
    now_us: int,
    *,
    destination: str = "",
    holding: Collection[int] = (),
) -> None:
    """Make the deliveries that these claimants still hold pending again, inside the caller's transaction.

    A claimant is a run, which stands for all its workers, or one worker as ``run/worker``; what it is `holding` by
    right stays claimed. Of the others any may have reached the peer, because outcomes are recorded some at a time: so
    all keep their counters raised, and each is then claimed by itself until it comes to an outcome.
    """
    values = {"claimants": json.dumps(list(claimants)), "holding": json.dumps(list(holding))}
    connection.execute(_LEFT, {**values, "now": now_us, "destination": destination})


def is_due(connection: sqlite3.Connection, destination: str, now_us: int, lanes: Sequence[Lane]) -> bool:
    """Whether anything in these lanes is due, and the destination does not wait."""
    if connection.execute(_WAITS, (destination, now_us)).fetchone():
        return False
    return any(connection.execute(_HOW_MANY_DUE, (destination, lane, now_us, 1)).fetchone()[0] for lane in lanes)


def due_deliveries(
    connection: sqlite3.Connection,
    destination: str,
    now_us: int,
    *,
    limit: int,
    lanes: Sequence[Lane],
    sharers: int,
) -> list[sqlite3.Row]:
    """What is due, lane by lane; a clip only when nothing before it is due, and one at a time.

    Nothing while the destination itself waits. At the end of a backlog each of `sharers` takes little, so that they
    end together.
    """
    rows: list[sqlite3.Row] = []
    if connection.execute(_WAITS, (destination, now_us)).fetchone():
        return rows
    for lane in lanes:
        is_clip = lane in CLIP_LANES
        if is_clip and rows:
            continue
        which = (destination, lane, now_us)
        wanted = 1 if is_clip else min(limit - len(rows), _fair(connection, which, limit, sharers))
        rows += connection.execute(_DUE, (*which, wanted)).fetchall()
        if wanted and len(rows) >= wanted:
            break
    return _unsuspected(rows)


def _fair(connection: sqlite3.Connection, which: tuple[str, Lane, int], limit: int, sharers: int) -> int:
    if sharers == 1 or limit == 1:
        return limit
    due = int(connection.execute(_HOW_MANY_DUE, (*which, limit * 2 * sharers)).fetchone()[0])
    return -(-due // (2 * sharers))


def _unsuspected(rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
    """The rows up to the first that was claimed before without an outcome; that one goes by itself."""
    suspects = [place for place, row in enumerate(rows) if row["unfinished_claims"]]
    return rows[: max(1, suspects[0])] if suspects else rows
