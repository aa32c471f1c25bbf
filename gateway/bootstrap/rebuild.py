"""The loop of the assembling role that makes damaged spooled objects again."""

from gateway.bootstrap.object_sources import object_sources
from gateway.bootstrap.parts import Parts
from gateway.bootstrap.settings import station_of
from gateway.spool.database import Database
from gateway.spool.rebuilds import RebuildLedger
from gateway.spool.rejections import RejectionLedger
from gateway.stages.beat import Beat
from gateway.stages.build import ObjectBuilder
from gateway.stages.rebuild import RebuildStage


def rebuild_stage(parts: Parts, database: Database, beat: Beat) -> RebuildStage:
    """The work of the rebuilding loop."""
    settings, clock = parts.settings, parts.clock
    return RebuildStage(
        rebuilds=RebuildLedger(database, clock),
        sources=object_sources(parts, database),
        notes=RejectionLedger(database, clock),
        station=station_of(settings),
        builder=ObjectBuilder(station_of(settings), clock, beat),
        beat=beat,
    )
