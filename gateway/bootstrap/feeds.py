"""The loops that hear orders of systems without a DICOM worklist."""

from datetime import UTC

from gateway.bootstrap import peer_settings as mapped
from gateway.bootstrap.parts import Parts
from gateway.config.ris import Hl7Feed
from gateway.dimse.tls import server_context
from gateway.spool.acquisitions import AcquisitionLedger
from gateway.spool.database import Database
from gateway.spool.health import HealthLedger
from gateway.spool.heard import HeardLedger
from gateway.stages.beat import Beat
from gateway.stages.orders import OrderStage
from gateway.worklist.hl7_orders import FeedRules
from gateway.worklist.mllp_listener import MllpListening


def order_stage(parts: Parts, feed: Hl7Feed, database: Database, beat: Beat) -> OrderStage:
    """The work of one HL7 feed's loop."""
    heard = HeardLedger(database, parts.clock)
    tls = feed.tls
    context = None if tls is None else lambda: server_context(mapped.tls_files(tls, parts.credentials))
    return OrderStage(
        rules=FeedRules(
            provider=feed.name,
            zone=parts.clock.now().tzinfo or UTC,
            seed=heard.seed(),
            assumed_character_set=feed.assumed_character_set,
            sending_application=feed.sending_application,
        ),
        keep_days=feed.keep_days,
        listening=MllpListening(feed.host, feed.port, feed.senders, context),
        heard=heard,
        acquisitions=AcquisitionLedger(database, parts.clock),
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
        beat=beat,
    )
