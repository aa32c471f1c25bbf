"""Reads one scanner and asks for the step that each code fits to be opened; the ledger decides whether it is."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.domain.errors import GatewayError
from gateway.domain.ports import RequestDesk
from gateway.domain.requests import RequestKind
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.stages.loop import Beat

_log = logging.getLogger(__name__)


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
    ) -> None:
        self._name = name
        self._device = device
        self._codes = codes
        self._read_code = read_code
        self._desk = desk
        self._health = health
        self._beat = beat
        self._wait_s = wait_s

    def round(self) -> float:
        """Wait for codes and file each; there is never a reason to rest."""
        for code in self._codes.read(self._wait_s):
            kind, value = self._read_code(self._device, code)
            payload = {"device": self._device, "code": value, "kind": kind}
            self._desk.file(RequestKind.SCAN, payload, by=f"scanner {self._name}")
            _log.info("scanner=%s device=%s kind=%s", self._name, self._device, kind or "any")
        self._beat()
        prefix = f"scanner.{self._name}."
        trouble = self._codes.trouble
        issue = None if trouble is None else StandingIssue("attention", trouble.message, trouble.remedy)
        self._health.settle(prefix, {f"{prefix}line": issue} if issue is not None else {})
        return 0.0

    def close(self) -> None:
        """Release the scanner."""
        self._codes.close()
