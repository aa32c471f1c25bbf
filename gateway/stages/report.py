"""Reports performed steps to one peer: N-CREATE before N-SET, one after the other, retried for ever.

Trouble with the link delays the peer; a refusal concerns that one performed step. Neither touches any image.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from gateway.dimse.mpps import PROCESSING_FAILURE, UNKNOWN_INSTANCE, MppsOutcome, MppsSession
from gateway.dimse.peer import Peer
from gateway.dimse.status import PeerRefused
from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.performed_step import ReportKind
from gateway.domain.ports import Clock
from gateway.objects.performed_step import create_dataset, set_dataset
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.spool.performed_reports import PerformedReportLedger, Report
from gateway.stages.beat import Beat
from gateway.stages.retry import BackOff

_log = logging.getLogger(__name__)
_REST_S = 1.0
_LINGER_S = 5.0
_CREATE_AGAIN_LIMIT = 5
_ON_THE_WAY = frozenset({Phase.TRANSFER, Phase.RESPONSE})
_NO_INSTANCE, _FAILED = f"{UNKNOWN_INSTANCE:04X}", f"{PROCESSING_FAILURE:04X}"
_FAILED_LIMIT = 10
"""A peer may say 0110 without a reason to the end of a step that is final there: after so many tries a person looks."""


@dataclass(frozen=True, slots=True)
class ReportRules:
    """What the configuration says about one peer of performed steps."""

    peer: Peer
    back_off: BackOff


class ReportStage:
    """The work of one peer's loop."""

    def __init__(
        self,
        *,
        rules: ReportRules,
        reports: PerformedReportLedger,
        health: HealthLedger,
        clock: Clock,
        passage: Passage,
        beat: Beat,
    ) -> None:
        self._rules = rules
        self._name = rules.peer.name
        self._reports = reports
        self._health = health
        self._clock = clock
        self._passage = passage
        self._beat = beat
        self._session: MppsSession | None = None
        self._used = 0.0

    def round(self) -> float:
        """Send the next report that is due; rest when none is."""
        report = self._reports.next_due(self._name)
        if report is None:
            if self._session is not None and self._clock.monotonic() - self._used > _LINGER_S:
                self.close()
            return _REST_S
        self._passage(Checkpoint.REPORT_CLAIMED)
        try:
            session = self._associate()
        except GatewayError as refusal:
            self._reports.give_back(report)
            self._peer_failed(refusal)
            return _REST_S
        try:
            outcome = _send(session, report)
        except GatewayError as fault:
            return self._failed(report, fault)
        self._passage(Checkpoint.REPORT_ANSWERED)
        self._reports.taken(report, outcome.status, outcome.text)
        self._passage(Checkpoint.REPORT_COMMITTED)
        self._answered()
        _log.info(
            "mpps=%s performed_step=%s kind=%s status=%04X attempt=%d",
            self._name,
            report.case.performed.sop_instance_uid,
            report.kind.value,
            outcome.status,
            report.attempts,
        )
        return 0.0

    def close(self) -> None:
        """Release the association."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _associate(self) -> MppsSession:
        if self._session is not None and self._session.usable():
            return self._session
        self.close()
        self._session = MppsSession.open(self._rules.peer, beat=self._beat)
        return self._session

    def _answered(self) -> None:
        self._used = self._clock.monotonic()
        if self._reports.peer_answers(self._name):
            self._health.settle(f"mpps.{self._name}.", {})

    def _failed(self, report: Report, fault: GatewayError) -> float:
        """Record what went wrong: a refusal is the report's, anything else is the link's and its outcome unknown."""
        _log.warning(
            "mpps=%s performed_step=%s kind=%s phase=%s disposition=%s code=%s attempt=%d error=%s",
            self._name,
            report.case.performed.sop_instance_uid,
            report.kind.value,
            fault.phase.value,
            fault.disposition.value,
            fault.code,
            report.attempts,
            fault.message,
        )
        refused = isinstance(fault, PeerRefused)
        if refused:
            self._answered()
        if fault.code == _NO_INSTANCE and report.kind is ReportKind.SET and report.attempts <= _CREATE_AGAIN_LIMIT:
            self._reports.create_again(report)
            return 0.0
        lost = fault.code == _NO_INSTANCE and report.kind is ReportKind.SET
        if fault.code == _FAILED and report.kind is ReportKind.SET and report.attempts >= _FAILED_LIMIT:
            fault = _stuck(fault, report)
        park = lost or fault.disposition is not Disposition.RETRY
        delay = timedelta(seconds=self._rules.back_off.delay_s(report.attempts))
        unknown = not refused and fault.phase in _ON_THE_WAY
        due = self._clock.now() + (timedelta(0) if unknown else delay)
        self._reports.failed(report, fault, park=park, due=due, unknown=unknown)
        if unknown and not park:
            self._peer_failed(fault)
            return _REST_S
        return 0.0

    def _peer_failed(self, fault: GatewayError) -> None:
        """Let the peer rest: doubling for the link, at the slowest pace for what a person must change."""
        slow = fault.disposition is not Disposition.RETRY
        back_off = self._rules.back_off
        delay_s = back_off.cap_s if slow else back_off.delay_s(self._reports.failures(self._name) + 1)
        self._reports.peer_failed(self._name, self._clock.now() + timedelta(seconds=delay_s))
        issue = StandingIssue("attention", fault.message, f"{fault.remedy} Images are not affected.".strip())
        self._health.settle(f"mpps.{self._name}.", {f"mpps.{self._name}.link": issue})
        _log.warning("mpps=%s phase=%s again_in_s=%.0f error=%s", self._name, fault.phase.value, delay_s, fault.message)


def _stuck(fault: GatewayError, report: Report) -> GatewayError:
    """What a person is told of a peer that takes the end of a step at no try."""
    return GatewayError(
        f"{fault.message} It did so at {report.attempts} tries: the performed step may be final there already.",
        disposition=Disposition.PARK,
        phase=fault.phase,
        remedy="Ask the administrator of the peer how the step stands there, then retry or leave it.",
        code=fault.code,
    )


def _send(session: MppsSession, report: Report) -> MppsOutcome:
    uid = report.case.performed.sop_instance_uid
    if report.kind is ReportKind.CREATE:
        return session.create(uid, create_dataset(report.case), sent_before=report.sent_before)
    if report.result is None:
        raise ValueError("a final report has a result")
    return session.update(uid, set_dataset(report.case, report.result), maybe_taken=report.maybe_taken)
