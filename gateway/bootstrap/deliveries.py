"""The workers that deliver to a destination."""

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from gateway.bootstrap import peer_settings as mapped
from gateway.bootstrap.object_settings import encoding_policy
from gateway.bootstrap.parts import Parts
from gateway.config.destination import Destination
from gateway.dimse.congestion import Losses
from gateway.domain.ports import Clock
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import Database
from gateway.spool.deliveries import DeliveryLedger
from gateway.spool.destinations import DestinationLedger
from gateway.spool.health import HealthLedger
from gateway.spool.standing_in import StandIn
from gateway.stages.beat import Beat
from gateway.stages.deliver import DeliverStage
from gateway.stages.dimse_sender import DimseSender
from gateway.stages.hours import limit_at
from gateway.stages.pacing import Bucket
from gateway.stages.request_width import RequestWidth
from gateway.stages.sender import CopyRules, Outgoing, Pace, Sender
from gateway.stages.stow_sender import StowSender
from gateway.stages.width import Width


@dataclass(frozen=True, slots=True)
class Lot:
    """What the workers of one destination share: how many are needed, how fast they send together, what gets lost."""

    width: Width
    pace: Pace
    losses: Losses

    @classmethod
    def of(cls, destination: Destination, clock: Clock, *, most: int | None = None) -> "Lot":
        """The lot of a destination; `most` associations instead of those configured if given."""
        limits = mapped.rate_limits(destination)
        width = RequestWidth if destination.kind == "stow" else Width
        return cls(
            width(most or destination.sending.max_associations, clock.monotonic),
            Bucket(lambda: limit_at(limits, clock.now()), monotonic=clock.monotonic, wait=time.sleep),
            Losses(),
        )


def deliver_stage(
    parts: Parts, destination: Destination, database: Database, beat: Beat, *, lot: Lot | None = None, worker: int = 0
) -> DeliverStage:
    """The work of one worker of a destination; without a lot it is the only one."""
    lot = lot or Lot.of(destination, parts.clock, most=1)
    return DeliverStage(
        run=parts.run,
        rules=mapped.destination_rules(destination),
        deliveries=DeliveryLedger(database, parts.clock, longest_s=destination.retry.cap_s),
        destinations=DestinationLedger(database, parts.clock),
        sender=_sender(parts, destination, beat, lot, database),
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


def _sender(parts: Parts, destination: Destination, beat: Beat, lot: Lot, database: Database) -> Sender:
    """What speaks the destination's protocol."""
    destinations = DestinationLedger(database, parts.clock)
    copies = CopyRules(
        encoding_policy(destination.compression).candidates,
        lambda: destinations.link_rate(destination.name),
        parts.clock.monotonic,
    )
    outgoing = Outgoing(parts.files, copies)
    if destination.kind == "stow":
        recall = partial(AcceptedLedger(database, parts.clock).refused, destination.name)
        service = mapped.stow_peer(destination, parts.credentials, lot.losses)
        told = lot.width.connected
        return StowSender(service, outgoing, beat=beat, pace=lot.pace, recall=recall, connected=told)
    peer = mapped.destination_peer(parts.settings, destination, parts.credentials)
    offered = mapped.offered_syntaxes(parts.settings, destination)
    told = lot.width.connected
    return DimseSender(peer, outgoing, beat=beat, pace=lot.pace, offered=offered, connected=told, losses=lot.losses)
