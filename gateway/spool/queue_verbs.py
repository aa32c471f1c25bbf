"""What a person may do with deliveries: try, hold, release, re-target, drop, take back, rebuild.

Each verb concerns all the deliveries it names or none of them, inside the caller's transaction, and says so in the
journal with the person's name.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from gateway.domain.lifecycle import DeliveryEvent, DeliveryState
from gateway.domain.requests import Request, RequestKind
from gateway.spool.delivery_moves import expedite_delivery, move_delivery, release_delivery
from gateway.spool.journal import write_journal
from gateway.spool.request_fields import RequestRefused, numbers_of, text_of, words_of
from gateway.spool.seen import remember_where_it_was

_WAITING = (DeliveryState.PENDING, DeliveryState.PARKED, DeliveryState.HELD)
_WAITING_WORDS = ", ".join(f"'{state.value}'" for state in _WAITING)
_SHOWN = 5

Verb = Callable[[sqlite3.Connection, Request, int], str]


def _named(
    connection: sqlite3.Connection, request: Request, allowed: Sequence[DeliveryState], verb: str
) -> list[sqlite3.Row]:
    """The deliveries that a request names; refused unless each of them is in one of the `allowed` states."""
    key = "deliveries" if request.payload.get("deliveries") else "delivery"
    rows = []
    for number in numbers_of(request, key):
        row = connection.execute("SELECT * FROM delivery WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise RequestRefused(f"There is no delivery {number}.")
        if DeliveryState(row["state"]) not in allowed:
            moment = " at this moment; ask again when it is done" if row["state"] == "sending" else ""
            raise RequestRefused(f"Delivery {number} is {row['state']}{moment}; there is nothing to {verb}.")
        rows.append(row)
    return rows


def _wake(connection: sqlite3.Connection, destinations: set[str]) -> None:
    for name in destinations:
        connection.execute("UPDATE destination SET due_us = 0 WHERE name = ?", (name,))


def _decide(connection: sqlite3.Connection, number: int, by: str, decision: str) -> None:
    connection.execute("UPDATE delivery SET decided_by = ?, decision = ? WHERE id = ?", (by, decision, number))


def _retry(connection: sqlite3.Connection, request: Request, now: int) -> str:
    rows = _named(connection, request, (DeliveryState.PENDING, DeliveryState.PARKED), "retry")
    for row in rows:
        if row["state"] == DeliveryState.PARKED.value:
            release_delivery(connection, row["id"], now, actor=request.filed_by)
        else:
            connection.execute("UPDATE delivery SET due_us = ? WHERE id = ?", (now, row["id"]))
            write_journal(connection, now, request.filed_by, "due now", f"delivery {row['id']}")
        expedite_delivery(connection, row["id"])
    _wake(connection, {row["destination"] for row in rows})
    return "due now" if len(rows) == 1 else f"{len(rows)} due now"


def _hold_back(connection: sqlite3.Connection, request: Request, now: int) -> str:
    rows = _named(connection, request, (DeliveryState.PENDING, DeliveryState.PARKED), "hold")
    for row in rows:
        move_delivery(connection, row["id"], DeliveryEvent.HOLD, now, actor=request.filed_by)
        _decide(connection, row["id"], request.filed_by, "held")
    return f"{len(rows)} held"


def _let_go(connection: sqlite3.Connection, request: Request, now: int) -> str:
    rows = _named(connection, request, (DeliveryState.HELD,), "release")
    for row in rows:
        release_delivery(connection, row["id"], now, actor=request.filed_by)
        _decide(connection, row["id"], "", "")
    return f"{len(rows)} released"


def _retarget(connection: sqlite3.Connection, request: Request, now: int) -> str:
    """Owe deliveries to another destination; a held one stays held, for that was another decision."""
    target = text_of(request, "destination")
    if connection.execute("SELECT 1 FROM destination WHERE name = ?", (target,)).fetchone() is None:
        raise RequestRefused(f"There is no destination {target}.")
    rows = (
        _owed_by(connection, request)
        if request.payload.get("source")
        else _named(connection, request, _WAITING, "re-target")
    )
    _refuse_notes(connection, rows)
    _refuse_the_same_object_twice(rows, target)
    _refuse_what_the_target_has(connection, rows, target)
    remember_where_it_was(connection, [row["id"] for row in rows])
    for row in rows:
        if row["state"] == DeliveryState.PARKED.value:
            release_delivery(connection, row["id"], now, actor=request.filed_by)
        connection.execute(
            "UPDATE delivery SET destination = ?, due_us = ?, unfinished_claims = 0, link_breaks = 0, instead_of = '',"
            " phase = '', error = '',"
            " remedy = '', status = '', proof_rounds = 0, link_breaks = 0, first_break_us = NULL, instead_of = ''"
            " WHERE id = ?",
            (target, now, row["id"]),
        )
        write_journal(
            connection,
            now,
            request.filed_by,
            "re-targeted",
            f"delivery {row['id']}",
            left=row["destination"],
            to=target,
        )
    _wake(connection, {target})
    return f"{len(rows)} re-targeted to {target}"


def _owed_by(connection: sqlite3.Connection, request: Request) -> list[sqlite3.Row]:
    source = text_of(request, "source")
    rows = connection.execute(
        f"SELECT * FROM delivery WHERE destination = ? AND state IN ({_WAITING_WORDS})"  # noqa: S608 - the states are those of the constant above
        " AND instance NOT IN (SELECT instance FROM rejection_note) ORDER BY id",
        (source,),
    ).fetchall()
    if not rows:
        raise RequestRefused(f"Nothing waits for {source}.")
    return rows


def _refuse_notes(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    """A rejection note is about what its own destination may hold; it says nothing to another one."""
    for row in rows:
        if connection.execute("SELECT 1 FROM rejection_note WHERE instance = ?", (row["instance"],)).fetchone():
            raise RequestRefused(
                f"Delivery {row['id']} is a rejection note about objects that {row['destination']} may hold; it is of"
                " no use elsewhere. Nothing was changed."
            )


def _refuse_the_same_object_twice(rows: Sequence[sqlite3.Row], target: str) -> None:
    """Deliveries of one object to several destinations cannot become several to one."""
    first: dict[int, int] = {}
    for row in rows:
        if (other := first.setdefault(row["instance"], row["id"])) != row["id"]:
            raise RequestRefused(
                f"Deliveries {other} and {row['id']} are of the same object, which {target} is owed once. Nothing was"
                " changed: re-target one of them and drop the other."
            )


def _refuse_what_the_target_has(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row], target: str) -> None:
    """One instance is owed to one destination once; what the target already has or is owed cannot be moved there."""
    found = connection.execute(
        "SELECT moved.id FROM delivery AS moved JOIN delivery AS there USING (instance)"
        " WHERE moved.id IN (SELECT value FROM json_each(?)) AND there.destination = ? ORDER BY moved.id",
        (json.dumps([row["id"] for row in rows]), target),
    ).fetchall()
    if found:
        some = ", ".join(str(row["id"]) for row in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise RequestRefused(
            f"{target} already has or is owed {len(found)} of these objects (deliveries {some}). Nothing was changed: "
            "drop those, then ask again."
        )


def _drop(connection: sqlite3.Connection, request: Request, now: int) -> str:
    reason, operator = words_of(request, "reason"), words_of(request, "operator")
    rows = _named(connection, request, _WAITING, "drop")
    for row in rows:
        move_delivery(
            connection, row["id"], DeliveryEvent.DROP, now, actor=request.filed_by, reason=reason, operator=operator
        )
        _decide(connection, row["id"], operator, reason)
    return f"{len(rows)} dropped"


def _take_back(connection: sqlite3.Connection, request: Request, now: int) -> str:
    rows = _named(connection, request, (DeliveryState.DROPPED,), "take back")
    for row in rows:
        if row["rejected_us"] is not None:
            raise RequestRefused(f"The object of delivery {row['id']} was corrected: it names the wrong patient.")
        release_delivery(connection, row["id"], now, actor=request.filed_by)
        _decide(connection, row["id"], "", "")
    _wake(connection, {row["destination"] for row in rows})
    return f"{len(rows)} taken back"


def _rebuild(connection: sqlite3.Connection, request: Request, now: int) -> str:
    rows = _named(connection, request, (DeliveryState.PARKED,), "rebuild")
    for row in rows:
        if row["status"] != "digest":
            raise RequestRefused(f"Delivery {row['id']} is not parked because its spooled object is damaged.")
        connection.execute(
            "INSERT INTO rebuild (instance, asked) VALUES (?, 1) ON CONFLICT (instance) DO UPDATE SET asked = 1",
            (row["instance"],),
        )
        write_journal(connection, now, request.filed_by, "rebuild asked", f"delivery {row['id']}")
    return f"{len(rows)} to be rebuilt; the journal says what came of it"


DELIVERY_VERBS: Mapping[RequestKind, Verb] = MappingProxyType(
    {
        RequestKind.RETRY: _retry,
        RequestKind.HOLD_BACK: _hold_back,
        RequestKind.LET_GO: _let_go,
        RequestKind.RETARGET: _retarget,
        RequestKind.DROP: _drop,
        RequestKind.TAKE_BACK: _take_back,
        RequestKind.REBUILD: _rebuild,
    }
)
