"""Deliveries in the ledger: claimed in batches, each with its own outcome, each outcome with its proof or reason."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.errors import Disposition, GatewayError
from gateway.domain.identifiers import AcquisitionId, DeliveryId, DestinationName, InstanceId, Uid
from gateway.domain.instance import Delivery, SpooledObject, StoreOutcome
from gateway.domain.lanes import ALL_LANES, Lane
from gateway.domain.lifecycle import DeliveryEvent, DeliveryState, next_delivery_state
from gateway.domain.ports import Clock
from gateway.spool.claims import due_deliveries, is_due, void_deliveries
from gateway.spool.database import Database
from gateway.spool.delivery_moves import move_delivery
from gateway.spool.moments import LONGEST_WAIT_US, SECOND_US, to_us
from gateway.spool.runs import Run

UNFINISHED_CLAIMS_LIMIT = 5
"""A delivery claimed this often without any outcome is parked: something about it kills its worker."""

LINK_BREAKS_LIMIT = 4
"""An object at which the link ended this often, while others passed, is parked: the peer cannot bear it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer said of one instance: when sending it was begun, when the answer came."""

    delivery: Delivery
    outcome: StoreOutcome
    begun_at: datetime
    answered_at: datetime


class DeliveryLedger:
    """Deliveries, for one thread; `longest_s` is the longest back-off that its user gives them."""

    def __init__(self, database: Database, clock: Clock, *, longest_s: float = 0.0) -> None:
        self._database = database
        self._clock = clock
        self._longest_us = max(LONGEST_WAIT_US, int(longest_s * SECOND_US))

    def claim_due(
        self,
        destination: str,
        run: Run,
        limit: int,
        *,
        worker: int = 0,
        lanes: Sequence[Lane] = ALL_LANES,
        sharers: int = 1,
        answers: Sequence[Answer] = (),
        holding: Collection[Delivery] = (),
    ) -> list[Delivery]:
        """Claim up to `limit` deliveries that are due, in the order of `lanes` and each oldest first.

        Nothing while the destination itself waits; a clip only by itself, and so what came to no outcome before. The
        workers of a run claim for themselves: what a worker still has when it asks again came to no outcome and is
        void, but for what it is `holding`. Its `answers` are recorded first, in the same transaction.
        """
        now = to_us(self._clock.now())
        claimant = f"{run.id}/{worker}"
        with self._database.write() as connection:
            self._record(connection, answers)
            self._put_right(connection, destination, claimant, now, holding)
            claimed: list[sqlite3.Row] = []
            while not claimed and (
                rows := due_deliveries(connection, destination, now, limit=limit, lanes=lanes, sharers=sharers)
            ):
                claimed = [row for row in rows if not self._poisoned(connection, row, now)]
            state = next_delivery_state(DeliveryState.PENDING, DeliveryEvent.CLAIM).value
            connection.executemany(
                "UPDATE delivery SET state = ?, since_us = ?, claimed_by = ?, attempts = attempts + 1,"
                " unfinished_claims = unfinished_claims + 1 WHERE id = ?",
                [(state, now, claimant, row["id"]) for row in claimed],
            )
        return [self._delivery(row) for row in claimed]

    def is_due(self, destination: str, lanes: Sequence[Lane]) -> bool:
        """Whether there is something to claim in these lanes."""
        with self._database.read() as connection:
            return is_due(connection, destination, to_us(self._clock.now()), lanes)

    def _put_right(
        self, connection: sqlite3.Connection, destination: str, claimant: str, now: int, holding: Collection[Delivery]
    ) -> None:
        """Void what this worker left behind after a defect, and make due what a wrong clock put off too far."""
        void_deliveries(connection, [claimant], now, destination=destination, holding=[one.id for one in holding])
        late = now + self._longest_us
        connection.execute(
            "UPDATE delivery SET due_us = ? WHERE destination = ? AND state = 'pending' AND due_us > ?",
            (now, destination, late),
        )
        connection.execute("UPDATE destination SET due_us = 0 WHERE name = ? AND due_us > ?", (destination, late))

    def _poisoned(self, connection: sqlite3.Connection, row: sqlite3.Row, now: int) -> bool:
        """Park a delivery that was claimed again and again and never came to an outcome."""
        if row["unfinished_claims"] < UNFINISHED_CLAIMS_LIMIT:
            return False
        move_delivery(connection, row["id"], DeliveryEvent.PARK, now)
        text = f"Sending this object was begun {UNFINISHED_CLAIMS_LIMIT} times and never came to an end."
        connection.execute(
            "UPDATE delivery SET phase = 'transfer', error = ?, remedy = ? WHERE id = ?",
            (text, "Look at the log of gateway-forward, then retry it from the queue.", row["id"]),
        )
        return True

    @staticmethod
    def _delivery(row: sqlite3.Row) -> Delivery:
        return Delivery(
            id=DeliveryId(row["id"]),
            instance_id=InstanceId(row["instance"]),
            acquisition_id=AcquisitionId(row["acquisition"]),
            destination=DestinationName(row["destination"]),
            state=DeliveryState.SENDING,
            attempts=row["attempts"] - row["attempts_elsewhere"] + 1,
            sop_instance_uid=Uid(row["sop_instance_uid"]),
            spooled=SpooledObject(
                path=row["path"],
                digest=row["digest"],
                size=row["size"],
                sop_class_uid=Uid(row["sop_class_uid"]),
                transfer_syntax_uid=Uid(row["transfer_syntax_uid"]),
            ),
        )

    def stored(self, delivery: Delivery, outcome: StoreOutcome, started_at: datetime) -> None:
        """Record the peer's own answer that it stored this instance, which came just now."""
        self.record([Answer(delivery, outcome, started_at, self._clock.now())])

    def record(self, answers: Sequence[Answer]) -> None:
        """Record the peer's own answers that it stored these instances, in one transaction."""
        with self._database.write() as connection:
            self._record(connection, answers)

    def _record(self, connection: sqlite3.Connection, answers: Sequence[Answer]) -> None:
        for answer in answers:
            delivery, outcome = answer.delivery, answer.outcome
            now, code = to_us(answer.answered_at), f"{outcome.status:04X}"
            connection.execute(
                "UPDATE delivery SET stored_us = ?, status = ?, status_text = ?, sent_syntax_uid = ?,"
                " copy_bytes = ?, claimed_by = NULL, unfinished_claims = 0, link_breaks = 0,"
                " phase = '', error = '', remedy = '' WHERE id = ?",
                (now, code, outcome.comment, outcome.transfer_syntax_uid, outcome.copy_bytes, delivery.id),
            )
            move_delivery(connection, delivery.id, DeliveryEvent.STORE, now, status=code)
            text = " ".join(filter(None, (outcome.comment, _cost_of_copy(delivery, outcome))))
            self._attempt(connection, delivery, to_us(answer.begun_at), now, ("response", "done", code, text))

    def failed(
        self,
        delivery: Delivery,
        fault: GatewayError,
        started_at: datetime,
        *,
        park: bool,
        due: datetime,
        broke_link: bool = False,
    ) -> bool:
        """Record a try that failed: parked for a person, or pending again and due at `due`; whether it is parked.

        What broke the link `LINK_BREAKS_LIMIT` times, while other objects passed, is parked as well; what was refused
        with a fault of several tries only after as many.
        """
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            park = park and self._is_last_try(connection, delivery, fault)
            if broke_link and (isolated := self._breaks_links(connection, delivery, fault, now)):
                fault, park = isolated, True
            event = DeliveryEvent.PARK if park else DeliveryEvent.RETRY
            move_delivery(connection, delivery.id, event, now, phase=fault.phase.value, code=fault.code)
            connection.execute(
                "UPDATE delivery SET claimed_by = NULL, unfinished_claims = 0, due_us = ?, phase = ?, error = ?,"
                " remedy = ?, status = ? WHERE id = ?",
                (to_us(due), fault.phase.value, fault.message, fault.remedy, fault.code, delivery.id),
            )
            what = (fault.phase.value, fault.disposition.value, fault.code, fault.message)
            self._attempt(connection, delivery, to_us(started_at), now, what)
        return park

    @staticmethod
    def _is_last_try(connection: sqlite3.Connection, delivery: Delivery, fault: GatewayError) -> bool:
        if fault.tries == 1:
            return True
        before = connection.execute(
            "SELECT count(*) FROM attempt JOIN delivery ON delivery.id = attempt.delivery"
            " WHERE delivery = ? AND code = ? AND attempt.id > last_attempt_elsewhere",
            (delivery.id, fault.code),
        ).fetchone()[0]
        return int(before) + 1 >= fault.tries

    @staticmethod
    def _breaks_links(
        connection: sqlite3.Connection, delivery: Delivery, fault: GatewayError, now: int
    ) -> GatewayError | None:
        """Count that the link ended at this object; the fault to park it with once it is plain whose fault it is."""
        connection.execute(
            "UPDATE delivery SET first_break_us = CASE link_breaks WHEN 0 THEN ? ELSE first_break_us END,"
            " link_breaks = link_breaks + 1 WHERE id = ?",
            (now, delivery.id),
        )
        row = connection.execute(
            "SELECT link_breaks, EXISTS (SELECT 1 FROM delivery AS other WHERE other.destination = delivery.destination"
            " AND other.state IN ('stored', 'committed') AND other.stored_us > delivery.first_break_us) AS others_pass"
            " FROM delivery WHERE id = ?",
            (delivery.id,),
        ).fetchone()
        if row["link_breaks"] < LINK_BREAKS_LIMIT or not row["others_pass"]:
            return None
        return GatewayError(
            f"{delivery.destination} ended the link {row['link_breaks']} times at this object, while others passed."
            f" The last time: {fault.message}",
            disposition=Disposition.PARK,
            phase=fault.phase,
            remedy="Ask its administrator to look for this SOP Instance UID in the log, then retry it from the queue.",
            code=fault.code,
        )

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return claims that were never begun."""
        now = to_us(self._clock.now())
        with self._database.write() as connection:
            for delivery in deliveries:
                move_delivery(connection, delivery.id, DeliveryEvent.VOID, now)
                connection.execute(
                    "UPDATE delivery SET claimed_by = NULL, attempts = attempts - 1,"
                    " unfinished_claims = unfinished_claims - 1 WHERE id = ?",
                    (delivery.id,),
                )

    @staticmethod
    def _attempt(
        connection: sqlite3.Connection, delivery: Delivery, started: int, ended: int, what: tuple[str, str, str, str]
    ) -> None:
        connection.execute(
            "INSERT INTO attempt (delivery, started_us, ended_us, phase, disposition, code, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (delivery.id, started, ended, *what),
        )


def _cost_of_copy(delivery: Delivery, outcome: StoreOutcome) -> str:
    """What it cost that the peer does not take the stored transfer syntax; empty when it does."""
    if outcome.copy_bytes is None:
        return ""
    stored = delivery.spooled
    return (
        f"Sent as {outcome.transfer_syntax_uid} in {outcome.copy_bytes} bytes, because {stored.transfer_syntax_uid}"
        f" ({stored.size} bytes) is not taken."
    )
