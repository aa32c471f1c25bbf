"""The assembling role: it matches and builds, keeps house, and carries out what people ask of the ledger."""

from datetime import timedelta
from functools import partial

from gateway.bootstrap import object_settings as mapped
from gateway.bootstrap.fallback import fallback_stage
from gateway.bootstrap.orders import order_verbs
from gateway.bootstrap.parts import LONG_BOUND_S, LoopPlan, Parts
from gateway.bootstrap.rebuild import rebuild_stage
from gateway.bootstrap.settings import destination_names, station_of
from gateway.bootstrap.unscheduled import reconcile_rules, unscheduled_rules
from gateway.codec.tuning import tuned_strip_samples
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.database import Database
from gateway.spool.destinations import DestinationLedger
from gateway.spool.health import HealthLedger
from gateway.spool.instances import InstanceLedger
from gateway.spool.local_studies import LocalStudyLedger
from gateway.spool.opening import OpeningRules
from gateway.spool.performed_reports import PerformedReportLedger
from gateway.spool.performed_steps import PerformedStepLedger
from gateway.spool.pruning import JournalPruner
from gateway.spool.reconciliations import ReconciliationLedger
from gateway.spool.rejections import RejectionLedger
from gateway.spool.requests import RequestLedger
from gateway.spool.steps import StepLedger
from gateway.spool.upkeep import Upkeep
from gateway.stages.assemble import AssembleStage
from gateway.stages.beat import Beat
from gateway.stages.build import ObjectBuilder
from gateway.stages.housekeep import HousekeepStage, HouseRules
from gateway.stages.make_instance import InstanceMaker
from gateway.stages.performing import CloseStepsStage, Performing
from gateway.stages.reconcile import Reconciler
from gateway.stages.reject import RejectStage
from gateway.stages.requests import RequestStage
from gateway.stages.room import Watermarks


def works(parts: Parts) -> list[LoopPlan]:
    """The loops of the assembling role."""
    return [
        LoopPlan("assemble", partial(assemble_stage, parts), LONG_BOUND_S),
        LoopPlan("housekeep", partial(housekeep_stage, parts)),
        LoopPlan("reject", partial(reject_stage, parts)),
        LoopPlan("rebuild", partial(rebuild_stage, parts), LONG_BOUND_S),
        LoopPlan("fall back", partial(fallback_stage, parts), LONG_BOUND_S),
        LoopPlan("close steps", partial(close_steps_stage, parts)),
        LoopPlan("requests", partial(request_stage, parts)),
    ]


def assemble_stage(parts: Parts, database: Database, beat: Beat) -> AssembleStage:
    """The work of the assembling loop."""
    settings, clock = parts.settings, parts.clock
    return AssembleStage(
        run=parts.run,
        devices={device.name: mapped.device_rules(settings, device) for device in settings.devices},
        acquisitions=AcquisitionLedger(database, clock),
        health=HealthLedger(database, clock),
        steps=StepLedger(database, clock),
        files=parts.files,
        maker=_maker(parts, database, beat),
        clock=clock,
        passage=parts.passage,
        beat=beat,
    )


def _maker(parts: Parts, database: Database, beat: Beat) -> InstanceMaker:
    settings, clock = parts.settings, parts.clock
    return InstanceMaker(
        routes=mapped.routes(settings),
        instances=InstanceLedger(database, clock),
        health=HealthLedger(database, clock),
        performing=Performing(station_of(settings), PerformedStepLedger(database, clock)),
        files=parts.files,
        builder=ObjectBuilder(station_of(settings), clock, beat, strip_samples=tuned_strip_samples(clock.monotonic)),
        link_rate=DestinationLedger(database, clock).link_rate,
        refused=AcceptedLedger(database, clock).refused,
        clock=clock,
        passage=parts.passage,
    )


def housekeep_stage(parts: Parts, database: Database, _: Beat) -> HousekeepStage:
    """The work of the housekeeping loop."""
    settings, clock = parts.settings, parts.clock
    return HousekeepStage(
        database=database,
        upkeep=Upkeep(database, parts.files, clock),
        files=parts.files,
        steps=StepLedger(database, clock),
        health=HealthLedger(database, clock),
        rules=HouseRules(
            retention=timedelta(days=settings.spool.retention_days),
            active_step_idle_s={
                device.name: device.settings.match.active_step_limit_min * 60 for device in settings.devices
            },
            destinations=destination_names(settings),
            proofs={one.name: one.proof for one in settings.destination},
            watermarks=Watermarks(settings.spool.high_water_percent / 100, settings.spool.low_water_percent / 100),
        ),
        pruner=JournalPruner(database, timedelta(days=days), clock) if (days := settings.spool.journal_days) else None,
        local_studies=LocalStudyLedger(database, clock),
        reconciler=Reconciler(ReconciliationLedger(database, clock), reconcile_rules(settings)),
    )


def reject_stage(parts: Parts, database: Database, beat: Beat) -> RejectStage:
    """The work of the loop that makes rejection notes."""
    return RejectStage(
        notes=RejectionLedger(database, parts.clock),
        health=HealthLedger(database, parts.clock),
        files=parts.files,
        station=station_of(parts.settings),
        passage=parts.passage,
        beat=beat,
    )


def close_steps_stage(parts: Parts, database: Database, _: Beat) -> CloseStepsStage:
    """The work of the loop that ends performed steps."""
    return CloseStepsStage(
        rules=mapped.performing_rules(parts.settings),
        steps=PerformedStepLedger(database, parts.clock),
        reports=PerformedReportLedger(database, parts.clock),
        health=HealthLedger(database, parts.clock),
        monotonic=parts.clock.monotonic,
    )


def request_stage(parts: Parts, database: Database, _: Beat) -> RequestStage:
    """The work of this role's request loop."""
    rules = unscheduled_rules(parts.settings)
    opening = OpeningRules({device.name: device.settings.match.rules for device in parts.settings.devices})
    ledger = RequestLedger(
        database, parts.settings.spool.path, parts.clock, parts.passage, unscheduled=rules, opening=opening
    )
    return RequestStage(role="assemble", requests=ledger, verbs=order_verbs(parts.clock, database))
