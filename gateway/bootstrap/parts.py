"""What a role is built from. Each loop gets its own ledger connection."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from gateway.config.model import Configuration
from gateway.domain.checkpoints import Passage, pass_by
from gateway.domain.ports import Clock
from gateway.host.clock import SystemClock
from gateway.host.credentials import Credentials
from gateway.spool.database import Database
from gateway.spool.files import SpoolFiles
from gateway.spool.runs import Run
from gateway.stages.beat import Beat
from gateway.stages.loop import Work

Build = Callable[[Database, Beat], Work]

LONG_BOUND_S = 1800.0
"""Decoding or sending a single large object may take this long between two beats."""
_BOUND_S = 120.0


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """A loop to be: its name, what makes its work, and within which time it must beat."""

    name: str
    build: Build
    bound_s: float = _BOUND_S


def no_beat() -> None:
    """The beat of work that no loop watches."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loops of one run of a role share: values only, no open connection."""

    settings: Configuration
    clock: Clock
    credentials: Credentials
    files: SpoolFiles
    run: Run
    passage: Passage = pass_by
    turn: AbstractContextManager[object] = field(default_factory=threading.RLock)
    """Whose turn it is to write the ledger, among the loops of this process."""

    @classmethod
    def of(cls, settings: Configuration, run: Run, credentials: Credentials, passage: Passage = pass_by) -> "Parts":
        """The parts for `run`."""
        clock = SystemClock(ZoneInfo(settings.station.time_zone))
        files = SpoolFiles(settings.spool.path, role=run.role, floor_bytes=settings.spool.floor_bytes, passage=passage)
        return cls(settings, clock, credentials, files, run, passage)

    def open_database(self) -> Database:
        """A connection for one thread."""
        return Database(self.settings.spool.path, turn=self.turn)
