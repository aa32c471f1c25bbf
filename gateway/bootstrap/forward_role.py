"""The forwarding role: it delivers, proves, asks worklists, reports performed steps, and holds the keys."""

from functools import partial

from gateway.bootstrap.deliveries import Lot, deliver_stage
from gateway.bootstrap.feeds import order_stage
from gateway.bootstrap.network_verbs import network_verbs
from gateway.bootstrap.parts import LONG_BOUND_S, LoopPlan, Parts
from gateway.bootstrap.proof import confirm_stage, listen_stage, unproven_by_status
from gateway.bootstrap.ris import refresh_stage, report_stage
from gateway.bootstrap.watching import link_watch
from gateway.config.destination import Destination
from gateway.spool.database import Database
from gateway.spool.requests import RequestLedger
from gateway.stages.beat import Beat
from gateway.stages.requests import RequestStage


def works(parts: Parts) -> list[LoopPlan]:
    """The loops of the forwarding role."""
    settings = parts.settings
    return [
        *(plan for one in settings.destination for plan in _delivers(parts, one)),
        *_proves(parts),
        *(
            LoopPlan(f"refresh {one.name}", partial(refresh_stage, parts, one), LONG_BOUND_S)
            for one in settings.worklist
        ),
        *(LoopPlan(f"report {one.name}", partial(report_stage, parts, one), LONG_BOUND_S) for one in settings.mpps),
        LoopPlan("watch links", partial(link_watch, parts), LONG_BOUND_S),  # a name server that is away takes its time
        LoopPlan("requests", partial(request_stage, parts), LONG_BOUND_S),  # and so does a peer that is silent
        *(LoopPlan(f"hear {one.name}", partial(order_stage, parts, one)) for one in settings.hl7),
    ]


def _delivers(parts: Parts, destination: Destination) -> list[LoopPlan]:
    """The workers of a destination: the first bears its name, the others wait until they are needed."""
    lot = Lot.of(destination, parts.clock)
    return [
        LoopPlan(
            f"deliver {destination.name}" + (f" {worker + 1}" if worker else ""),
            partial(deliver_stage, parts, destination, lot=lot, worker=worker),
            LONG_BOUND_S,
        )
        for worker in range(destination.sending.max_associations)
    ]


def _proves(parts: Parts) -> list[LoopPlan]:
    """The loops that ask destinations for proof, and the one that hears their reports."""
    asks = [
        LoopPlan(f"confirm {one.name}", partial(confirm_stage, parts, one), LONG_BOUND_S)
        for one in unproven_by_status(parts.settings)
    ]
    if parts.settings.listener is None:
        return asks
    return [*asks, LoopPlan("listen", partial(listen_stage, parts))]


def request_stage(parts: Parts, database: Database, beat: Beat) -> RequestStage:
    """The work of this role's request loop."""
    ledger = RequestLedger(database, parts.settings.spool.path, parts.clock)
    return RequestStage(role="forward", requests=ledger, beat=beat, verbs=network_verbs(parts, database, beat))
