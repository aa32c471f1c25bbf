"""Runs the roles as child processes where no service manager does: a workstation, a container, a demo.

A child that ends is started again, after a back-off that doubles to a cap and is forgotten once a child has run well
for a while. One that ends for its configuration (exit code 78) waits longer, because only a person can mend that.
SIGTERM and SIGINT are passed on; children that do not end in time are killed. Children die with their
parent, whatever ends it.
"""

import ctypes
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.domain.doubling import doubled
from gateway.host.signals import stop_on_signals

_log = logging.getLogger(__name__)
# one process a core is the codec's own plan; threads of the matrix library would only fight over the cores
_ENVIRONMENT = MappingProxyType({"OPENBLAS_NUM_THREADS": "1"})
_PR_SET_PDEATHSIG = 1
_GLANCE_S = 0.2
_WELL_AFTER_S = 30.0
_EX_CONFIG = 78


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    due_at: float = 0.0
    failures: int = field(default=0)


class Supervisor:
    """Keeps `children` (name to command) running until it is asked to stop."""

    def __init__(
        self,
        children: Mapping[str, Sequence[str]],
        *,
        base_s: float = 0.5,
        cap_s: float = 30.0,
        configuration_s: float = 60.0,
        patience_s: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = [_Child(name, tuple(command)) for name, command in children.items()]
        self._base_s = base_s
        self._cap_s = cap_s
        self._configuration_s = configuration_s
        self._patience_s = patience_s
        self._monotonic = monotonic

    def run(self, stop: threading.Event | None = None) -> int:
        """Supervise until `stop` (a signal) is set; 0 if every child then ended cleanly and in time, else 1.

        Why a child ended makes no difference: one role that cannot work, for want of a key perhaps, must not end the
        capture of another device.
        """
        asked = stop if stop is not None else stop_on_signals()
        try:
            while not asked.is_set():
                self._round()
                asked.wait(_GLANCE_S)
        finally:
            clean = self._end()
        return 0 if clean else 1

    def pids(self) -> Mapping[str, int]:
        """Process ids of the children that run now."""
        return {child.name: child.process.pid for child in self._children if child.process is not None}

    def _round(self) -> None:
        """Start what is due, note what has ended."""
        for child in self._children:
            if child.process is None:
                if self._monotonic() >= child.due_at:
                    self._start(child)
                continue
            code = child.process.poll()
            if code is not None:
                self._note_end(child, code)

    def _start(self, child: _Child) -> None:
        parent = os.getpid()
        libc = ctypes.CDLL(None)

        def die_with_parent() -> None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # the parent ended before the line above
                os._exit(1)

        child.started_at = self._monotonic()
        # A session of its own keeps a terminal's Ctrl-C from reaching the children twice.
        child.process = subprocess.Popen(
            child.command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_ENVIRONMENT},
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no other thread runs in the supervisor when it forks
        )
        _log.info("child=%s pid=%d started", child.name, child.process.pid)

    def _note_end(self, child: _Child, code: int) -> None:
        ran_s = self._monotonic() - child.started_at
        child.failures = 1 if ran_s >= _WELL_AFTER_S else child.failures + 1
        delay_s = doubled(self._base_s, child.failures, self._cap_s)
        why = ""
        if code == _EX_CONFIG:
            delay_s, why = self._configuration_s, " cause=configuration remedy=correct_what_the_line_above_names"
        child.process = None
        child.due_at = self._monotonic() + delay_s
        _log.error("child=%s ended=%d ran_s=%.1f again_in_s=%.1f%s", child.name, code, ran_s, delay_s, why)

    def _end(self) -> bool:
        """Ask all children to end, kill those that do not; whether all of them ended cleanly by themselves."""
        running = [(child, child.process) for child in self._children if child.process is not None]
        for _, process in running:
            process.send_signal(signal.SIGTERM)
        deadline = self._monotonic() + self._patience_s
        clean = [self._await(child, process, deadline) for child, process in running]
        return all(clean)

    def _await(self, child: _Child, process: "subprocess.Popen[bytes]", deadline: float) -> bool:
        child.process = None
        try:
            code = process.wait(max(0.0, deadline - self._monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            _log.error("child=%s killed after_s=%.0f", child.name, self._patience_s)
            return False
        if code not in {0, -signal.SIGTERM}:
            _log.error("child=%s ended=%d while stopping", child.name, code)
            return False
        return True
