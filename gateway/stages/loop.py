"""One thread, one loop: work, beat, wait. The only place where an unexpected exception is caught.

A round of work returns how long the loop may rest. It is woken early when another process commits to the ledger, so a
hand-over between roles takes a fraction of a second without either knowing the other.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Protocol

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.ports import Clock
from gateway.spool.database import LEDGER_FAULTS, Database
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.stages.beat import Beat, LoopBeat
from gateway.stages.retry import BackOff

_log = logging.getLogger(__name__)
_GLANCE_S = 0.2
_LEAST_BEAT_S = 5.0
_BEATS_A_BOUND = 4


class Work(Protocol):
    """What a loop does."""

    def round(self) -> float:
        """Do what can be done now and return the seconds to rest; 0 when there may be more at once."""
        ...

    def close(self) -> None:
        """Release what the work holds."""
        ...


class Loop:
    """Runs one `Work` in a thread of its own until `stop` is set.

    Parameters
    ----------
    build
        Makes the work inside the thread, from the thread's own ledger connection and its beat.
    bound_s
        The longest time this loop may go without progress before the watchdog should act.
    """

    def __init__(
        self,
        *,
        role: str,
        name: str,
        build: Callable[[Database, Beat], Work],
        open_database: Callable[[], Database],
        clock: Clock,
        stop: threading.Event,
        bound_s: float,
    ) -> None:
        self.name = name
        self._role = role
        self._build = build
        self._open_database = open_database
        self._clock = clock
        self._stop = stop
        self._bound_s = bound_s
        self._progress = clock.monotonic()
        self._told = float("-inf")
        # each beat is a synced write: often enough for the page, seldom enough for a flash disk that lasts for years
        self._beat_every_s = max(_LEAST_BEAT_S, bound_s / _BEATS_A_BOUND)
        self._issue_may_stand = True
        self._failures = 0
        self._back_off = BackOff(base_s=0.5, cap_s=30.0)
        self._database: Database | None = None
        self._work: Work | None = None
        self._health: HealthLedger | None = None
        self._beat = LoopBeat(self.beat, stop)
        self._thread = threading.Thread(target=self._run, name=f"{role}/{name}")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end; whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def makes_progress(self) -> bool:
        """Whether the loop has beaten within its bound and its thread lives."""
        return self._thread.is_alive() and self._clock.monotonic() - self._progress <= self._bound_s

    def beat(self) -> None:
        """Note progress, and tell the ledger now and then; a ledger that cannot be written is the work's to report."""
        now = self._clock.monotonic()
        self._progress = now
        if self._health is None or now - self._told < self._beat_every_s:
            return
        self._told = now
        try:
            self._health.beat(self._role, self.name, self._bound_s)
        except LEDGER_FAULTS as error:
            _log.error("loop=%s/%s beat=unrecorded cause=%s", self._role, self.name, type(error).__name__)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._round()
        finally:
            self._end()

    def _round(self) -> None:
        """Work once, say how it went, and rest."""
        rest_s, fault, seen = 0.0, None, None
        try:
            database, work = self._ready()
            # taken before the work: what is committed while it goes on, it may have read too early to see
            seen = database.version_of_data()
            rest_s = work.round()
        except GatewayError as error:
            fault = error
        except Exception as error:  # noqa: BLE001 - the one net: a loop outlives what nobody foresaw
            fault = _unexpected(error)
        if fault is None:
            self._recovered()
        else:
            rest_s, seen = self._failed(fault), None
        self.beat()
        self._rest(seen, rest_s)

    def _ready(self) -> tuple[Database, Work]:
        """Connection and work, made in the loop's own thread; tried again each round until they are there."""
        if self._database is None:
            self._database = self._open_database()
            self._health = HealthLedger(self._database, self._clock)
        if self._work is None:
            self._work = self._build(self._database, self._beat)
        return self._database, self._work

    def _end(self) -> None:
        with ExitStack() as closing:
            if self._database is not None:
                closing.callback(self._database.close)
            if self._work is not None:
                closing.callback(self._work.close)

    def _rest(self, seen: int | None, rest_s: float) -> None:
        """Wait, but no longer than until the ledger is no more as it was `seen`; a failed loop waits its full time."""
        end = self._clock.monotonic() + rest_s
        while (left := end - self._clock.monotonic()) > 0 and not self._stop.wait(min(_GLANCE_S, left)):
            self.beat()
            if self._database is not None and seen is not None and _differs(self._database, seen):
                return

    def _failed(self, fault: GatewayError) -> float:
        self._failures += 1
        delay_s = self._back_off.delay_s(self._failures)
        _log.error(
            "loop=%s/%s failed phase=%s disposition=%s again_in_s=%.1f error=%s",
            self._role,
            self.name,
            fault.phase.value,
            fault.disposition.value,
            delay_s,
            fault.message,
        )
        severity = "danger" if fault.disposition is Disposition.HALT else "attention"
        self._issue_may_stand = True
        self._settle({self._issue_key(): StandingIssue(severity, fault.message, fault.remedy)})
        return delay_s

    def _recovered(self) -> None:
        """Withdraw the loop's issue; the first success withdraws one that an earlier process left behind."""
        self._failures = 0
        if self._issue_may_stand:
            self._issue_may_stand = not self._settle({})

    def _settle(self, standing: Mapping[str, StandingIssue]) -> bool:
        """Show or withdraw the loop's own issue; whether the ledger took it, else the log alone has it."""
        if self._health is None:
            return False
        try:
            self._health.settle(self._issue_key(), standing)
        except LEDGER_FAULTS as error:
            _log.error("loop=%s/%s issue=unrecorded cause=%s", self._role, self.name, type(error).__name__)
            return False
        return True

    def _issue_key(self) -> str:
        return f"loop.{self._role}.{self.name}."


def _differs(database: Database, seen: int) -> bool:
    """Whether somebody committed since `seen`; a ledger that cannot say is for the next round of work to meet."""
    try:
        return database.version_of_data() != seen
    except LEDGER_FAULTS:
        return True


def _unexpected(error: Exception) -> GatewayError:
    """A defect as a fault. The log gets the places it came through, not its message, which may name a patient."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
    _log.error("unexpected=%s at=%s", type(error).__name__, places)
    return GatewayError(
        f"An unexpected fault stopped this work: {type(error).__name__}.",
        disposition=Disposition.RETRY,
        phase=Phase.COMMIT,
        remedy="The gateway tries again; the log has the details for support.",
    )
