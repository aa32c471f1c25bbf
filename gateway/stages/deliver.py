"""Sends what is owed to one destination: checked before each send, proven by the peer's own answer, retried for ever.

Trouble with the link delays the destination; trouble with one object concerns that object alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.domain.lanes import Lane
from gateway.domain.ports import Clock
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.deliveries import DeliveryLedger
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.runs import Run
from gateway.spool.standing_in import StandIn
from gateway.stages.hours import Hours, is_open
from gateway.stages.retry import BackOff
from gateway.stages.sender import Learnt, Sender, concerns_the_link
from gateway.stages.width import Width

_log = logging.getLogger(__name__)
_REST_S = 1.0
_FOR_A_PERSON = frozenset({Disposition.PARK, Disposition.QUARANTINE, Disposition.HOLD})


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """What the configuration says about one destination."""

    name: str
    back_off: BackOff
    linger_s: float
    windows: tuple[Hours, ...] = ()
    stat_any_time: bool = True
    clip_bytes: int = 16 << 20


class DeliverStage:
    """The work of one worker of a destination."""

    def __init__(
        self,
        *,
        run: Run,
        rules: DestinationRules,
        deliveries: DeliveryLedger,
        sender: Sender,
        health: HealthLedger,
        clock: Clock,
        passage: Passage,
        width: Width,
        worker: int = 0,
        stand_in: StandIn | None = None,
        memory: AcceptedLedger,
    ) -> None:
        self._run = run
        self._name = rules.name
        self._rules = rules
        self._deliveries = deliveries
        self._sender = sender
        self._health = health
        self._clock = clock
        self._passage = passage
        self._width = width
        self._worker = worker
        self._stand_in = stand_in
        self._memory = memory
        self._known: Learnt | None = None
        self._used = 0.0

    def round(self) -> float:
        """Send one batch of what is due; rest when nothing is."""
        if self._stand_in is not None:
            self._stand_in.look()
        lanes = self._lanes()
        if not lanes:
            self.close()
            return _REST_S
        batch = self._deliveries.claim_due(self._name, self._run, self._width.batch(), worker=self._worker, lanes=lanes)
        if not batch:
            self._let_go_when_idle()
            return _REST_S
        self._passage(Checkpoint.DELIVER_CLAIMED)
        try:
            self._sender.open((d.spooled.sop_class_uid, d.spooled.transfer_syntax_uid) for d in batch)
        except GatewayError as refusal:
            return self._not_opened(batch, refusal)
        self._remember()
        self._passage(Checkpoint.DELIVER_ASSOCIATED)
        self._width.begun(self._worker, self._sender.round_trip_s())
        try:
            return self._send(batch)
        finally:
            self._used = self._clock.monotonic()
            self._width.ended(self._worker)
            if not self._sender.usable():
                self._width.closed(self._worker)

    def _remember(self) -> None:
        """Keep what the peer said when it was opened anew."""
        learnt = self._sender.learnt()
        if learnt is not None and learnt is not self._known:
            self._memory.learn(self._name, learnt.pairs, learnt.max_pdu_bytes)
            self._known = learnt

    def _lanes(self) -> Sequence[Lane]:
        """The lanes that this worker may take now: by its number, and by the hour."""
        lanes = self._width.lanes(self._worker)
        if is_open(self._rules.windows, self._clock.now()):
            return lanes
        return [lane for lane in lanes if lane is Lane.STAT and self._rules.stat_any_time]

    def _not_opened(self, batch: Sequence[Delivery], refusal: GatewayError) -> float:
        """What a refused association means: one too many while others stand, else trouble of the destination."""
        self._deliveries.give_back(batch)
        too_many = refusal.disposition is Disposition.RETRY and refusal.phase is Phase.NEGOTIATE
        if too_many and self._width.refused(self._worker):
            _log.info("destination=%s worker=%d one_too_many error=%s", self._name, self._worker, refusal.message)
            return _REST_S
        self._width.closed(self._worker)
        self._destination_failed(refusal)
        return _REST_S

    def _send(self, batch: Sequence[Delivery]) -> float:
        """Send a claimed batch and record each outcome as it comes; what was not begun is given back."""
        left = {delivery.id: delivery for delivery in batch}
        stored, started = 0, self._clock.monotonic()
        begun = self._clock.now()
        fault: GatewayError | None = None
        for delivery, outcome in self._sender.send(batch):
            del left[delivery.id]
            fault = self._record(delivery, outcome, begun) or fault
            stored += isinstance(outcome, StoreOutcome) and delivery.spooled.size < self._rules.clip_bytes
            begun = self._clock.now()
        self._deliveries.give_back(list(left.values()))
        if fault is not None:
            self._destination_failed(fault)
            return _REST_S
        self._width.measured(stored, self._clock.monotonic() - started, self._sender.round_trip_s())
        return 0.0

    def close(self) -> None:
        """Release the association."""
        self._sender.close()
        self._width.closed(self._worker)

    def _let_go_when_idle(self) -> None:
        if self._sender.usable() and self._clock.monotonic() - self._used > self._rules.linger_s:
            self.close()

    def _record(self, delivery: Delivery, outcome: StoreOutcome | GatewayError, begun: datetime) -> GatewayError | None:
        """Record what came of one instance; the fault if it concerns the link."""
        if isinstance(outcome, GatewayError):
            parked = self._record_failure(delivery, outcome, begun)
            return outcome if concerns_the_link(outcome) and not parked else None
        self._passage(Checkpoint.DELIVER_ANSWERED)
        self._deliveries.stored(delivery, outcome, begun)
        self._passage(Checkpoint.DELIVER_COMMITTED)
        if self._deliveries.destination_answers(self._name):
            self._health.settle(f"destination.{self._name}.", {})
        _log.info(
            "destination=%s sop_instance=%s status=%04X syntax=%s attempt=%d",
            self._name,
            delivery.sop_instance_uid,
            outcome.status,
            outcome.transfer_syntax_uid,
            delivery.attempts,
        )
        return None

    def _record_failure(self, delivery: Delivery, fault: GatewayError, begun: datetime) -> bool:
        """Record a try that failed; whether it now waits for a person."""
        park = fault.disposition in _FOR_A_PERSON
        delay = timedelta(seconds=self._rules.back_off.delay_s(delivery.attempts))
        parked = self._deliveries.failed(
            delivery,
            fault,
            begun,
            park=park,
            due=self._clock.now() + delay,
            broke_link=concerns_the_link(fault) and not self._sender.usable(),
        )
        _log.warning(
            "destination=%s sop_instance=%s phase=%s disposition=%s code=%s attempt=%d error=%s",
            self._name,
            delivery.sop_instance_uid,
            fault.phase.value,
            fault.disposition.value,
            fault.code,
            delivery.attempts,
            fault.message,
        )
        return parked

    def _destination_failed(self, fault: GatewayError) -> None:
        """Let the destination rest: doubling for the link, at the slowest pace for what a person must change."""
        self._width.trouble()
        failures = self._deliveries.failures(self._name) + 1
        slow = fault.disposition is not Disposition.RETRY
        delay_s = self._rules.back_off.cap_s if slow else self._rules.back_off.delay_s(failures)
        self._deliveries.destination_failed(self._name, fault, self._clock.now() + timedelta(seconds=delay_s))
        issue = StandingIssue("danger" if slow else "attention", fault.message, fault.remedy)
        self._health.settle(f"destination.{self._name}.", {f"destination.{self._name}.link": issue})
        _log.warning(
            "destination=%s phase=%s disposition=%s failures=%d again_in_s=%.0f error=%s",
            self._name,
            fault.phase.value,
            fault.disposition.value,
            failures,
            delay_s,
            fault.message,
        )
