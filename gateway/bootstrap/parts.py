"""What a role is built from, and the stages built of it. Each loop gets its own ledger connection."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from gateway.bootstrap import settings as mapped
from gateway.bootstrap.orders import order_verbs
from gateway.capture.registry import open_source
from gateway.codec.tuning import tuned_strip_samples
from gateway.config.device import Device
from gateway.config.model import Configuration, Destination, MppsPeer, WorklistProvider
from gateway.dicomweb.probe import LAYERS, ProbeStep, probe
from gateway.dimse.echo import EchoStep, echo
from gateway.domain.checkpoints import Passage, pass_by
from gateway.domain.identifiers import DeviceName
from gateway.domain.ports import Clock
from gateway.domain.requests import Request, RequestKind
from gateway.host.clock import SystemClock
from gateway.host.credentials import Credentials
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.acquisitions import AcquisitionLedger, DeviceMemory
from gateway.spool.database import Database
from gateway.spool.deliveries import DeliveryLedger
from gateway.spool.files import SpoolFiles
from gateway.spool.health import HealthLedger
from gateway.spool.instances import InstanceLedger
from gateway.spool.performed_reports import PerformedReportLedger
from gateway.spool.performed_steps import PerformedStepLedger
from gateway.spool.pruning import JournalPruner
from gateway.spool.requests import RequestLedger
from gateway.spool.runs import Run
from gateway.spool.standing_in import StandIn
from gateway.spool.steps import StepLedger
from gateway.spool.upkeep import Upkeep
from gateway.stages.assemble import AssembleStage
from gateway.stages.build import ObjectBuilder
from gateway.stages.capture import CaptureStage
from gateway.stages.deliver import DeliverStage
from gateway.stages.dimse_sender import DimseSender
from gateway.stages.hours import limit_at
from gateway.stages.housekeep import HousekeepStage, HouseRules
from gateway.stages.loop import Beat
from gateway.stages.pacing import Bucket
from gateway.stages.performing import CloseStepsStage, Performing
from gateway.stages.refresh import RefreshStage
from gateway.stages.report import ReportStage
from gateway.stages.request_width import RequestWidth
from gateway.stages.requests import NetworkVerb, RequestStage
from gateway.stages.room import Watermarks
from gateway.stages.sender import Outgoing, Pace, Sender
from gateway.stages.stow_sender import StowSender
from gateway.stages.width import Width


def no_beat() -> None:
    """The beat of work that no loop watches."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loops of one run of a role share: values only, no open connection."""

    settings: Configuration
    clock: Clock
    credentials: Credentials
    files: SpoolFiles
    run: Run
    passage: Passage = pass_by

    @classmethod
    def of(cls, settings: Configuration, run: Run, credentials: Credentials, passage: Passage = pass_by) -> "Parts":
        """The parts for `run`."""
        clock = SystemClock(ZoneInfo(settings.station.time_zone))
        files = SpoolFiles(settings.spool.path, role=run.role, floor_bytes=settings.spool.floor_bytes, passage=passage)
        return cls(settings, clock, credentials, files, run, passage)

    def open_database(self) -> Database:
        """A connection for one thread."""
        return Database(self.settings.spool.path)


def capture_stage(parts: Parts, device: Device, database: Database, beat: Beat) -> CaptureStage:
    """The work of one device's loop."""
    name = DeviceName(device.name)
    return CaptureStage(
        device=name,
        source=open_source(
            device.settings.source.kind,
            mapped.source_settings(device),
            memory=DeviceMemory(database, name, parts.clock),
            clock=parts.clock,
        ),
        acquisitions=AcquisitionLedger(database, parts.clock),
        files=parts.files,
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
        passage=parts.passage,
        beat=beat,
    )


def assemble_stage(parts: Parts, database: Database, beat: Beat) -> AssembleStage:
    """The work of the assembling loop."""
    settings, clock = parts.settings, parts.clock
    deliveries, memory = DeliveryLedger(database, clock), AcceptedLedger(database, clock)
    destinations = mapped.destination_names(settings)
    return AssembleStage(
        run=parts.run,
        devices={device.name: mapped.device_rules(settings, device) for device in settings.devices},
        routes=mapped.routes(settings),
        acquisitions=AcquisitionLedger(database, clock),
        instances=InstanceLedger(database, clock),
        health=HealthLedger(database, clock),
        steps=StepLedger(database, clock),
        performing=Performing(mapped.station_of(settings), PerformedStepLedger(database, clock)),
        files=parts.files,
        builder=ObjectBuilder(
            mapped.station_of(settings), clock, beat, strip_samples=tuned_strip_samples(clock.monotonic)
        ),
        link_rate=lambda: deliveries.link_rate(destinations[0]) if destinations else None,
        refused=lambda sop_class: memory.refused(destinations[0], sop_class) if destinations else frozenset(),
        clock=clock,
        passage=parts.passage,
        beat=beat,
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
            destinations=mapped.destination_names(settings),
            proofs={one.name: one.proof for one in settings.destination},
            watermarks=Watermarks(settings.spool.high_water_percent / 100, settings.spool.low_water_percent / 100),
        ),
        pruner=JournalPruner(database, timedelta(days=days), clock) if (days := settings.spool.journal_days) else None,
    )


@dataclass(frozen=True, slots=True)
class Lot:
    """What the workers of one destination share: how many of them are needed, and how fast they send together."""

    width: Width
    pace: Pace

    @classmethod
    def of(cls, destination: Destination, clock: Clock, *, most: int | None = None) -> "Lot":
        """The lot of a destination; `most` associations instead of those configured if given."""
        limits = mapped.rate_limits(destination)
        width = RequestWidth if destination.kind == "stow" else Width
        return cls(
            width(most or destination.sending.max_associations, clock.monotonic),
            Bucket(lambda: limit_at(limits, clock.now()), monotonic=clock.monotonic, wait=time.sleep),
        )


