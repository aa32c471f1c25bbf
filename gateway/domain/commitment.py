"""Proof beyond "stored": what is asked of a peer, what it reports, and what each reason of a failure leads to."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from gateway.domain.identifiers import DestinationName, Uid

NOT_NAMED = -1
"""The reason of an instance that a report does not name at all: it is not committed, and nobody says why."""
NO_SUCH_INSTANCE = 0x0112
CLASS_CONFLICT = 0x0119


@dataclass(frozen=True, slots=True)
class ProofItem:
    """One instance whose safe keeping is to be proven, with all that a query for it needs."""

    study_instance_uid: Uid
    series_instance_uid: Uid
    sop_class_uid: Uid
    sop_instance_uid: Uid


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """The instances of one transaction; its UID is never used for another (PS3.4 Annex J.3.2)."""

    transaction_uid: Uid
    destination: DestinationName
    items: tuple[ProofItem, ...]


@dataclass(frozen=True, slots=True)
class ProofReport:
    """What a peer says of a transaction: (SOP class UID, SOP Instance UID) kept, and not kept with its reason."""

    transaction_uid: str
    committed: frozenset[tuple[str, str]]
    failed: Mapping[tuple[str, str], int]


class Reaction(Enum):
    """What is done about an instance that is not committed."""

    ASK_AGAIN = "ask again"
    STORE_AGAIN = "store again"
    ASK_NO_MORE = "ask no more"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class FailureMeaning:
    """One row of the table of failure reasons."""

    text: str
    reaction: Reaction
    remedy: str = ""


_LOG = "Ask the administrator of the peer to look into its log."
_UNKNOWN = FailureMeaning("the peer gives a reason that the standard does not have", Reaction.ASK_AGAIN, _LOG)

FAILURE_REASONS: Mapping[int, FailureMeaning] = MappingProxyType(
    {
        NOT_NAMED: FailureMeaning("the peer's report leaves the object out", Reaction.ASK_AGAIN, _LOG),
        0x0110: FailureMeaning("the peer failed while looking for the object", Reaction.ASK_AGAIN, _LOG),
        NO_SUCH_INSTANCE: FailureMeaning("the peer does not have the object", Reaction.STORE_AGAIN),
        CLASS_CONFLICT: FailureMeaning(
            "the peer holds this SOP Instance UID under another SOP class",
            Reaction.PARK,
            "Compare the object at the peer with this one before it is sent again.",
        ),
        0x0122: FailureMeaning(
            "the peer does not commit to objects of this SOP class",
            Reaction.ASK_NO_MORE,
            'Its bytes stay here. Have the peer allow it, or set proof = "query" or "status" for this destination.',
        ),
        0x0131: FailureMeaning("the peer says that the transaction UID was used before", Reaction.ASK_AGAIN),
        0x0213: FailureMeaning("the peer is short of resources", Reaction.ASK_AGAIN),
    }
)
"""Failure Reason (0008,1197) of PS3.3 C.14.1.1."""


def failure_meaning(reason: int) -> FailureMeaning:
    """What a failure reason (0 to 0xFFFF, or `NOT_NAMED`) means; total, so every code has an answer."""
    return FAILURE_REASONS.get(reason, _UNKNOWN)


def reason_text(reason: int) -> str:
    """A failure reason as people and the ledger write it."""
    return "left out" if reason == NOT_NAMED else f"{reason:04X}"
