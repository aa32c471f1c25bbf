"""What one application holds: its ports and its door. Views reach it through the application, never a global."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import current_app, g

from gateway.domain.local_views import LocalStudyReader
from gateway.domain.ports import Clock, RequestDesk, StatusReader
from gateway.domain.sent import SentReader
from gateway.domain.views import DestinationView
from gateway.web.security.backoff import Backoff
from gateway.web.security.password import Password
from gateway.web.security.sessions import Sessions

EXTENSION = "gateway"


@dataclass(frozen=True, slots=True)
class House:
    """The parts that views work with; `peers` says how each peer is reached, in words, by its name.

    `read_code` says what a code that was scanned for a device stands for: the kind of number, and the number.
    """

    reader: StatusReader
    desk: RequestDesk
    clock: Clock
    password: Password
    sessions: Sessions
    backoff: Backoff
    station_name: str
    peers: Mapping[str, str]
    local_studies: LocalStudyReader
    sent: SentReader
    read_code: Callable[[str, str], tuple[str, str]]

    def now(self) -> datetime:
        """The current moment in the station's zone."""
        return self.clock.now()


def house() -> House:
    """The house of the application that answers this request."""
    return cast("House", current_app.extensions[EXTENSION])


def destinations_by_name() -> Mapping[str, DestinationView]:
    """Every destination as it stands now, read once for each page."""
    if "destinations" not in g:
        g.destinations = {row.name: row for row in house().reader.destinations()}
    return cast("Mapping[str, DestinationView]", g.destinations)
