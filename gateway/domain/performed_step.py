"""Performed Procedure Steps: what was done, as images refer to it and as a worklist provider is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType

from gateway.domain.identifiers import Uid

PERFORMED_STEP_UID = Uid("1.2.840.10008.3.1.2.3.3")
"""Modality Performed Procedure Step SOP Class."""


@dataclass(frozen=True, slots=True)
class PerformedStep:
    """Identity of one Performed Procedure Step, minted before its first object is built and equal in all of them.

    `id` is the Performed Procedure Step ID. `started_at` is aware. `append` says that its scheduled step was already
    completed by an earlier one, so that this one fulfils the Requested Procedure but no Scheduled Procedure Step.
    """

    sop_instance_uid: Uid
    id: str
    started_at: datetime
    description: str
    protocol_name: str
    append: bool = False


class PerformedOutcome(Enum):
    """The two final values of Performed Procedure Step Status (PS3.3 C.4.14)."""

    COMPLETED = "completed"
    DISCONTINUED = "discontinued"


@dataclass(frozen=True, slots=True)
class PerformedClosing:
    """How a performed step ends; `reason` is a code of `DISCONTINUATION_REASONS` when it was discontinued."""

    outcome: PerformedOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PerformedSeries:
    """One series of a performed step with its instances as (SOP Class UID, SOP Instance UID), in their order."""

    series_instance_uid: Uid
    instances: tuple[tuple[Uid, Uid], ...]
    operators: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PerformedResult:
    """What the final N-SET says: when the step ended, how, and every instance that it made."""

    ended_at: datetime
    closing: PerformedClosing
    series: tuple[PerformedSeries, ...]


class ReportKind(Enum):
    """The two messages about a performed step, in the order in which a peer gets them."""

    CREATE = "create"
    SET = "set"


UNSPECIFIED_REASON, WRONG_ENTRY_REASON = "110513", "110514"

DISCONTINUATION_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "110500": "Doctor canceled procedure",
        "110501": "Equipment failure",
        "110502": "Incorrect procedure ordered",
        "110503": "Patient allergic to media/contrast",
        "110504": "Patient died",
        "110505": "Patient refused to continue procedure",
        "110506": "Patient taken for treatment or surgery",
        "110507": "Patient did not arrive",
        "110508": "Patient pregnant",
        "110509": "Change of procedure for correct charging",
        "110510": "Duplicate order",
        "110511": "Nursing unit cancel",
        "110512": "Incorrect side ordered",
        "110513": "Discontinued for unspecified reason",
        "110514": "Incorrect worklist entry selected",
        "110515": "Patient condition prevented continuing",
        "110516": "Equipment change",
    }
)
"""CID 9300, coding scheme DCM: code value and meaning."""
