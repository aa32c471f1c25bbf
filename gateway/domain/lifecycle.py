"""States and the only ways between them. The ledger's CHECK constraints and its tests walk these tables."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class AcquisitionState(Enum):
    """Where an acquisition stands."""

    CAPTURED = "captured"
    MATCHED = "matched"
    HELD = "held"
    ASSEMBLED = "assembled"
    QUARANTINED = "quarantined"


class AcquisitionEvent(Enum):
    """What moves an acquisition."""

    MATCH = "match"
    HOLD = "hold"
    ASSIGN = "assign"
    ASSEMBLE = "assemble"
    QUARANTINE = "quarantine"
    RELEASE = "release"


class DeliveryState(Enum):
    """Where a delivery stands on the ladder of proof."""

    PENDING = "pending"
    SENDING = "sending"
    STORED = "stored"
    COMMITTED = "committed"
    PARKED = "parked"
    HELD = "held"
    DROPPED = "dropped"


class DeliveryEvent(Enum):
    """What moves a delivery."""

    CLAIM = "claim"
    VOID = "void"
    STORE = "store"
    RETRY = "retry"
    PARK = "park"
    RELEASE = "release"
    COMMIT = "commit"
    HOLD = "hold"
    DROP = "drop"
    RECEIPT = "receipt"


_A, _AE = AcquisitionState, AcquisitionEvent
ACQUISITION_TRANSITIONS: Mapping[tuple[AcquisitionState, AcquisitionEvent], AcquisitionState] = MappingProxyType(
    {
        (_A.CAPTURED, _AE.MATCH): _A.MATCHED,
        (_A.CAPTURED, _AE.HOLD): _A.HELD,
        (_A.CAPTURED, _AE.QUARANTINE): _A.QUARANTINED,
        (_A.HELD, _AE.ASSIGN): _A.MATCHED,
        (_A.HELD, _AE.QUARANTINE): _A.QUARANTINED,
        (_A.MATCHED, _AE.ASSEMBLE): _A.ASSEMBLED,
        (_A.MATCHED, _AE.HOLD): _A.HELD,
        (_A.MATCHED, _AE.QUARANTINE): _A.QUARANTINED,
        (_A.QUARANTINED, _AE.RELEASE): _A.CAPTURED,
    }
)

_D, _DE = DeliveryState, DeliveryEvent
DELIVERY_TRANSITIONS: Mapping[tuple[DeliveryState, DeliveryEvent], DeliveryState] = MappingProxyType(
    {
        (_D.PENDING, _DE.CLAIM): _D.SENDING,
        (_D.PENDING, _DE.PARK): _D.PARKED,
        (_D.SENDING, _DE.VOID): _D.PENDING,
        (_D.SENDING, _DE.RETRY): _D.PENDING,
        (_D.SENDING, _DE.STORE): _D.STORED,
        (_D.SENDING, _DE.PARK): _D.PARKED,
        (_D.PARKED, _DE.RELEASE): _D.PENDING,
        (_D.PARKED, _DE.HOLD): _D.HELD,
        (_D.PARKED, _DE.DROP): _D.DROPPED,
        (_D.PENDING, _DE.RECEIPT): _D.STORED,
        (_D.PARKED, _DE.RECEIPT): _D.STORED,
        (_D.HELD, _DE.RECEIPT): _D.STORED,
        (_D.PENDING, _DE.HOLD): _D.HELD,
        (_D.PENDING, _DE.DROP): _D.DROPPED,
        (_D.HELD, _DE.RELEASE): _D.PENDING,
        (_D.HELD, _DE.DROP): _D.DROPPED,
        (_D.DROPPED, _DE.RELEASE): _D.PENDING,
        (_D.STORED, _DE.COMMIT): _D.COMMITTED,
        (_D.STORED, _DE.RETRY): _D.PENDING,
    }
)


class IllegalTransition(RuntimeError):  # noqa: N818 - a defect of the program, never an operating condition
    """A move that the tables do not allow."""


def next_acquisition_state(state: AcquisitionState, event: AcquisitionEvent) -> AcquisitionState:
    """The state after `event`; raises `IllegalTransition` if the table has no such move."""
    try:
        return ACQUISITION_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"an acquisition that is {state.value} cannot {event.value}") from None


def next_delivery_state(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """The state after `event`; raises `IllegalTransition` if the table has no such move."""
    try:
        return DELIVERY_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a delivery that is {state.value} cannot {event.value}") from None
