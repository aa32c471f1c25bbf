"""Notices that a link is back, so that what waits goes on at once instead of sitting out its back-off."""

import logging
from collections.abc import Callable, Mapping

from gateway.domain.errors import GatewayError
from gateway.domain.ports import Clock
from gateway.spool.destinations import DestinationLedger

_log = logging.getLogger(__name__)
_LOOK_EVERY_S = 1.0
_PROBE_EVERY_S = 10.0
_UNREACHED = frozenset({"resolve", "connect", "transfer"})
"""Only where the bytes did not pass: a peer that is reached and refuses is left its peace."""

Probe = Callable[[], None]
"""Reaches a destination and lets go again; raises a `GatewayError` when it cannot."""


class LinkWatch:
    """The work of the loop that watches the network for all destinations."""

    def __init__(
        self, *, destinations: DestinationLedger, probes: Mapping[str, Probe], network: Callable[[], str], clock: Clock
    ) -> None:
        self._destinations = destinations
        self._probes = probes
        self._network = network
        self._clock = clock
        self._seen = network()
        self._probed = clock.monotonic()

    def round(self) -> float:
        """Look at the network; wake what waits if it changed, or if a probe now and then gets through."""
        state = self._network()
        waiting = [name for name in self._destinations.unreached(_UNREACHED) if name in self._probes]
        if state != self._seen:
            self._seen = state
            for name in waiting:
                self._wake(name, "the network changed")
        elif waiting and self._clock.monotonic() - self._probed >= _PROBE_EVERY_S:
            self._probed = self._clock.monotonic()
            for name in waiting:
                self._try(name)
        return _LOOK_EVERY_S

    def close(self) -> None:
        """Nothing to release."""

    def _try(self, name: str) -> None:
        try:
            self._probes[name]()
        except GatewayError as fault:
            _log.debug("destination=%s probe=failed phase=%s", name, fault.phase.value)
        else:
            self._wake(name, "it is reached again")

    def _wake(self, name: str, why: str) -> None:
        self._destinations.reached(name)
        _log.info("destination=%s woken because=%s", name, why.replace(" ", "_"))
