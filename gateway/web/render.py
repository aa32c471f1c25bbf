"""Puts a screen together: whole for a visit, its live part alone for a poll, nothing when nothing changed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, make_response, render_template, request
from markupsafe import Markup

from gateway.domain.views import CountsView, IssueView
from gateway.web.house import house
from gateway.web.notices import notices
from gateway.web.security.csrf import csrf_token
from gateway.web.words.states import severity_tone, worst
from gateway.web.words.verdicts import Verdict

SEEN_HEADER = "X-Seen"
_NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Screen:
    """A row of the navigation; `endpoint` is also how its link is made."""

    name: str
    title: str
    endpoint: str


SCREENS = (
    Screen("now", "Now", "now.show"),
    Screen("queue", "Queue", "queue.show"),
    Screen("holds", "Holds", "holds.show"),
    Screen("worklist", "Worklist", "worklist.show"),
    Screen("devices", "Devices", "devices.show"),
    Screen("destinations", "Destinations", "destinations.show"),
    Screen("system", "System", "system.show"),
)


def screen(name: str, verdict: Verdict, *, live: str = "", live_form: str = "", **context: object) -> Response:
    """The screen `name` from its part ``parts/NAME.html``.

    `live` is the address that the part is polled from, empty for a screen that holds still. With `live_form`, the
    selector of a form, the poll is a POST that carries it, so that what was searched for is in no address.
    """
    counts, issues = house().reader.counts(), house().reader.issues()
    part = render_template(f"parts/{name}.html", verdict=verdict, notices=notices(), counts=counts, **context)
    badges = _badges(counts, issues)
    digest = hashlib.sha256(f"{part}{badges}".encode()).hexdigest()[:16]
    if request.headers.get(SEEN_HEADER) == digest:
        return make_response("", _NO_CONTENT)
    frame = {
        "part": Markup(part),  # noqa: S704 - rendered above by the escaping template engine
        "badges": badges,
        "live": live,
        "live_form": live_form,
        "live_headers": json.dumps({SEEN_HEADER: digest, "X-CSRF-Token": csrf_token()}),
    }
    if request.headers.get("HX-Request"):
        return make_response(render_template("live.html", **frame))
    return make_response(render_template("screen.html", **{**context, **frame, "name": name, "screens": SCREENS}))


def page(template: str, status: int = 200, **context: object) -> Response:
    """A page outside the seven screens: sign-in, a confirmation, an error."""
    return make_response(render_template(template, screens=SCREENS, **context), status)


def _badges(counts: CountsView, issues: Sequence[IssueView]) -> dict[str, tuple[str, int]]:
    tone = worst([severity_tone(issue.severity) for issue in issues])
    return {
        "holds": ("attention", counts.by_state.get("held", 0)),
        "queue": ("busy", counts.undelivered),
        "system": (tone.value, len(issues)),
    }
