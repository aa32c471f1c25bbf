"""Now: whose pictures go where, right now, and is everything safe?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, Response, url_for

from gateway.domain.local_views import LocalStudyView
from gateway.domain.opening import how_found
from gateway.domain.views import AcquisitionView, DeviceView
from gateway.web.house import house
from gateway.web.render import screen
from gateway.web.screens.scan import recent_scans
from gateway.web.words.opened import closing_words, opened_words
from gateway.web.words.states import Tone, acquisition_mark
from gateway.web.words.text import count
from gateway.web.words.verdicts import last_picture, now_verdict

_LOOKED_AT = 60
_PICTURES_SHOWN = 12
_NEAR_END = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Station:
    """A device as Now shows it: who is open on it, and the pictures that came since; `ending` once it is near."""

    device: DeviceView
    pictures: list[AcquisitionView]
    summary: str
    opened: str
    closes: str
    ending: bool
    local: LocalStudyView | None = None
    local_since: datetime | None = None


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
    opened = house().local_studies.opened()
    stations = [_station(device, recent, *opened.get(device.name, (None, None))) for device in reader.devices()]
    opens = [station.device.name for station in stations if station.device.takes_patients]
    return screen(
        "now",
        verdict,
        live=url_for("now.show"),
        stations=stations,
        opens=opens,
        how_found=how_found,
        scanned=recent_scans(),
    )


def _station(
    device: DeviceView,
    recent: Sequence[AcquisitionView],
    local: LocalStudyView | None,
    local_since: datetime | None,
) -> Station:
    since = device.active_since or local_since
    pictures = [
        view
        for view in recent
        if view.device == device.name and (since is None or view.captured_at >= since) and _still_here(view, device)
    ]
    now, closes = house().now(), device.closes_at
    return Station(
        device=device,
        pictures=pictures[:_PICTURES_SHOWN],
        summary=_summary(pictures, device.captured_since if device.active_since else 0),
        opened=opened_words(device, now),
        closes=closing_words(closes, now) if closes else "",
        ending=closes is not None and closes - now < _NEAR_END,
        local=local,
        local_since=local_since,
    )


def _still_here(view: AcquisitionView, device: DeviceView) -> bool:
    """Whether a picture counts for a device: not what was corrected, and what took its place only if it is theirs."""
    if view.rejected_at is not None:
        return False
    return not view.correction_of or device.active_step is None or view.patient_id == device.active_step.patient_id


def _summary(pictures: list[AcquisitionView], since_opening: int) -> str:
    """How many came, and how many of those that are looked at are safe elsewhere."""
    if not pictures:
        return "No pictures yet."
    now = house().now()
    at_pacs = sum(1 for view in pictures if acquisition_mark(view, now).tone is Tone.SAFE and view.deliveries)
    number = max(len(pictures), since_opening)
    newest = f" of the newest {len(pictures)}" if number > len(pictures) else ""
    return f"{count(number, 'picture')}, {at_pacs:,}{newest} at PACS"
