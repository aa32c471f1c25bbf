"""Makes room when the disk fills: bytes that every destination has proven to hold go early, oldest first, no others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from gateway.spool.files import SpoolFiles
from gateway.spool.health import StandingIssue
from gateway.spool.upkeep import Upkeep

_BATCH = 20


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Used shares of the disk: above `high` proven bytes go before their time, until `low` is reached."""

    high: float = 1.0
    low: float = 1.0


class RoomKeeper:
    """Releases proven bytes early, and says so."""

    def __init__(self, upkeep: Upkeep, files: SpoolFiles, marks: Watermarks) -> None:
        self._upkeep = upkeep
        self._files = files
        self._marks = marks
        self._releasing = False
        self._exhausted = False

    def release(self, proofs: Mapping[str, str]) -> bool:
        """Release a few acquisitions if the disk is too full; whether there may be more to release."""
        used = self._files.used_share()
        if used >= self._marks.high:
            self._releasing = True
        elif used <= self._marks.low:
            self._releasing = self._exhausted = False
        if not self._releasing:
            return False
        released = self._upkeep.retire(timedelta(0), proofs, most=_BATCH)
        self._exhausted = released == 0
        return released > 0

    def issues(self) -> dict[str, StandingIssue]:
        """What to tell while the disk is too full."""
        if not self._releasing:
            return {}
        share = f"The disk of the spool is {self._files.used_share():.0%} full"
        if self._exhausted:
            return {
                "house.room": StandingIssue(
                    "danger",
                    f"{share}, and nothing more may be released: what is left is not proven to be anywhere else.",
                    "Repair the link to the destinations, or export the queue to a stick: gateway export PATH",
                )
            }
        return {
            "house.room": StandingIssue(
                "attention",
                f"{share}: bytes that every destination has proven to hold are released before their time.",
                "Use a larger disk, or a shorter retention.",
            )
        }
