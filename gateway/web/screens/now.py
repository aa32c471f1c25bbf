"""Now: whose pictures go where, right now, and is everything safe?"""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, url_for

from gateway.domain.views import AcquisitionView, DeviceView
from gateway.web.house import house
from gateway.web.render import screen
from gateway.web.words.states import Tone, acquisition_mark
from gateway.web.words.text import count
from gateway.web.words.verdicts import last_picture, now_verdict

_LOOKED_AT = 60
_PICTURES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Station:
    """A device as Now shows it: who is open on it, and the pictures that came since."""

    device: DeviceView
    pictures: list[AcquisitionView]
    summary: str


def now_page() -> Blueprint:
    """The first screen."""
    pages = Blueprint("now", __name__)
    pages.add_url_rule("/", "show", show)
    return pages


def show() -> Response:
    """Now."""
    reader = house().reader
    recent = reader.acquisitions(limit=_LOOKED_AT)
    last = last_picture(recent[0] if recent else None, house().now())
    verdict = now_verdict(reader.counts(), reader.destinations(), reader.issues(), last)
    stations = [_station(device, recent) for device in reader.devices()]
    return screen("now", verdict, live=url_for("now.show"), stations=stations)


def _station(device: DeviceView, recent: Sequence[AcquisitionView]) -> Station:
    since = device.active_since
    pictures = [view for view in recent if view.device == device.name and (since is None or view.captured_at >= since)]
    return Station(device, pictures[:_PICTURES_SHOWN], _summary(pictures))


def _summary(pictures: list[AcquisitionView]) -> str:
    if not pictures:
        return "No pictures yet."
    now = house().now()
    at_pacs = sum(1 for view in pictures if acquisition_mark(view, now).tone is Tone.SAFE and view.deliveries)
    return f"{count(len(pictures), 'picture')}, {at_pacs:,} at PACS"
