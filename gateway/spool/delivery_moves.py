"""Moves of a delivery along its lifecycle, each inside the caller's transaction and journaled."""

import sqlite3

from gateway.domain.lanes import Lane
from gateway.domain.lifecycle import DeliveryEvent, DeliveryState, next_delivery_state
from gateway.spool.journal import write_journal


def expedite_delivery(connection: sqlite3.Connection, number: int) -> None:
    """Put a delivery into the lane of what is urgent, inside the caller's transaction: a person wants it sent now."""
    for lane, urgent in ((Lane.NORMAL, Lane.URGENT), (Lane.CLIP, Lane.URGENT_CLIP)):
        connection.execute("UPDATE delivery SET lane = ? WHERE id = ? AND lane = ?", (urgent, number, lane))


def release_delivery(connection: sqlite3.Connection, number: int, now: int, *, actor: str) -> None:
    """Make a parked delivery pending and due now, inside the caller's transaction."""
    move_delivery(connection, number, DeliveryEvent.RELEASE, now, actor=actor)
    connection.execute(
        "UPDATE delivery SET due_us = ?, unfinished_claims = 0, link_breaks = 0 WHERE id = ?", (now, number)
    )


def move_delivery(
    connection: sqlite3.Connection,
    number: int,
    event: DeliveryEvent,
    now: int,
    *,
    actor: str = "forward",
    **detail: str,
) -> None:
    """Move a delivery along the lifecycle table and journal it, inside the caller's transaction.

    A claim is no news, nor is one that is given back: on a link that is away that happens all day long.
    """
    row = connection.execute("SELECT state, destination FROM delivery WHERE id = ?", (number,)).fetchone()
    state = next_delivery_state(DeliveryState(row["state"]), event)
    connection.execute("UPDATE delivery SET state = ?, since_us = ? WHERE id = ?", (state.value, now, number))
    if event not in {DeliveryEvent.CLAIM, DeliveryEvent.VOID}:
        write_journal(connection, now, actor, state.value, f"delivery {number}", to=row["destination"], **detail)
