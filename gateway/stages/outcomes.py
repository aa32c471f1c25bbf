"""What came of each delivery, written down: answers some at a time, failures at once, trouble of the destination."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.errors import Disposition, GatewayError
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.domain.ports import Clock
from gateway.spool.deliveries import Answer, DeliveryLedger
from gateway.spool.destinations import DestinationLedger
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.stages.beat import Stopped
from gateway.stages.link_watch import may_be_the_link
from gateway.stages.retry import BackOff
from gateway.stages.sender import concerns_the_link, was_closed_on

_log = logging.getLogger(__name__)
_SMALL_BYTES = 1 << 20
_FOR_A_PERSON = frozenset({Disposition.PARK, Disposition.QUARANTINE, Disposition.HOLD})


class Outcomes:
    """The outcomes of one worker's deliveries.

    Answers wait to be recorded together: until then a crash only means that those instances are sent once more.
    """

    def __init__(
        self,
        *,
        destination: str,
        back_off: BackOff,
        deliveries: DeliveryLedger,
        destinations: DestinationLedger,
        health: HealthLedger,
        clock: Clock,
        passage: Passage,
        link_stands: Callable[[], bool],
    ) -> None:
        self._name = destination
        self._back_off = back_off
        self._deliveries = deliveries
        self._destinations = destinations
        self._health = health
        self._clock = clock
        self._passage = passage
        self._link_stands = link_stands
        self._answers: list[Answer] = []

    @property
    def unrecorded(self) -> Sequence[Answer]:
        """The answers that are not recorded yet."""
        return self._answers

    def take(self, delivery: Delivery, outcome: StoreOutcome | GatewayError, begun: datetime) -> GatewayError | None:
        """Note what came of one instance; the fault if it concerns the link.

        An answer is recorded with those that follow it closely, but at once where more than that was at stake before.
        """
        if isinstance(outcome, GatewayError):
            self.record()
            parked = self._record_failure(delivery, outcome, begun)
            return outcome if concerns_the_link(outcome) and not parked else None
        self._passage(Checkpoint.DELIVER_ANSWERED)
        self._answers.append(Answer(delivery, outcome, begun, self._clock.now()))
        if delivery.attempts > 1 or delivery.spooled.size > _SMALL_BYTES:
            self.record()
        return None

    def record(self) -> None:
        """Record the answers that are not recorded yet."""
        if self._answers:
            self._deliveries.record(self._answers)
            self.recorded()

    def recorded(self) -> None:
        """The answers are recorded now: say so."""
        answers, self._answers = self._answers, []
        if not answers:
            return
        self._passage(Checkpoint.DELIVER_COMMITTED)
        if self._destinations.answers(self._name):
            self._health.settle(f"destination.{self._name}.", {})
        for answer in answers:
            _log.info(
                "destination=%s sop_instance=%s status=%04X syntax=%s attempt=%d",
                self._name,
                answer.delivery.sop_instance_uid,
                answer.outcome.status,
                answer.outcome.transfer_syntax_uid,
                answer.delivery.attempts,
            )

    def _record_failure(self, delivery: Delivery, fault: GatewayError, begun: datetime) -> bool:
        """Record a try that failed; whether it now waits for a person."""
        park = fault.disposition in _FOR_A_PERSON
        stopped = isinstance(fault, Stopped)
        again_s = self._back_off.cap_s if park else self._back_off.delay_s(delivery.attempts)
        delay = timedelta(seconds=0 if stopped else again_s)
        parked = self._deliveries.failed(
            delivery,
            fault,
            begun,
            park=park,
            due=self._clock.now() + delay,
            broke_link=was_closed_on(fault) and not stopped and not self._link_stands(),
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

    def destination_failed(self, fault: GatewayError) -> None:
        """Let the destination rest: doubling for the link, at the slowest pace for what a person must change.

        It rests at least as long as it asks for, with all of its workers.
        """
        failures = self._destinations.failures(self._name) + 1
        slow = fault.disposition is not Disposition.RETRY
        delay_s = max(fault.retry_after_s, self._back_off.cap_s if slow else self._back_off.delay_s(failures))
        due = self._clock.now() + timedelta(seconds=delay_s)
        self._destinations.failed(self._name, fault, due, by_link=may_be_the_link(fault))
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
