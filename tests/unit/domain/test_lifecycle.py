"""Walks both lifecycle tables pair by pair against a second, literal copy of the house plan."""

import re
from enum import Enum
from itertools import product

import pytest

from gateway.domain.lifecycle import (
    ACQUISITION_TRANSITIONS,
    DELIVERY_TRANSITIONS,
    AcquisitionEvent,
    AcquisitionState,
    DeliveryEvent,
    DeliveryState,
    IllegalTransition,
    next_acquisition_state,
    next_delivery_state,
)
from gateway.spool.database import migrations

ACQUISITION = {
    "captured match": "matched",
    "captured hold": "held",
    "captured quarantine": "quarantined",
    "held assign": "matched",
    "held quarantine": "quarantined",
    "matched assemble": "assembled",
    "matched hold": "held",
    "matched quarantine": "quarantined",
    "quarantined release": "captured",
}
DELIVERY = {
    "pending claim": "sending",
    "pending park": "parked",
    "sending void": "pending",
    "sending retry": "pending",
    "sending store": "stored",
    "sending park": "parked",
    "parked release": "pending",
    "parked hold": "held",
    "parked drop": "dropped",
    "parked receipt": "stored",
    "held receipt": "stored",
    "pending receipt": "stored",
    "pending hold": "held",
    "pending drop": "dropped",
    "held release": "pending",
    "held drop": "dropped",
    "dropped release": "pending",
    "stored commit": "committed",
    "stored retry": "pending",
}


@pytest.mark.parametrize(("state", "event"), list(product(AcquisitionState, AcquisitionEvent)))
def test_an_acquisition_moves_only_as_the_plan_says(state: AcquisitionState, event: AcquisitionEvent) -> None:
    expected = ACQUISITION.get(f"{state.value} {event.value}")
    if expected is None:
        with pytest.raises(IllegalTransition, match=f"{state.value} cannot {event.value}"):
            next_acquisition_state(state, event)
    else:
        assert next_acquisition_state(state, event).value == expected


@pytest.mark.parametrize(("state", "event"), list(product(DeliveryState, DeliveryEvent)))
def test_a_delivery_moves_only_as_the_plan_says(state: DeliveryState, event: DeliveryEvent) -> None:
    expected = DELIVERY.get(f"{state.value} {event.value}")
    if expected is None:
        with pytest.raises(IllegalTransition, match=f"{state.value} cannot {event.value}"):
            next_delivery_state(state, event)
    else:
        assert next_delivery_state(state, event).value == expected


def test_the_tables_hold_nothing_else() -> None:
    assert {f"{s.value} {e.value}" for s, e in ACQUISITION_TRANSITIONS} == set(ACQUISITION)
    assert {f"{s.value} {e.value}" for s, e in DELIVERY_TRANSITIONS} == set(DELIVERY)


def test_what_is_proven_is_never_forgotten() -> None:
    assert not [s for s, _ in DELIVERY_TRANSITIONS if s is DeliveryState.COMMITTED]
    assert not [s for s, _ in ACQUISITION_TRANSITIONS if s is AcquisitionState.ASSEMBLED]
    into_stored = [pair for pair, after in DELIVERY_TRANSITIONS.items() if after is DeliveryState.STORED]
    answered = [state for state, event in into_stored if event is not DeliveryEvent.RECEIPT]
    assert answered == [DeliveryState.SENDING]


@pytest.mark.parametrize(("table", "states"), [("acquisition", AcquisitionState), ("delivery", DeliveryState)])
def test_the_schema_knows_exactly_these_states(table: str, states: type[Enum]) -> None:
    sql = "\n".join(text for _, text in migrations())
    body = sql[sql.index(f"CREATE TABLE {table} (") :]
    listed = re.search(r"state TEXT NOT NULL CHECK \(state IN \(([^)]*)\)\)", body)
    assert listed is not None
    assert {word.strip(" '") for word in listed[1].split(",")} == {state.value for state in states}
