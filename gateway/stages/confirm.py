"""Proves that a destination keeps what it stored: asked by storage commitment or by a query, one loop a destination.

Each transaction is in the ledger before the peer hears of it, and each report goes there before it is answered, so a
restart at any moment loses neither. Trouble with the link delays the asking; only the peer's own word about an instance
moves that instance.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.dimse.commitment import CommitmentSession
from gateway.dimse.peer import Peer
from gateway.dimse.query_back import held_instances
from gateway.dimse.status import PeerRefused
from gateway.domain.commitment import NO_SUCH_INSTANCE, ProofReport, ProofRequest
from gateway.domain.errors import Disposition, GatewayError
from gateway.domain.ports import Clock
from gateway.spool.commitments import CommitmentLedger
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.stages.beat import Beat
from gateway.stages.retry import BackOff

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
_ISSUES_S = 10.0
_FORGET_S = 60.0


class Prover(Protocol):
    """Gets a peer's word on the instances of a transaction."""

    def prove(self, request: ProofRequest) -> None:
        """Ask; raises a `GatewayError` if the peer did not take the request."""
        ...


@dataclass(frozen=True, slots=True)
class ProofRules:
    """What the configuration says about one destination's proof."""

    batch: int
    rounds: int
    back_off: BackOff


class CommitmentProver:
    """Storage commitment: the report may come at once, on the same association, or whenever the peer likes."""

    def __init__(self, peer: Peer, commitments: CommitmentLedger, *, wait_s: float, beat: Beat) -> None:
        self._peer = peer
        self._commitments = commitments
        self._wait_s = wait_s
        self._beat = beat

    def prove(self, request: ProofRequest) -> None:
        """Ask and wait a while for the report."""
        uid = request.transaction_uid
        with CommitmentSession.open(self._peer, reporter(self._commitments), beat=self._beat) as session:
            session.ask(request)
            self._commitments.accepted(uid)
            session.wait(self._wait_s, lambda: not self._commitments.is_open(uid))


class QueryProver:
    """A query for each instance, where the peer has no storage commitment; its answer is taken as a report."""

    def __init__(self, peer: Peer, commitments: CommitmentLedger, *, beat: Beat) -> None:
        self._peer = peer
        self._commitments = commitments
        self._beat = beat

    def prove(self, request: ProofRequest) -> None:
        """Ask, and write down what the peer holds and what it does not."""
        held = held_instances(self._peer, request.items, beat=self._beat)
        asked = {(str(item.sop_class_uid), str(item.sop_instance_uid)) for item in request.items}
        kept = frozenset(pair for pair in asked if pair[1] in held)
        missing = dict.fromkeys(asked - kept, NO_SUCH_INSTANCE)
        self._commitments.report(ProofReport(request.transaction_uid, kept, missing))


class ConfirmStage:
    """The work of one destination's proof loop."""

    def __init__(
        self,
        *,
        destination: str,
        rules: ProofRules,
        prover: Prover,
        commitments: CommitmentLedger,
        health: HealthLedger,
        clock: Clock,
    ) -> None:
        self._name = destination
        self._rules = rules
        self._prover = prover
        self._commitments = commitments
        self._health = health
        self._clock = clock
        self._next_look = self._next_issues = self._next_forgetting = float("-inf")
        self._failures = 0
        self._fault: GatewayError | None = None
        commitments.void_unanswered(destination)

    def round(self) -> float:
        """Ask for what is due; the ledger wakes this loop at every commit, so it looks at its own pace."""
        left = self._next_look - self._clock.monotonic()
        if left > 0:
            return left
        self._next_look = self._clock.monotonic() + _LOOK_S
        self._commitments.put_right(self._name)
        self._commitments.expire(self._name)
        request = self._commitments.begin(self._name, self._rules.batch)
        if request is not None:
            self._prove(request)
        self._keep_house(now=request is not None)
        return max(0.0, self._next_look - self._clock.monotonic())

    def _keep_house(self, *, now: bool) -> None:
        """Tell what is wrong, and forget what is over, now and then: both look at many rows of a long backlog."""
        moment = self._clock.monotonic()
        if now or moment >= self._next_issues:
            self._next_issues = moment + _ISSUES_S
            self._health.settle(f"proof.{self._name}.", self._issues())
        if moment >= self._next_forgetting:
            self._next_forgetting = moment + _FORGET_S
            self._commitments.forget(self._name)

    def close(self) -> None:
        """Nothing to release."""

    def _prove(self, request: ProofRequest) -> None:
        try:
            self._prover.prove(request)
        except GatewayError as fault:
            self._failed(request, fault)
            return
        self._failures, self._fault = 0, None
        _log.info("destination=%s proof=asked instances=%d", self._name, len(request.items))

    def _failed(self, request: ProofRequest, fault: GatewayError) -> None:
        self._failures, self._fault = self._failures + 1, fault
        slow = fault.disposition is not Disposition.RETRY
        wait_s = self._rules.back_off.cap_s if slow else self._rules.back_off.delay_s(self._failures)
        in_vain = isinstance(fault, PeerRefused)
        self._commitments.refused(request.transaction_uid, fault, wait_s=wait_s, in_vain=in_vain)
        self._next_look = self._clock.monotonic() + wait_s
        _log.warning(
            "destination=%s proof=failed phase=%s code=%s again_in_s=%.0f error=%s",
            self._name,
            fault.phase.value,
            fault.code,
            wait_s,
            fault.message,
        )

    def _issues(self) -> dict[str, StandingIssue]:
        found = {}
        if self._fault is not None:
            severity = "attention" if self._fault.disposition is Disposition.RETRY else "danger"
            found[f"proof.{self._name}.link"] = StandingIssue(severity, self._fault.message, self._fault.remedy)
        count, error, remedy = self._commitments.unproven(self._name, self._rules.rounds)
        if count:
            text = f"{count} object(s) that {self._name} has stored are still not proven. {error}".rstrip()
            found[f"proof.{self._name}.rounds"] = StandingIssue(
                "danger", text, remedy or "Ask the administrator of the peer to look for them; their bytes stay here."
            )
        return found


def reporter(commitments: CommitmentLedger) -> Callable[[ProofReport], None]:
    """What takes a report over: into the ledger, and a line in the log."""

    def take(report: ProofReport) -> None:
        known = commitments.report(report)
        _log.log(
            logging.INFO if known else logging.WARNING,
            "commitment_report transaction=%s known=%s committed=%d failed=%d",
            report.transaction_uid,
            "yes" if known else "no",
            len(report.committed),
            len(report.failed),
        )

    return take
