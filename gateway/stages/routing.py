"""To whom a finished instance is owed, and in which lane: pure rules, asked once, when it is frozen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.lanes import Lane, lane_of
from gateway.stages.hours import Hours, is_open


@dataclass(frozen=True, slots=True)
class Finished:
    """What the rules may ask about an instance; `moment` is when it was finished, by the station's clock."""

    device: str
    modality: str
    sop_class_uid: str
    priority: str
    size: int
    moment: datetime


@dataclass(frozen=True, slots=True)
class Route:
    """What one destination takes; an empty rule lets everything through, and all rules must.

    With `stands_in_for` it takes nothing by itself: it is owed what another destination does not answer for.
    """

    destination: str
    devices: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    sop_class_uids: frozenset[str] = frozenset()
    hours: tuple[Hours, ...] = ()
    stands_in_for: str = ""
    clip_bytes: int = 16 << 20

    def takes(self, finished: Finished) -> bool:
        """Whether this destination's rules let the instance through."""
        return (
            (not self.devices or finished.device in self.devices)
            and (not self.modalities or finished.modality in self.modalities)
            and (not self.sop_class_uids or finished.sop_class_uid in self.sop_class_uids)
            and is_open(self.hours, finished.moment)
        )


@dataclass(frozen=True, slots=True)
class Owed:
    """Destinations in their order, each with its lane, and a note for the journal when no rule fitted."""

    lanes: tuple[tuple[str, Lane], ...]
    note: str = ""


def owed_to(routes: Sequence[Route], finished: Finished) -> Owed:
    """The destinations whose rules fit; the first of all when none does, because nothing may be owed to nobody."""
    regular = [route for route in routes if not route.stands_in_for]
    fitting = [route for route in regular if route.takes(finished)]
    note = ""
    if not fitting and regular:
        fitting = regular[:1]
        note = f"no routing rule fits; owed to {fitting[0].destination}, the first destination"
    lanes = tuple((r.destination, lane_of(finished.priority, finished.size, r.clip_bytes)) for r in fitting)
    return Owed(lanes, note)
