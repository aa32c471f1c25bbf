"""Talks to the service manager: readiness, progress and status, as sd_notify(3) describes, without its library.

Without a service manager (no ``NOTIFY_SOCKET``) every call does nothing.
"""

import logging
import os
import socket
from collections.abc import Mapping

_log = logging.getLogger(__name__)
_MICROSECONDS = 1_000_000


class Notifier:
    """Sends state changes to the datagram socket `address`; None: there is nobody to tell."""

    def __init__(self, address: str | None, *, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s
        """Seconds within which `watchdog` must be called, None if nobody waits for it."""

    @classmethod
    def of_this_process(cls, environment: Mapping[str, str] = os.environ) -> "Notifier":
        """The notifier that the environment describes; a watchdog meant for another process is not ours."""
        address = environment.get("NOTIFY_SOCKET") or None
        microseconds = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watched = address is not None and ours and microseconds.isdecimal() and int(microseconds) > 0
        return cls(address, watchdog_s=int(microseconds) / _MICROSECONDS if watched else None)

    @property
    def is_heard(self) -> bool:
        """Whether a service manager listens."""
        return self._address is not None

    def ready(self) -> None:
        """Start-up is complete."""
        self._send("READY=1")

    def watchdog(self) -> None:
        """There was progress."""
        self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """One line for ``systemctl status``; without patient data."""
        self._send(f"STATUS={' '.join(sentence.split())}")

    def stopping(self) -> None:
        """Shut-down has begun."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if self._address is None:
            return
        # A leading @ stands for the NUL that puts the name into the abstract name space (unix(7)).
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.connect(address)
                channel.sendall(state.encode("utf-8"))
        except OSError as error:
            # The manager will notice by itself that it hears nothing; the work goes on.
            _log.warning("notify=failed state=%s error=%s", state.partition("=")[0], error.strerror)
