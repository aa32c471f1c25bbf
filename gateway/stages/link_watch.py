"""Notices that a link is back, so that what waits goes on at once instead of sitting out its back-off."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.domain.errors import GatewayError, Phase
from gateway.domain.ports import Clock
from gateway.spool.destinations import DestinationLedger
from gateway.stages.sender import concerns_the_link

_log = logging.getLogger(__name__)
_LOOK_EVERY_S = 1.0
_FIRST_PROBE_S, _GROWTH, _SLOWEST_PROBE_S = 2.0, 1.5, 10.0
_PATIENCE_S, _MOST_DOUBLINGS = 5.0, 10
_ITS_OWN_WORD = re.compile(r"[0-9A-F]{4}|HTTP .*|\d+/\d+/\d+|context .*|not named|.*ALERT.*")
"""The code of a status, a reject or an alert: the peer was reached and has said what it does not want."""

Probe = Callable[[], None]
"""Reaches a destination and lets go again; raises a `GatewayError` when it cannot."""


def may_be_the_link(fault: GatewayError) -> bool:
    """Whether a fault may be the link's doing: silence, a break, garbled bytes, or the abort of a peer that met them.

    A peer that is reached and refuses is left its peace.
    """
    if not concerns_the_link(fault) or _ITS_OWN_WORD.fullmatch(fault.code):
        return False
    return not (fault.code.startswith("abort") and fault.phase is Phase.NEGOTIATE)


@dataclass(slots=True)
class _Watched:
    """What is known of a destination that waits."""

    failures: int
    looked_at: float
    probed_at: float
    every_s: float = _FIRST_PROBE_S
    away: bool = False
    woken: bool = False
    in_vain: int = 0


class LinkWatch:
    """The work of the loop that watches the network for all destinations.

    A destination that was seen away and is reached again is woken at once. One that is reached each time may have had
    its link back before the first probe, or may have a trouble of its own: it is woken too, but each time in a row
    later.
    """

    def __init__(
        self, *, destinations: DestinationLedger, probes: Mapping[str, Probe], network: Callable[[], str], clock: Clock
    ) -> None:
        self._destinations = destinations
        self._probes = probes
        self._network = network
        self._clock = clock
        self._seen = network()
        self._watched: dict[str, _Watched] = {}

    def round(self) -> float:
        """Look at the network; wake what waits if it changed, else probe the destination whose turn it is."""
        state = self._network()
        waiting = {name: failures for name, failures in self._destinations.cut_off().items() if name in self._probes}
        for name, failures in waiting.items():
            self._note(name, failures)
        if state != self._seen:
            self._seen = state
            for name in waiting:
                self._wake(name, "the network changed")
        elif turns := [name for name in waiting if self._is_due(self._watched[name])]:
            # one at a time: each may take seconds, and a loop must beat
            self._try(min(turns, key=lambda name: self._watched[name].probed_at))
        return _LOOK_EVERY_S

    def close(self) -> None:
        """Nothing to release."""

    def _note(self, name: str, failures: int) -> None:
        """Keep what is known of a destination, unless it has answered meanwhile or failed anew."""
        now = self._clock.monotonic()
        known = self._watched.get(name)
        if known is None or failures < known.failures or (known.woken and failures == known.failures):
            self._watched[name] = _Watched(failures, now, now)
        elif failures > known.failures:
            self._watched[name] = _Watched(failures, now, now, away=known.away, in_vain=known.in_vain)

    def _is_due(self, one: _Watched) -> bool:
        return self._clock.monotonic() - one.probed_at >= one.every_s

    def _try(self, name: str) -> None:
        one = self._watched[name]
        try:
            self._probes[name]()
        except GatewayError as fault:
            one.away = True
            _log.debug("destination=%s probe=failed phase=%s", name, fault.phase.value)
        else:
            patience_s = _PATIENCE_S * 2.0 ** min(one.in_vain, _MOST_DOUBLINGS)
            if one.away:
                self._wake(name, "it is reached again")
            elif self._clock.monotonic() - one.looked_at >= patience_s:
                one.in_vain += 1
                self._wake(name, "it is reached")
        one.probed_at = self._clock.monotonic()
        one.every_s = min(one.every_s * _GROWTH, _SLOWEST_PROBE_S)

    def _wake(self, name: str, why: str) -> None:
        self._watched[name].away, self._watched[name].woken = False, True
        self._destinations.reached(name)
        _log.info("destination=%s woken because=%s", name, why.replace(" ", "_"))
