"""The loop that notices when a link is back, with a way to reach each destination."""

from functools import partial
from urllib.parse import urlsplit

from gateway.bootstrap.parts import Parts
from gateway.config.destination import Destination
from gateway.dimse.link import connect
from gateway.dimse.peer import Peer, Timeouts
from gateway.host.network import network_state
from gateway.spool.database import Database
from gateway.spool.destinations import DestinationLedger
from gateway.stages.beat import Beat
from gateway.stages.link_watch import LinkWatch

_PROBE_S = 5.0
_HTTPS_PORT = 443


def link_watch(parts: Parts, database: Database, _: Beat) -> LinkWatch:
    """The work of that loop."""
    return LinkWatch(
        destinations=DestinationLedger(database, parts.clock),
        probes={one.name: partial(_probe, one) for one in parts.settings.destination},
        network=network_state,
        clock=parts.clock,
    )


def _probe(one: Destination) -> None:
    """Reach a destination by TCP and let go again."""
    if one.address is not None:
        host, port = one.address.host, one.address.port
    else:
        place = urlsplit(one.url)
        host, port = place.hostname or "", place.port or _HTTPS_PORT
    timeouts = Timeouts(connect_s=min(one.timeouts.connect_s, _PROBE_S))
    connect(Peer(one.name, host, port, "", "", timeouts=timeouts)).close()
