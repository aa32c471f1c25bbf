"""Voiding claims: what was claimed and came to no outcome is pending again, and only what was begun counts as begun."""

import json
import sqlite3
from collections.abc import Sequence

_LEFT = (
    "SELECT id, row_number() OVER (PARTITION BY destination, claimed_by ORDER BY lane, due_us, id) AS place"
    " FROM delivery WHERE state = 'sending' AND (claimed_by IN (SELECT value FROM json_each(:claimants))"
    " OR substr(claimed_by, 1, instr(claimed_by, '/') - 1) IN (SELECT value FROM json_each(:claimants)))"
    " AND (:destination = '' OR destination = :destination)"
)


def void_deliveries(
    connection: sqlite3.Connection, claimants: Sequence[str], now_us: int, *, destination: str = ""
) -> None:
    """Make the deliveries that these claimants still hold pending again, inside the caller's transaction.

    A claimant is a run, which stands for all its workers, or one worker as ``run/worker``. A worker's batch is worked
    on in its order, and each outcome is recorded: so the first one left was under
    way, and its counters stay raised. The others were never begun, and theirs go back.
    """
    left = connection.execute(_LEFT, {"claimants": json.dumps(list(claimants)), "destination": destination}).fetchall()
    for row in left:
        not_begun = int(row["place"] > 1)
        connection.execute(
            "UPDATE delivery SET state = 'pending', claimed_by = NULL, since_us = ?, attempts = attempts - ?,"
            " unfinished_claims = unfinished_claims - ? WHERE id = ?",
            (now_us, not_begun, not_begun, row["id"]),
        )
