"""Carries out what people asked for. Ledger verbs are one transaction; network verbs are done first, then recorded.

A request that fails in a way nobody foresaw must not keep the others waiting: it is tried after them, and given up in
the end.
"""

import logging
from collections.abc import Callable, Mapping

from gateway.domain.errors import GatewayError
from gateway.domain.requests import Request, RequestKind
from gateway.spool.requests import RequestLedger
from gateway.stages.beat import Beat

_log = logging.getLogger(__name__)

_MOST_TRIES = 3

NetworkVerb = Callable[[Request], tuple[bool, str, str]]
"""Does a request and returns whether it went well, the outcome in words and its detail."""


def _no_beat() -> None:
    """The beat of verbs that wait for nobody."""


class RequestStage:
    """The work of a role's request loop; it beats before each request, because some wait for a silent peer."""

    def __init__(
        self,
        *,
        role: str,
        requests: RequestLedger,
        beat: Beat = _no_beat,
        verbs: Mapping[RequestKind, NetworkVerb] | None = None,
        every_s: float = 0.25,
    ) -> None:
        self._role = role
        self._requests = requests
        self._beat = beat
        self._verbs = verbs or {}
        self._every_s = every_s
        self._begun: dict[str, int] = {}

    def round(self) -> float:
        """Carry out everything that waits; what failed before comes last."""
        for request in sorted(self._requests.waiting(self._role), key=lambda one: self._begun.get(one.id, 0)):
            self._beat()
            self._begun[request.id] = self._begun.get(request.id, 0) + 1
            try:
                self._carry_out(request)
            except GatewayError:
                del self._begun[request.id]  # the ledger is at fault, not the request
                raise
            del self._begun[request.id]
        return self._every_s

    def _carry_out(self, request: Request) -> None:
        _log.info("request=%s kind=%s", request.id, request.kind.value)
        if self._begun[request.id] > _MOST_TRIES:
            outcome = f"It was begun {_MOST_TRIES} times and never came to an end. The log has the details for support."
            self._requests.finished(request, ok=False, outcome=outcome)
        elif request.kind in self._verbs:
            self._do(request, self._verbs[request.kind])
        else:
            self._requests.carry_out(request)

    def _do(self, request: Request, verb: NetworkVerb) -> None:
        try:
            ok, outcome, detail = verb(request)
        except GatewayError as fault:
            ok, outcome, detail = False, str(fault), ""
        self._requests.finished(request, ok=ok, outcome=outcome, detail=detail)

    def close(self) -> None:
        """Nothing to release."""
