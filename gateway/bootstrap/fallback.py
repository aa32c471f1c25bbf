"""The loop of the assembling role that makes objects of another SOP class for destinations that refuse the first."""

from gateway.bootstrap.object_settings import device_rules, fallback_classes
from gateway.bootstrap.parts import Parts
from gateway.bootstrap.settings import station_of
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.database import Database
from gateway.spool.fallbacks import FallbackLedger
from gateway.spool.performed_steps import PerformedStepLedger
from gateway.stages.build import ObjectBuilder
from gateway.stages.fallback import FallbackSources, FallbackStage
from gateway.stages.loop import Beat


def fallback_stage(parts: Parts, database: Database, beat: Beat) -> FallbackStage:
    """The work of the loop."""
    settings, clock = parts.settings, parts.clock
    return FallbackStage(
        ledger=FallbackLedger(database, clock, fallback_classes(settings)),
        sources=FallbackSources(
            acquisitions=AcquisitionLedger(database, clock),
            performed=PerformedStepLedger(database, clock),
            devices={device.name: device_rules(settings, device) for device in settings.devices},
            files=parts.files,
            refused=AcceptedLedger(database, clock).refused,
        ),
        builder=ObjectBuilder(station_of(settings), clock, beat),
        beat=beat,
    )
