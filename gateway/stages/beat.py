"""How long work says that it is getting on, and hears that its loop was asked to end."""

import threading
from collections.abc import Callable
from typing import Protocol

from gateway.domain.errors import Disposition, GatewayError, Phase


class Beat(Protocol):
    """Tells the loop that long work is getting on."""

    def __call__(self) -> None:
        """Report progress."""
        ...


class Stopped(GatewayError):  # noqa: N818 - names what happened
    """The role was asked to end; what is under way is broken off and nobody is to blame."""

    def __init__(self) -> None:
        super().__init__(
            "The gateway was stopped while this was being sent.",
            disposition=Disposition.RETRY,
            phase=Phase.TRANSFER,
            remedy="It is sent when the gateway runs again.",
            code="stopped",
        )


class LoopBeat:
    """The `Beat` that a loop hands to its work; it knows whether the loop was asked to end."""

    def __init__(self, beat: Callable[[], None], stop: threading.Event) -> None:
        self._beat = beat
        self._stop = stop

    def __call__(self) -> None:
        """Report progress."""
        self._beat()

    def stopping(self) -> bool:
        """Whether the loop was asked to end."""
        return self._stop.is_set()


def beat_until_stopped(beat: Beat) -> Beat:
    """A beat for what may take long and can be done again: it raises `Stopped` once its loop was asked to end."""
    if not isinstance(beat, LoopBeat):
        return beat
    known: LoopBeat = beat

    def beat_or_raise() -> None:
        if known.stopping():
            raise Stopped
        known()

    return beat_or_raise
