"""The log: one line an event, ``key=value``, on standard error, where journald or a terminal takes it.

What a line says is the caller's duty: ids and UIDs, never names or birth dates. Here only its form is decided, so that
no value can break a line or pose as another one.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import TextIO

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7
_QUIET = ("pynetdicom", "cheroot", "watchdog", "PIL", "werkzeug")
"""Libraries whose own messages below a warning say nothing to an operator, or may hold identifiers."""


class KeyValueFormatter(logging.Formatter):
    """``level=info at=... logger=stages.deliver`` before the message; with `journald` its priority instead of time."""

    def __init__(self, *, journald: bool) -> None:
        super().__init__()
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        """One line; line breaks in what is logged become visible escapes."""
        parts = [f"level={record.levelname.lower()}", f"logger={record.name.removeprefix('gateway.')}"]
        if not self._journald:
            parts.insert(0, f"at={self.formatTime(record, '%Y-%m-%dT%H:%M:%S%z')}")
        parts.append(record.getMessage())
        if record.exc_info:
            parts.append(f"trace={self.formatException(record.exc_info)!r}")
        line = " ".join(parts).replace("\r", "\\r").replace("\n", "\\n")
        return f"<{_priority(record.levelno)}>{line}" if self._journald else line


def _priority(level: int) -> int:
    """The syslog priority that journald reads from the head of a line (sd-daemon(3))."""
    return next((priority for least, priority in _PRIORITIES if level >= least), _DEBUG_PRIORITY)


def goes_to_journald(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `stream` is connected to the journal, as ``JOURNAL_STREAM`` says (systemd.exec(5))."""
    named = environment.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        found = os.fstat(stream.fileno())
    except OSError:  # also io.UnsupportedOperation: a stream without a file is not the journal
        return False
    return named == f"{found.st_dev}:{found.st_ino}"


def set_up_logs(level: str, stream: TextIO | None = None) -> None:
    """Log to `stream` (standard error) from `level` on; called once by the command line."""
    target = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(KeyValueFormatter(journald=goes_to_journald(target)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
