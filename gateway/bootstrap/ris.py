"""The loops that speak with the information system: its worklist, and the reports of performed steps."""

from gateway.bootstrap import peer_settings as mapped
from gateway.bootstrap.parts import Parts
from gateway.config.ris import MppsPeer, WorklistProvider
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.answers import AnswerLedger
from gateway.spool.database import Database
from gateway.spool.health import HealthLedger
from gateway.spool.performed_reports import PerformedReportLedger
from gateway.spool.steps import StepLedger
from gateway.stages.beat import Beat
from gateway.stages.refresh import RefreshStage
from gateway.stages.report import ReportStage


def refresh_stage(parts: Parts, provider: WorklistProvider, database: Database, beat: Beat) -> RefreshStage:
    """The work of one worklist provider's loop."""
    return RefreshStage(
        rules=mapped.provider_rules(parts.settings, provider, parts.credentials),
        steps=StepLedger(database, parts.clock),
        answers=AnswerLedger(database, parts.clock),
        acquisitions=AcquisitionLedger(database, parts.clock),
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
        beat=beat,
    )


def report_stage(parts: Parts, peer: MppsPeer, database: Database, beat: Beat) -> ReportStage:
    """The work of one MPPS peer's loop."""
    return ReportStage(
        rules=mapped.report_rules(parts.settings, peer, parts.credentials),
        reports=PerformedReportLedger(database, parts.clock, longest_s=peer.retry.cap_s),
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
        passage=parts.passage,
        beat=beat,
    )
