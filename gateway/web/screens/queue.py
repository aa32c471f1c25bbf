"""Queue: what is still here, and why?"""

from dataclasses import dataclass

from flask import Blueprint, Response, abort, request, url_for

from gateway.domain.views import CountsView
from gateway.web.house import house
from gateway.web.render import screen
from gateway.web.words.verdicts import queue_verdict

_PAGE_ROWS = 30
_LARGEST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Tab:
    """One choice of which acquisitions are listed."""

    state: str
    word: str
    number: int


def queue_pages() -> Blueprint:
    """The list of acquisitions."""
    pages = Blueprint("queue", __name__)
    pages.add_url_rule("/queue", "show", show)
    return pages


def show() -> Response:
    """One page of the queue, newest first."""
    reader = house().reader
    counts = reader.counts()
    tabs = _tabs(counts)
    state = request.args.get("state", "")
    before = request.args.get("before", 0, type=int)
    if state not in {tab.state for tab in tabs} or not 0 <= before <= _LARGEST_NUMBER:
        abort(404)
    rows = list(reader.acquisitions(state=state, limit=_PAGE_ROWS + 1, before=before))
    more = rows[_PAGE_ROWS - 1].id if len(rows) > _PAGE_ROWS else 0
    here = url_for("queue.show", state=state or None, before=before or None)
    return screen(
        "queue",
        queue_verdict(counts, reader.destinations()),
        live=here,
        rows=rows[:_PAGE_ROWS],
        tabs=tabs,
        state=state,
        before=before,
        older=url_for("queue.show", state=state or None, before=more) if more else "",
    )


def _tabs(counts: CountsView) -> list[Tab]:
    by_state = counts.by_state
    return [
        Tab("", "All", sum(by_state.values())),
        Tab("undelivered", "On the way", counts.undelivered),
        Tab("held", "Needs a patient", by_state.get("held", 0)),
        Tab("quarantined", "Set aside", by_state.get("quarantined", 0)),
        Tab("captured", "Captured", by_state.get("captured", 0)),
        Tab("matched", "Patient found", by_state.get("matched", 0)),
        Tab("assembled", "Object made", by_state.get("assembled", 0)),
    ]
