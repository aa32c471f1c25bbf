"""What the loops that make an object once more find it with."""

from gateway.bootstrap.object_settings import device_rules
from gateway.bootstrap.parts import Parts
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.database import Database
from gateway.spool.performed_steps import PerformedStepLedger
from gateway.stages.sources import Sources


def object_sources(parts: Parts, database: Database) -> Sources:
    """Acquisitions, performed steps, devices and files."""
    settings = parts.settings
    return Sources(
        acquisitions=AcquisitionLedger(database, parts.clock),
        performed=PerformedStepLedger(database, parts.clock),
        devices={device.name: device_rules(settings, device) for device in settings.devices},
        files=parts.files,
    )
