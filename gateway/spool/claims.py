"""Voiding claims: what was claimed and came to no outcome is pending again, and only what was begun counts as begun."""

import json
import sqlite3
from collections.abc import Sequence

_LEFT = (
    "SELECT id, destination, row_number() OVER (PARTITION BY destination ORDER BY due_us, id) AS place FROM delivery"
    " WHERE state = 'sending' AND claimed_by IN (SELECT value FROM json_each(:runs))"
    " AND (:destination = '' OR destination = :destination)"
)


def void_deliveries(connection: sqlite3.Connection, runs: Sequence[str], now_us: int, *, destination: str = "") -> None:
    """Make the deliveries that these runs still claim pending again, inside the caller's transaction.

    A destination's batch is worked on in its order, and each outcome is recorded: so the first one left was under
    way, and its counters stay raised. The others were never begun, and theirs go back.
    """
    left = connection.execute(_LEFT, {"runs": json.dumps(list(runs)), "destination": destination}).fetchall()
    for row in left:
        not_begun = int(row["place"] > 1)
        connection.execute(
            "UPDATE delivery SET state = 'pending', claimed_by = NULL, since_us = ?, attempts = attempts - ?,"
            " unfinished_claims = unfinished_claims - ? WHERE id = ?",
            (now_us, not_begun, not_begun, row["id"]),
        )
