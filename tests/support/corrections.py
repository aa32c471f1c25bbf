"""Corrections in tests: made in the ledger, their notes made without contents, and what came of them."""

from collections import defaultdict
from collections.abc import Sequence

from gateway.domain.corrections import KEY_OBJECT_SELECTION, Corrected
from gateway.domain.errors import Disposition, GatewayError
from gateway.domain.identifiers import Uid
from gateway.domain.instance import SpooledObject, StoreOutcome
from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Step
from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.spool.corrections import correct
from gateway.spool.rejections import RejectionLedger
from tests.support.ledger import TestSpool, step


def put_right(
    spool: TestSpool,
    numbers: Sequence[int],
    target: Step | LocalStudy | None = None,
    *,
    note_only: bool = False,
    untouched: Sequence[str] = (),
) -> Corrected:
    about = None if note_only else target or step(2)
    now, why = int(spool.clock.now().timestamp() * 1_000_000), "wrong patient open"
    with spool.database.write() as connection:
        return correct(
            connection, now, numbers, about, spool=spool.root, actor="Nurse A", reason=why, untouched=untouched
        )


def make_notes(spool: TestSpool) -> None:
    """What the assembling role does about owed notes, without their contents."""
    notes = RejectionLedger(spool.database, spool.clock)
    while (note := notes.next_owed()) is not None:
        path = spool.place(b"note", "instances", f"{note.identity.sop_instance_uid}.dcm")
        notes.made(note, SpooledObject(path, "0" * 64, 4, KEY_OBJECT_SELECTION, Uid("1.2.840.10008.1.2.1")))


def notes_to(spool: TestSpool) -> dict[str, set[int]]:
    """By destination the instances that notes owed to it name."""
    named: dict[str, set[int]] = defaultdict(set)
    for row in spool.rows(
        "SELECT delivery.destination, value FROM rejection_note JOIN delivery ON delivery.instance ="
        " rejection_note.instance, json_each(rejection_note.rejected)"
    ):
        assert row["value"] not in named[row["destination"]], "two notes about one object"
        named[row["destination"]].add(row["value"])
    return named


def carried(spool: TestSpool, kind: RequestKind, **payload: str) -> RequestView:
    number = spool.desk.file(kind, payload, by="page")
    for request in spool.requests.waiting("assemble"):
        spool.requests.carry_out(request)
    view = spool.status.request(number)
    assert view is not None
    return view


def send(spool: TestSpool, name: str, outcome: StoreOutcome | GatewayError | None, limit: int = 1) -> list[int]:
    """One try of what `name` is owed; no outcome stands for a role that died in the middle of it."""
    run = spool.run("forward")
    due = spool.deliveries.claim_due(name, run, limit)
    for delivery in due:
        if isinstance(outcome, StoreOutcome):
            spool.deliveries.stored(delivery, outcome, spool.clock.now())
        elif outcome is not None:
            park = outcome.disposition is Disposition.PARK
            spool.deliveries.failed(delivery, outcome, spool.clock.now(), park=park, due=spool.clock.now())
    spool.run("forward")  # voids what died
    return [delivery.instance_id for delivery in due]
