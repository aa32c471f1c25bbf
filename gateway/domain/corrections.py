"""What a correction comes to, and the rejection note by which a destination learns that objects are not to be used."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.identifiers import Uid
from gateway.domain.instance import InstanceIdentity
from gateway.domain.objects import LocalStudy, Station
from gateway.domain.procedure import Step

KEY_OBJECT_SELECTION = Uid("1.2.840.10008.5.1.4.1.1.88.59")
"""Key Object Selection Document Storage: the class of a rejection note (PS3.4 B.5)."""


@dataclass(frozen=True, slots=True)
class RejectedSeries:
    """Rejected instances of one series, as pairs of SOP class and SOP Instance UID."""

    series_instance_uid: Uid
    instances: tuple[tuple[Uid, Uid], ...]


@dataclass(frozen=True, slots=True)
class NoteOrder:
    """All that one rejection note is made from.

    `subject` is whom the rejected objects name, so the wrong patient. `made_at` is the moment of the correction, aware
    and in the station's zone; `study_started_at` is that of the rejected objects' study.
    """

    identity: InstanceIdentity
    subject: Step | LocalStudy
    station: Station
    study_started_at: datetime
    made_at: datetime
    rejected: tuple[RejectedSeries, ...]


@dataclass(frozen=True, slots=True)
class Corrected:
    """What one correction did: the new acquisitions by the old ones, and to whom a note is owed.

    `dropped` counts deliveries of which nothing had left; `told` are the destinations that are owed a note; `remarks`
    are sentences for the person: what was done about performed steps and open steps, and what the gateway cannot do.
    """

    successors: tuple[tuple[int, int], ...]
    dropped: int
    told: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The outcome in words."""
        done = f"{len(self.successors)} corrected" if self.successors else "rejected"
        note = f"a rejection note is owed to {', '.join(self.told)}" if self.told else "no destination had seen them"
        deliveries = "1 delivery" if self.dropped == 1 else f"{self.dropped} deliveries"
        dropped = f"{deliveries} dropped before anything left" if self.dropped else ""
        return ". ".join(["; ".join(text for text in (done, note, dropped) if text), *self.remarks])
