"""Turns SIGTERM and SIGINT into an event that loops look at; the signals only ask, the loops end themselves."""

import signal
import threading
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals() -> threading.Event:
    """The event that is set at the first SIGTERM or SIGINT; further ones change nothing. For the main thread only."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    for number in STOP_SIGNALS:
        signal.signal(number, handle)
    return stop
