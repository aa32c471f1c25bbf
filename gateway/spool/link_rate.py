"""How fast a link was of late, from the deliveries that went over it."""

import sqlite3
from collections.abc import Sequence

_LATEST = (
    "SELECT instance.size, attempt.started_us, max(attempt.ended_us, attempt.started_us + 1) AS ended_us FROM attempt"
    " JOIN delivery ON delivery.id = attempt.delivery JOIN instance ON instance.id = delivery.instance"
    " WHERE attempt.disposition = 'done' AND delivery.destination = ? ORDER BY attempt.id DESC LIMIT 20"
)


def rate_of_latest(connection: sqlite3.Connection, destination: str) -> float | None:
    """Bytes per second of the latest stored deliveries together; None while nothing was stored.

    Those that were under way at the same time shared the link, so the time counts once.
    """
    rows = connection.execute(_LATEST, (destination,)).fetchall()
    took_us = _covered(sorted((row["started_us"], row["ended_us"]) for row in rows))
    return sum(row["size"] for row in rows) * 1_000_000 / took_us if took_us else None


def _covered(spans: Sequence[tuple[int, int]]) -> int:
    """How much time spans cover together; they are sorted by their beginning."""
    covered, reached = 0, 0
    for begun, ended in spans:
        covered += max(0, ended - max(begun, reached))
        reached = max(reached, ended)
    return covered
