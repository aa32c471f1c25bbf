"""Carries out what people asked for. Ledger verbs are one transaction; network verbs are done first, then recorded."""

import logging
from collections.abc import Callable, Mapping

from gateway.domain.errors import GatewayError
from gateway.domain.requests import Request, RequestKind
from gateway.spool.requests import RequestLedger

_log = logging.getLogger(__name__)

NetworkVerb = Callable[[Request], tuple[bool, str, str]]
"""Does a request and returns whether it went well, the outcome in words and its detail."""


class RequestStage:
    """The work of a role's request loop."""

    def __init__(
        self,
        *,
        role: str,
        requests: RequestLedger,
        verbs: Mapping[RequestKind, NetworkVerb] | None = None,
        every_s: float = 0.25,
    ) -> None:
        self._role = role
        self._requests = requests
        self._verbs = verbs or {}
        self._every_s = every_s

    def round(self) -> float:
        """Carry out everything that waits."""
        for request in self._requests.waiting(self._role):
            _log.info("request=%s kind=%s", request.id, request.kind.value)
            if request.kind in self._verbs:
                self._do(request, self._verbs[request.kind])
            else:
                self._requests.carry_out(request)
        return self._every_s

    def _do(self, request: Request, verb: NetworkVerb) -> None:
        try:
            ok, outcome, detail = verb(request)
        except GatewayError as fault:
            ok, outcome, detail = False, str(fault), ""
        self._requests.finished(request, ok=ok, outcome=outcome, detail=detail)

    def close(self) -> None:
        """Nothing to release."""
