"""The capturing role of one device."""

from functools import partial

from gateway.bootstrap.capture_settings import source_settings
from gateway.bootstrap.parts import LONG_BOUND_S, LoopPlan, Parts
from gateway.capture.registry import open_source
from gateway.config.device import Device
from gateway.domain.identifiers import DeviceName
from gateway.spool.acquisitions import AcquisitionLedger, DeviceMemory
from gateway.spool.database import Database
from gateway.spool.health import HealthLedger
from gateway.stages.capture import CaptureStage
from gateway.stages.loop import Beat


def works(parts: Parts, device: str) -> list[LoopPlan]:
    """The loop of a device."""
    return [LoopPlan("capture", partial(capture_stage, parts, parts.settings.device(device)), LONG_BOUND_S)]


def capture_stage(parts: Parts, device: Device, database: Database, beat: Beat) -> CaptureStage:
    """The work of one device's loop."""
    name = DeviceName(device.name)
    return CaptureStage(
        device=name,
        source=open_source(
            device.settings.source.kind,
            source_settings(device),
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
