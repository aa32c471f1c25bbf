"""The loop of the assembling role that makes objects of another SOP class for destinations that refuse the first."""

from gateway.bootstrap.object_settings import fallback_classes
from gateway.bootstrap.object_sources import object_sources
from gateway.bootstrap.parts import Parts
from gateway.bootstrap.settings import station_of
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import Database
from gateway.spool.fallbacks import FallbackLedger
from gateway.stages.beat import Beat
from gateway.stages.build import ObjectBuilder
from gateway.stages.fallback import FallbackStage


def fallback_stage(parts: Parts, database: Database, beat: Beat) -> FallbackStage:
    """The work of the loop."""
    settings, clock = parts.settings, parts.clock
    return FallbackStage(
        ledger=FallbackLedger(database, clock, fallback_classes(settings)),
        sources=object_sources(parts, database),
        refused=AcceptedLedger(database, clock).refused,
        builder=ObjectBuilder(station_of(settings), clock, beat),
        beat=beat,
    )