def deliver_stage(
    parts: Parts, destination: Destination, database: Database, beat: Beat, *, lot: Lot | None = None, worker: int = 0
) -> DeliverStage:
    """The work of one worker of a destination; without a lot it is the only one."""
    lot = lot or Lot.of(destination, parts.clock, most=1)
    return DeliverStage(
        run=parts.run,
        rules=mapped.destination_rules(destination),
        deliveries=DeliveryLedger(database, parts.clock),
        sender=_sender(parts, destination, beat, lot.pace),
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
        passage=parts.passage,
        width=lot.width,
        worker=worker,
        stand_in=_stand_in(parts, destination, database) if worker == 0 else None,
        memory=AcceptedLedger(database, parts.clock),
    )


def _stand_in(parts: Parts, destination: Destination, database: Database) -> StandIn | None:
    """For whom a destination stands in, if it does."""
    takes = destination.takes
    if not takes.stands_in_for:
        return None
    after = timedelta(minutes=takes.stands_in_after_min)
    return StandIn(database, parts.clock, destination=destination.name, primary=takes.stands_in_for, after=after)


def _sender(parts: Parts, destination: Destination, beat: Beat, pace: Pace) -> Sender:
    """What speaks the destination's protocol."""
    outgoing = Outgoing(parts.files)
    if destination.kind == "stow":
        return StowSender(mapped.stow_peer(destination, parts.credentials), outgoing, beat=beat, pace=pace)
    peer = mapped.destination_peer(parts.settings, destination, parts.credentials)
    offered = mapped.offered_syntaxes(parts.settings, destination)
    return DimseSender(peer, outgoing, beat=beat, pace=pace, offered=offered)


def close_steps_stage(parts: Parts, database: Database, _: Beat) -> CloseStepsStage:
    """The work of the loop that ends performed steps."""
    return CloseStepsStage(
        rules=mapped.performing_rules(parts.settings),
        steps=PerformedStepLedger(database, parts.clock),
        reports=PerformedReportLedger(database, parts.clock),
        health=HealthLedger(database, parts.clock),
        monotonic=parts.clock.monotonic,
    )


def report_stage(parts: Parts, peer: MppsPeer, database: Database, beat: Beat) -> ReportStage:
    """The work of one MPPS peer's loop."""
    return ReportStage(
        rules=mapped.report_rules(parts.settings, peer, parts.credentials),
        reports=PerformedReportLedger(database, parts.clock),
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
        passage=parts.passage,
        beat=beat,
    )


def refresh_stage(parts: Parts, provider: WorklistProvider, database: Database, beat: Beat) -> RefreshStage:
    """The work of one worklist provider's loop."""
    return RefreshStage(
        rules=mapped.provider_rules(parts.settings, provider, parts.credentials),
        steps=StepLedger(database, parts.clock),
        acquisitions=AcquisitionLedger(database, parts.clock),
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
        beat=beat,
    )


def request_stage(parts: Parts, database: Database, beat: Beat) -> RequestStage:
    """The work of a role's request loop."""
    return RequestStage(
        role=parts.run.role,
        requests=RequestLedger(database, parts.settings.spool.path, parts.clock),
        verbs=_network_verbs(parts, database, beat),
    )


def _network_verbs(parts: Parts, database: Database, beat: Beat) -> Mapping[RequestKind, NetworkVerb]:
    """The verbs that need more than the ledger: those of the role with the network and the keys, and those of lists."""

    def test(request: Request) -> tuple[bool, str, str]:
        wanted = request.payload.get("destination", "")
        for one in parts.settings.destination:
            if one.name == wanted and one.kind == "stow":
                return _probe_outcome(probe(mapped.stow_peer(one, parts.credentials)))
            if one.name == wanted:
                return _echo_outcome(echo(mapped.destination_peer(parts.settings, one, parts.credentials)))
        return False, f"There is no destination {wanted}.", ""

    def refresh(request: Request) -> tuple[bool, str, str]:
        wanted = request.payload.get("provider", "")
        named = [one for one in parts.settings.worklist if wanted in ("", one.name)]
        count = sum(refresh_stage(parts, one, database, beat).ask() for one in named)
        return bool(named), f"{count} step(s) of {len(named)} provider(s)", ""

    return {RequestKind.ECHO: test, RequestKind.REFRESH: refresh, **order_verbs(parts.clock, database)}


def _echo_outcome(steps: Sequence[EchoStep]) -> tuple[bool, str, str]:
    """A probe as the outcome of a request: a sentence, and the layers as JSON for page and command line."""
    return _outcome(steps, "C-ECHO answered")


def _probe_outcome(steps: Sequence[ProbeStep]) -> tuple[bool, str, str]:
    """As `_echo_outcome`, for a service; the layers that were not reached are told too, for they are its own."""
    passed, sentence, layers = _outcome(steps, f"the service {steps[-1].detail}")
    missing = [{"layer": name, "ok": None, "detail": "not reached"} for name in LAYERS[len(steps) :]]
    return passed, sentence, json.dumps([*json.loads(layers), *missing], ensure_ascii=False)


def _outcome(steps: Sequence[EchoStep] | Sequence[ProbeStep], answered: str) -> tuple[bool, str, str]:
    last = steps[-1]
    layers = [
        {
            "layer": step.layer,
            "ok": step.ok,
            "detail": f"{step.detail} {step.remedy}".rstrip(),
            "ms": round(step.milliseconds, 1),
        }
        for step in steps
    ]
    sentence = answered if last.ok else f"failed at {last.layer}: {last.detail} {last.remedy}".rstrip()
    return last.ok, sentence, json.dumps(layers, ensure_ascii=False)
