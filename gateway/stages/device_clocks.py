"""Watches the clocks of devices by the dates that come with their acquisitions, and names one that is far off."""

from collections.abc import Iterable
from datetime import timedelta

from gateway.domain.acquisition import Acquisition, Hint, HintKind, hint_values
from gateway.domain.procedure import Hold
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.worklist.device_clock import clock_doubt


class DeviceClocks:
    """The clocks of all devices, as far as they tell their time."""

    def __init__(self, health: HealthLedger) -> None:
        self._health = health

    def look(self, acquisition: Acquisition, tolerance: timedelta) -> Hold | None:
        """Raise or withdraw the issue about a device's clock; a hold if the clock is far off at this acquisition."""
        if tolerance <= timedelta() or not _tells_time(acquisition.hints):
            return None
        doubt = clock_doubt(acquisition.hints, acquisition.recorded_at, tolerance.total_seconds())
        prefix = f"clock.{acquisition.device}."
        if not doubt:
            self._health.settle(prefix, {})
            return None
        reason = f"The clock of the device is far off: {doubt}."
        remedy = f"Set date and time on the device {acquisition.device}, then assign the pictures that were held."
        text = f"The clock of {acquisition.device} is far off: {doubt}. Its pictures are held."
        self._health.settle(prefix, {f"{prefix}off": StandingIssue("attention", text, remedy)})
        return Hold(reason, remedy)


def _tells_time(hints: Iterable[Hint]) -> bool:
    return bool(hint_values(hints, HintKind.DATE))
