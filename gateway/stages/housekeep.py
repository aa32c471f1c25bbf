"""Looks after the box: retention, disk room, idle active steps, and the issues that only the whole ledger shows."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.domain.counting import counted
from gateway.domain.errors import SpoolFull
from gateway.spool.database import Database
from gateway.spool.files import SpoolFiles
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.local_studies import LocalStudyLedger
from gateway.spool.pruning import JournalPruner
from gateway.spool.steps import StepLedger
from gateway.spool.upkeep import Upkeep
from gateway.stages.reconcile import Reconciler
from gateway.stages.room import RoomKeeper, Watermarks

_CHECK_EVERY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class HouseRules:
    """How long bytes are kept, how each destination proves that, when a step is closed, and when the disk is full."""

    retention: timedelta
    active_step_idle_s: Mapping[str, float]
    destinations: Sequence[str]
    proofs: Mapping[str, str] = field(default_factory=dict)
    watermarks: Watermarks = field(default_factory=Watermarks)


class HousekeepStage:
    """The work of the housekeeping loop."""

    def __init__(
        self,
        *,
        database: Database,
        upkeep: Upkeep,
        files: SpoolFiles,
        steps: StepLedger,
        health: HealthLedger,
        rules: HouseRules,
        pruner: JournalPruner | None = None,
        local_studies: LocalStudyLedger | None = None,
        reconciler: Reconciler | None = None,
        every_s: float = 20.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._upkeep = upkeep
        self._files = files
        self._steps = steps
        self._health = health
        self._rules = rules
        self._every_s = every_s
        self._monotonic = monotonic
        self._room = RoomKeeper(upkeep, files, rules.watermarks)
        self._pruner = pruner
        self._local_studies = local_studies
        self._reconciler = reconciler
        self._due = self._check_due = float("-inf")

    def round(self) -> float:
        """One look around when it is time: each commit of another role wakes the loop, and a look is not cheap."""
        left = self._due - self._monotonic()
        if left > 0:
            return left
        if self._monotonic() >= self._check_due:
            self._database.check()  # damage is raised again in every round until a person has looked
            self._check_due = self._monotonic() + _CHECK_EVERY_S
        for device, idle_s in self._rules.active_step_idle_s.items():
            self._steps.close_idle(device, idle_s)
            if self._local_studies is not None:
                self._local_studies.close_idle(device, idle_s)
        self._steps.expire()
        if self._reconciler is not None:
            self._reconciler.look()
        more = self._upkeep.retire(self._rules.retention, self._rules.proofs) > 0 or self._upkeep.is_marking()
        more = self._room.release(self._rules.proofs) or more
        more = (self._pruner is not None and self._pruner.prune()) or more
        self._health.settle("house.", self._issues())
        self._database.compact_log()
        if more:
            return 0.0  # the loop beats in between
        self._due = self._monotonic() + self._every_s
        return self._every_s

    def close(self) -> None:
        """Nothing to release."""

    def _issues(self) -> dict[str, StandingIssue]:
        held, quarantined, parked = self._upkeep.counts_needing_people()
        found: dict[str, StandingIssue] = {}
        if held:
            found["house.held"] = StandingIssue(
                "attention",
                f"{counted(held, 'acquisition waits', 'acquisitions wait')} for a person.",
                "Open Holds and assign what is there to a patient.",
            )
        if quarantined:
            found["house.quarantined"] = StandingIssue(
                "attention",
                f"{counted(quarantined, 'acquisition is', 'acquisitions are')} set aside.",
                "Open Queue, set aside, and read why.",
            )
        if parked:
            found["house.parked"] = StandingIssue(
                "danger",
                f"{counted(parked, 'delivery is', 'deliveries are')} parked.",
                "Open Queue and follow the remedy shown there.",
            )
        for name, count in self._upkeep.orphaned_destinations(self._rules.destinations):
            found[f"house.orphan.{name}"] = StandingIssue(
                "danger",
                f"{counted(count, 'object is', 'objects are')} owed to {name}, which is no longer configured.",
                f"Configure the destination {name} again.",
            )
        if unclaimed := self._upkeep.settle_unclaimed():
            found["house.unclaimed"] = StandingIssue(
                "attention",
                f"{counted(unclaimed, 'file', 'files')} in the spool without a row of the ledger.",
                "They lie in the folder unclaimed of the spool; nothing was acknowledged for them.",
            )
        found.update(self._room.issues())
        if self._reconciler is not None:
            found.update(self._reconciler.issues())
        try:
            self._files.ensure_room(0)
        except SpoolFull as full:
            found["house.disk"] = StandingIssue("danger", full.message, full.remedy)
        return found
