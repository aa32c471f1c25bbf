"""Sends what is owed to one destination: checked before each send, proven by the peer's own answer, retried for ever.

Trouble with the link delays the destination; trouble with one object concerns that object alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway.dimse.peer import Peer
from gateway.dimse.store import UNCOMPRESSED, StoreSession
from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.instance import Delivery, StoreOutcome
from gateway.domain.ports import Clock
from gateway.objects.transcode import explicit_little_endian, implicit_little_endian
from gateway.spool.deliveries import DeliveryLedger
from gateway.spool.files import SpoolFiles, digest_of
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.runs import Run
from gateway.stages.loop import Beat
from gateway.stages.retry import BackOff

_log = logging.getLogger(__name__)
_BATCH = 64
_REST_S = 1.0
_EXPLICIT, _IMPLICIT = UNCOMPRESSED
_FOR_A_PERSON = frozenset({Disposition.PARK, Disposition.QUARANTINE, Disposition.HOLD})
_LINK_PHASES = frozenset({Phase.RESOLVE, Phase.CONNECT, Phase.TLS, Phase.NEGOTIATE, Phase.TRANSFER, Phase.RESPONSE})


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """What the configuration says about one destination."""

    peer: Peer
    back_off: BackOff
    linger_s: float


class DeliverStage:
    """The work of one destination's loop."""

    def __init__(
        self,
        *,
        run: Run,
        rules: DestinationRules,
        deliveries: DeliveryLedger,
        files: SpoolFiles,
        health: HealthLedger,
        clock: Clock,
        passage: Passage,
        beat: Beat,
    ) -> None:
        self._run = run
        self._name = rules.peer.name
        self._rules = rules
        self._deliveries = deliveries
        self._files = files
        self._health = health
        self._clock = clock
        self._passage = passage
        self._beat = beat
        self._session: StoreSession | None = None
        self._used = 0.0
        self._pairs: dict[tuple[str, str], None] = {}

    def round(self) -> float:
        """Send one batch of what is due; rest when nothing is."""
        batch = self._deliveries.claim_due(self._name, self._run, _BATCH)
        if not batch:
            self._let_go_when_idle()
            return _REST_S
        self._passage(Checkpoint.DELIVER_CLAIMED)
        try:
            session = self._associate(batch)
        except GatewayError as refusal:
            self._deliveries.give_back(batch)
            self._destination_failed(refusal)
            return _REST_S
        self._passage(Checkpoint.DELIVER_ASSOCIATED)
        for position, delivery in enumerate(batch):
            self._beat()
            fault = self._deliver(session, delivery)
            if fault is not None and _concerns_the_link(fault):
                self._deliveries.give_back(batch[position + 1 :])
                self._destination_failed(fault)
                return _REST_S
            if not session.usable():
                self._deliveries.give_back(batch[position + 1 :])
                return 0.0
        self._used = self._clock.monotonic()
        return 0.0

    def close(self) -> None:
        """Release the association."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _let_go_when_idle(self) -> None:
        if self._session is not None and self._clock.monotonic() - self._used > self._rules.linger_s:
            self.close()

    def _associate(self, batch: Sequence[Delivery]) -> StoreSession:
        """The open association if it serves this batch, else a new one that proposes all that was ever needed."""
        needed: dict[tuple[str, str], None] = {
            (d.spooled.sop_class_uid, d.spooled.transfer_syntax_uid): None for d in batch
        }
        session = self._session
        if session is not None and session.usable() and all(session.proposed(*pair) for pair in needed):
            return session
        self.close()
        # this batch first: an association holds 128 contexts and no more
        self._pairs = {**needed, **self._pairs}
        self._session = StoreSession.open(self._rules.peer, self._pairs, beat=self._beat)
        return self._session

    def _deliver(self, session: StoreSession, delivery: Delivery) -> GatewayError | None:
        """Send one instance and record what came of it; the fault if it was not stored."""
        begun = self._clock.now()
        try:
            outcome = self._store(session, delivery)
        except GatewayError as fault:
            self._record_failure(delivery, fault, begun)
            return fault
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

    def _store(self, session: StoreSession, delivery: Delivery) -> StoreOutcome:
        """Send the frozen file as it stands, or an uncompressed copy of it where the peer takes nothing else."""
        spooled = delivery.spooled
        path = self._files.absolute(spooled.path)
        self._check_frozen(path, delivery)
        accepted = session.accepted(spooled.sop_class_uid)
        if spooled.transfer_syntax_uid in accepted or not accepted & set(UNCOMPRESSED):
            return self._send(session, delivery, path, spooled.transfer_syntax_uid)
        syntax = _EXPLICIT if _EXPLICIT in accepted else _IMPLICIT
        make = explicit_little_endian if syntax == _EXPLICIT else implicit_little_endian
        with self._files.new_file() as (stream, copy):
            make(path, stream)
        try:
            return self._send(session, delivery, copy, syntax)
        finally:
            copy.unlink(missing_ok=True)

    def _send(self, session: StoreSession, delivery: Delivery, path: Path, syntax: str) -> StoreOutcome:
        return session.store(
            path,
            sop_class_uid=delivery.spooled.sop_class_uid,
            sop_instance_uid=delivery.sop_instance_uid,
            transfer_syntax_uid=syntax,
            sent_before=delivery.attempts > 1,
        )

    def _check_frozen(self, path: Path, delivery: Delivery) -> None:
        """Refuse to send bytes that are not those that were frozen (promise 2)."""
        try:
            intact = digest_of(path) == delivery.spooled.digest
        except FileNotFoundError:
            intact = False
        if not intact:
            raise GatewayError(
                f"The spooled object {delivery.sop_instance_uid} is not as it was frozen.",
                disposition=Disposition.QUARANTINE,
                phase=Phase.SPOOL,
                remedy="The disk of this box is failing; the captured file is still kept. Replace the disk.",
                code="digest",
            )

    def _record_failure(self, delivery: Delivery, fault: GatewayError, begun: datetime) -> None:
        park = fault.disposition in _FOR_A_PERSON
        delay = timedelta(seconds=self._rules.back_off.delay_s(delivery.attempts))
        self._deliveries.failed(delivery, fault, begun, park=park, due=self._clock.now() + delay)
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

    def _destination_failed(self, fault: GatewayError) -> None:
        """Let the destination rest: doubling for the link, at the slowest pace for what a person must change."""
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


def _concerns_the_link(fault: GatewayError) -> bool:
    """Whether a fault says something about the destination rather than about the one object."""
    return fault.disposition is Disposition.RETRY and fault.phase in _LINK_PHASES
