"""Which destinations may hold an instance: those to which bytes of it were sent, or may have been, and its exports."""

import sqlite3
from collections.abc import Sequence

from gateway.domain.errors import HALF_SENT

SEEN = (
    "(delivery.stored_us IS NOT NULL"  # noqa: S608 - a constant is inserted
    " OR delivery.attempts - delivery.attempts_elsewhere <> (SELECT count(*) FROM attempt"
    " WHERE attempt.delivery = delivery.id AND attempt.id > delivery.last_attempt_elsewhere)"
    " OR EXISTS (SELECT 1 FROM attempt WHERE attempt.delivery = delivery.id"
    " AND attempt.id > delivery.last_attempt_elsewhere AND attempt.code <> '0122'"
    f" AND (attempt.code = '{HALF_SENT}' OR attempt.phase NOT IN"
    " ('resolve', 'connect', 'tls', 'negotiate', 'configure', 'decode', 'encode', 'spool'))))"
)
"""Whether the destination of a delivery may hold its object: an answer, or a try that sent or that has no outcome.

A peer that answered 0122 (SOP class not supported) has said that it does not. Of a file that could not be read nothing
was sent, unless it failed in the midst of it.
"""
_DESTINATIONS = (
    f"SELECT destination FROM delivery WHERE instance = :instance AND {SEEN}"  # noqa: S608 - a constant is inserted
    " UNION SELECT destination FROM seen_elsewhere WHERE instance = :instance"
    " UNION SELECT destination FROM export_item WHERE instance = :instance ORDER BY destination"
)


def destinations_that_may_hold(connection: sqlite3.Connection, instance: int) -> list[str]:
    """The destinations that may hold an instance, whatever its deliveries say now."""
    rows = connection.execute(_DESTINATIONS, {"instance": instance}).fetchall()
    return [row["destination"] for row in rows]


def remember_where_it_was(connection: sqlite3.Connection, deliveries: Sequence[int]) -> None:
    """Before deliveries are re-targeted: who may hold their objects, and that their tries were made there."""
    for number in deliveries:
        connection.execute(
            "INSERT OR IGNORE INTO seen_elsewhere SELECT instance, destination FROM delivery"  # noqa: S608 - a constant is inserted
            f" WHERE id = ? AND {SEEN}",
            (number,),
        )
        connection.execute(
            "UPDATE delivery SET stored_us = NULL, attempts_elsewhere = attempts, last_attempt_elsewhere ="
            " (SELECT coalesce(max(attempt.id), 0) FROM attempt WHERE attempt.delivery = delivery.id) WHERE id = ?",
            (number,),
        )
