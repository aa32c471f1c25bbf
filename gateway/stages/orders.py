"""Hears HL7 orders: each message is taken over and committed before it is acknowledged."""

import logging
import secrets
from dataclasses import replace

from gateway.domain.ports import Clock
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.heard import HeardLedger
from gateway.stages.beat import Beat
from gateway.worklist.hl7_message import acknowledgement
from gateway.worklist.hl7_orders import FeedRules, read_message
from gateway.worklist.mllp import Frame
from gateway.worklist.mllp_listener import MllpListener, MllpListening

_log = logging.getLogger(__name__)


class OrderStage:
    """The work of one feed's loop."""

    def __init__(
        self,
        *,
        rules: FeedRules,
        keep_days: int,
        listening: MllpListening,
        heard: HeardLedger,
        acquisitions: AcquisitionLedger,
        health: HealthLedger,
        clock: Clock,
        beat: Beat,
        wait_s: float = 1.0,
    ) -> None:
        self._rules = rules
        self._keep_days = keep_days
        self._heard = heard
        self._acquisitions = acquisitions
        self._health = health
        self._clock = clock
        self._beat = beat
        self._wait_s = wait_s
        self.listener = MllpListener(listening, self.take)

    def round(self) -> float:
        """Wait for messages; there is never a reason to rest."""
        self.listener.serve(self._wait_s)
        return 0.0

    def close(self) -> None:
        """Stop listening."""
        self.listener.close()

    def take(self, frame: Frame, sender: str) -> bytes:
        """Take over one frame, keep it as it came, and return the acknowledgement that it then earns."""
        self._beat()
        message = read_message(frame.content, self._rules)
        if frame.fault:
            message = replace(message, news=(), answer="AE", fault=frame.fault)
        name = self._rules.provider
        message, changed = self._heard.hear(name, message, sender=sender, keep_days=self._keep_days)
        if changed:
            self._acquisitions.look_again_at_holds()
        self._health.settle(f"worklist.{name}.", _issues(name, message.fault))
        _log.info("hl7=%s sender=%s kind=%.20r answer=%s", name, sender, message.kind, message.answer)
        return acknowledgement(
            frame.content, message.answer, message.fault, self._clock.now(), secrets.token_hex(8).upper()
        )


def _issues(name: str, fault: str) -> dict[str, StandingIssue]:
    """The last message's fault stands until a good one comes."""
    if not fault:
        return {}
    remedy = "gateway worklist messages shows what the sender sent; tell its administrator."
    text = f"The last HL7 message could not be used: {fault}"
    return {f"worklist.{name}.message": StandingIssue("attention", text, remedy)}
