"""The list that people of this place keep: what page and command line ask for, carried out by the assembling role."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC

from gateway.domain.orders import LOCAL_LIST
from gateway.domain.ports import Clock
from gateway.domain.requests import Request, RequestKind
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.database import Database
from gateway.spool.heard import HeardLedger
from gateway.stages.requests import NetworkVerb
from gateway.worklist.csv_orders import OrderList, one_order, read_orders

KEEP_DAYS = 1
"""Days for which an order of the list stays after its scheduled day."""
_TOLD = 3


def order_verbs(clock: Clock, database: Database) -> Mapping[RequestKind, NetworkVerb]:
    """The verbs of the local list. Doing one twice changes nothing, so that a crash before its record is harmless."""
    desk = _OrderDesk(clock, database)
    return {
        RequestKind.IMPORT_ORDERS: desk.take_list,
        RequestKind.ADD_ORDER: desk.add,
        RequestKind.REMOVE_ORDER: desk.remove,
    }


class _OrderDesk:
    def __init__(self, clock: Clock, database: Database) -> None:
        self._clock = clock
        self._heard = HeardLedger(database, clock)
        self._acquisitions = AcquisitionLedger(database, clock)

    def take_list(self, request: Request) -> tuple[bool, str, str]:
        """Read a list and take it over; the outcome names the first faults, its detail all of them."""
        try:
            data = base64.b64decode(request.payload.get("content", ""), validate=True)
        except binascii.Error:
            return False, "The list did not arrive whole; import it again.", ""
        now = self._clock.now()
        found = read_orders(data, provider=LOCAL_LIST, zone=now.tzinfo or UTC, seed=self._heard.seed(), now=now)
        if not found.steps:
            return False, f"Nothing was imported. {_first(found)}", _all(found)
        return True, self._take(found, request, whole=request.payload.get("whole") == "yes"), _all(found)

    def add(self, request: Request) -> tuple[bool, str, str]:
        """Take over one typed order, if it can be used."""
        now = self._clock.now()
        found = one_order(
            request.payload, provider=LOCAL_LIST, zone=now.tzinfo or UTC, seed=self._heard.seed(), now=now
        )
        if not all(step.usable for step in found.steps) or not found.steps:
            return False, f"The order was not taken. {_first(found)}", _all(found)
        return True, self._take(found, request, whole=False), ""

    def _take(self, found: OrderList, request: Request, *, whole: bool) -> str:
        taken = self._heard.take_list(found.steps, whole=whole, keep_days=KEEP_DAYS, actor=request.filed_by)
        if taken.changed:
            self._acquisitions.look_again_at_holds()
        parts = [f"{len(found.steps)} order(s), {taken.changed} of them new or changed."]
        if taken.unusable:
            parts.append(f"{taken.unusable} cannot be used; the worklist names the fault of each.")
        if taken.gone:
            parts.append(f"{taken.gone} taken off the list.")
        return " ".join([*parts, _first(found)]).rstrip()

    def remove(self, request: Request) -> tuple[bool, str, str]:
        """Take an order of the local list off the worklist."""
        number = request.payload.get("step", "")
        known = number.isascii() and number.isdigit() and len(number) < len("1000000000000000000")
        if known and self._heard.remove(int(number), actor=request.filed_by):
            return True, "taken off the worklist", ""
        return False, "That order is not on the list that is kept here; others come from their own system.", ""


def _first(found: OrderList) -> str:
    told = "; ".join(str(fault) for fault in found.faults[:_TOLD])
    more = len(found.faults) - _TOLD
    return f"{told.rstrip('.')}{f' (and {more} more)' if more > 0 else ''}." if told else ""


def _all(found: OrderList) -> str:
    return "\n".join(str(fault) for fault in found.faults)
