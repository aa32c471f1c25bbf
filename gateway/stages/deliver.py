"""Sends what is owed to one destination: checked before each send, proven by the peer's own answer, retried for ever.

Trouble with the link delays the destination; trouble with one object concerns that object alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.domain.lanes import Lane
from gateway.domain.ports import Clock
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import LEDGER_FAULTS
from gateway.spool.deliveries import DeliveryLedger
from gateway.spool.destinations import DestinationLedger
from gateway.spool.health import HealthLedger
from gateway.spool.runs import Run
from gateway.spool.standing_in import StandIn
from gateway.stages.beat import Stopped
from gateway.stages.hours import Hours, is_open
from gateway.stages.outcomes import Outcomes
from gateway.stages.retry import BackOff
from gateway.stages.sender import Learnt, Pair, Sender
from gateway.stages.width import Width

_log = logging.getLogger(__name__)
_REST_S = 1.0
_GLANCE_S = 0.2
_MOMENT_S = 0.01
_QUICK_ROUND_TRIP_S = 0.005
_MOST_UNRECORDED = 16
_SMALL_BYTES = 1 << 20
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
        destinations: DestinationLedger,
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
        self._destinations = destinations
        self._sender = sender
        self._clock = clock
        self._passage = passage
        self._width = width
        self._worker = worker
        self._stand_in = stand_in
        self._memory = memory
        self._known: Learnt | None = None
        self._used = 0.0
        self._ahead: list[Delivery] = []
        self._outcomes = Outcomes(
            destination=rules.name,
            back_off=rules.back_off,
            deliveries=deliveries,
            destinations=destinations,
            health=health,
            clock=clock,
            passage=passage,
            link_stands=sender.usable,
        )
        self._remembered: int | None = None

    def round(self) -> float:
        """Send one batch of what is due; rest when nothing is."""
        if self._stand_in is not None:
            self._stand_in.look()
        if self._remembered is None:
            self._remembered = self._destinations.associations(self._name)
            self._width.recall(self._remembered)
        lanes = self._lanes()
        if not lanes:
            self.close()
            return self._rest_unneeded()
        if (refused := self._open_first(lanes)) is not None:
            return refused
        batch = self._next_batch(lanes)
        if not batch:
            self._let_go_when_idle()
            return _REST_S
        self._passage(Checkpoint.DELIVER_CLAIMED)
        refused = self._open([(d.spooled.sop_class_uid, d.spooled.transfer_syntax_uid) for d in batch], batch)
        if refused is not None:
            return refused
        self._passage(Checkpoint.DELIVER_ASSOCIATED)
        self._width.begun(self._worker)
        try:
            return self._send(batch)
        finally:
            self._used = self._clock.monotonic()
            self._width.ended(self._worker)
            if not self._sender.usable():
                self._width.closed(self._worker)

    def _open_first(self, lanes: Sequence[Lane]) -> float | None:
        """Call the peer before anything is claimed: one that serves no second association then holds nothing up."""
        if not self._width.calls_first(self._worker) or self._ahead or self._sender.usable():
            return None
        if not self._deliveries.is_due(self._name, lanes):
            return _REST_S
        self._used = self._clock.monotonic()
        return self._open(self._width.pairs(), [])

    def _open(self, pairs: Sequence[Pair], batch: Sequence[Delivery]) -> float | None:
        """Have the association for these pairs; how long to rest if the peer refuses."""
        self._width.opening(self._worker, pairs)
        try:
            self._sender.open(pairs)
        except GatewayError as refusal:
            return self._not_opened(batch, refusal)
        self._width.opened(self._worker)
        self._remember()
        return None

    def _rest_unneeded(self) -> float:
        """Rest while the hours are closed; else wait for the word that this worker is needed."""
        if self._width.lanes(self._worker):
            return _REST_S
        return 0.0 if self._width.await_need(self._worker, _GLANCE_S) else _MOMENT_S

    def _next_batch(self, lanes: Sequence[Lane]) -> list[Delivery]:
        """What was claimed ahead, else what is due; only one as long as it is not known that the peer answers."""
        batch, self._ahead = self._ahead, []
        if batch:
            return batch
        limit = self._width.batch() if self._sender.usable() else 1
        return self._claim(limit, lanes)

    def _claim(self, limit: int, lanes: Sequence[Lane], holding: Sequence[Delivery] = ()) -> list[Delivery]:
        """Record the answers that came, and claim, in one transaction."""
        claimed = self._deliveries.claim_due(
            self._name,
            self._run,
            limit,
            worker=self._worker,
            lanes=lanes,
            sharers=self._width.sharers(),
            answers=self._outcomes.unrecorded,
            holding=holding,
        )
        self._outcomes.recorded()
        return claimed

    def _remember(self) -> None:
        """Keep what the peer said, if it said anything new."""
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
        self._outcomes.record()
        if batch:
            self._deliveries.give_back(batch)
        if isinstance(refusal, Stopped):
            self._width.closed(self._worker)
            return 0.0
        too_many = refusal.disposition is Disposition.RETRY and refusal.phase is Phase.NEGOTIATE
        if too_many and self._width.refused(self._worker):
            _log.info("destination=%s worker=%d one_too_many error=%s", self._name, self._worker, refusal.message)
            return _REST_S
        self._width.closed(self._worker)
        self._width.trouble()
        self._outcomes.destination_failed(refusal)
        return _REST_S

    def _send(self, batch: Sequence[Delivery]) -> float:
        """Send a claimed batch and record each outcome; what was not begun is given back."""
        left = {delivery.id: delivery for delivery in batch}
        stored, started = [], self._clock.monotonic()
        begun = self._clock.now()
        fault: GatewayError | None = None
        for delivery, outcome in self._sender.send(batch, partial(self._meanwhile, batch[-1])):
            del left[delivery.id]
            fault = self._outcomes.take(delivery, outcome, begun) or fault
            if isinstance(outcome, StoreOutcome):
                stored.append(delivery.spooled.size < self._rules.clip_bytes)
            begun = self._clock.now()
        self._remember()
        if fault is not None or left or not self._ahead:
            self._outcomes.record()
        if unbegun := [*left.values(), *(self._take_ahead() if fault is not None else ())]:
            self._deliveries.give_back(unbegun)
        if fault is not None:
            return self._failed(fault)
        if stored:
            took_s = self._clock.monotonic() - started
            self._width.measured(sum(stored), took_s, self._sender.round_trip_s(), self._sender.queueing_s())
        return 0.0

    def _failed(self, fault: GatewayError) -> float:
        if not isinstance(fault, Stopped):
            self._width.trouble()
            self._outcomes.destination_failed(fault)
        return _REST_S

    def _meanwhile(self, last: Delivery, rest: Sequence[Delivery]) -> Sequence[Delivery]:
        """While an answer is awaited: record the answers before it, and claim what comes after the batch."""
        try:
            return () if rest and self._leave_unrecorded() else self._look_ahead(last, rest)
        except LEDGER_FAULTS as fault:
            # the answer that is awaited comes first; the ledger is asked again when it is to be recorded
            _log.error("destination=%s worker=%d ledger=%s", self._name, self._worker, type(fault).__name__)
            return ()

    def _leave_unrecorded(self) -> bool:
        """Whether the answers may still wait: on a short link a commit takes longer than the answer."""
        return self._sender.round_trip_s() < _QUICK_ROUND_TRIP_S and len(self._outcomes.unrecorded) < _MOST_UNRECORDED

    def _look_ahead(self, last: Delivery, rest: Sequence[Delivery]) -> Sequence[Delivery]:
        lanes = self._lanes()
        if rest or self._ahead or not lanes:
            self._outcomes.record()
        else:
            self._ahead = self._claim(self._width.batch(), lanes, holding=[last])
        return self._ahead

    def _take_ahead(self) -> list[Delivery]:
        ahead, self._ahead = self._ahead, []
        return ahead

    def close(self) -> None:
        """Record what is known, give back what was not begun, and release the association."""
        try:
            self._outcomes.record()
            if self._ahead:
                self._deliveries.give_back(self._take_ahead())
            self._keep_width()
        finally:
            self._sender.close()
            self._width.closed(self._worker)

    def _keep_width(self) -> None:
        """Have the next run begin with as many associations as filled the link."""
        if self._worker == 0 and (target := self._width.target()) > 1 and target != self._remembered:
            self._remembered = target
            self._destinations.remember_associations(self._name, target)

    def _let_go_when_idle(self) -> None:
        if self._sender.usable() and self._clock.monotonic() - self._used > self._rules.linger_s:
            self.close()
