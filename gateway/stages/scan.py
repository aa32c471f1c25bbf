"""Reads one scanner and asks for the step that each code fits to be opened; the ledger decides whether it is."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.domain.errors import GatewayError
from gateway.domain.ports import RequestDesk
from gateway.domain.requests import RequestKind
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.stages.beat import Beat

_log = logging.getLogger(__name__)
_REST_S = 1.5
_MOST, _WITHIN_S = 12, 10.0
"""More codes than anybody scans: each is a file and a row."""


class Codes(Protocol):
    """What reads a scanner."""

    trouble: GatewayError | None

    def read(self, wait_s: float) -> Sequence[str]:
        """The codes that have come, after waiting for one."""
        ...

    def close(self) -> None:
        """Release the scanner."""
        ...


class ScanStage:
    """The work of one scanner's loop."""

    def __init__(
        self,
        *,
        name: str,
        device: str,
        codes: Codes,
        read_code: Callable[[str, str], tuple[str, str]],
        desk: RequestDesk,
        health: HealthLedger,
        beat: Beat,
        wait_s: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._device = device
        self._codes = codes
        self._read_code = read_code
        self._desk = desk
        self._health = health
        self._beat = beat
        self._wait_s = wait_s
        self._monotonic = monotonic
        self._last, self._last_at = "", float("-inf")
        self._filed: list[float] = []
        self._is_flooded = False

    def round(self) -> float:
        """Wait for codes and file each that somebody scanned; there is never a reason to rest."""
        for code in self._codes.read(self._wait_s):
            if self._is_scanned(code):
                self._file(code)
        if self._is_flooded and self._monotonic() - self._last_at >= _REST_S:
            self._is_flooded = False
        self._beat()
        prefix = f"scanner.{self._name}."
        issue = self._issue()
        self._health.settle(prefix, {f"{prefix}line": issue} if issue is not None else {})
        return 0.0

    def _is_scanned(self, code: str) -> bool:
        """Whether somebody scanned it: not what the scanner goes on reading, nor what comes faster than people scan."""
        now = self._monotonic()
        is_new = code != self._last or now - self._last_at >= _REST_S
        self._last, self._last_at = code, now
        self._filed = [at for at in self._filed if now - at < _WITHIN_S]
        self._is_flooded = self._is_flooded or (is_new and len(self._filed) >= _MOST)
        if not is_new or self._is_flooded:
            return False
        self._filed.append(now)
        return True

    def _file(self, code: str) -> None:
        kind, value = self._read_code(self._device, code)
        payload = {"device": self._device, "code": value, "kind": kind}
        self._desk.file(RequestKind.SCAN, payload, by=f"scanner {self._name}")
        _log.info("scanner=%s device=%s kind=%s", self._name, self._device, kind or "any")

    def _issue(self) -> StandingIssue | None:
        if self._is_flooded:
            return StandingIssue(
                "attention",
                f"The scanner {self._name} sends codes without end; they are left aside until it rests.",
                "Look whether something lies before it, and set it to read only while its trigger is held.",
            )
        trouble = self._codes.trouble
        return None if trouble is None else StandingIssue("attention", trouble.message, trouble.remedy)

    def close(self) -> None:
        """Release the scanner."""
        self._codes.close()
