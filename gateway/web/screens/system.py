"""System: is the box well?"""

from flask import Blueprint, Response, url_for

from gateway.web.house import house
from gateway.web.render import screen
from gateway.web.words.verdicts import is_late, system_verdict


def system_page() -> Blueprint:
    """Issues, loops, and the door."""
    pages = Blueprint("system", __name__)
    pages.add_url_rule("/system", "show", show)
    return pages


def show() -> Response:
    """Standing issues with their suggestions, and the last beat of every loop."""
    reader, now = house().reader, house().now()
    issues = reader.issues()
    beats = [(beat, is_late(beat, now)) for beat in reader.beats()]
    verdict = system_verdict(issues, [beat for beat, _ in beats], now)
    return screen("system", verdict, live=url_for("system.show"), issues=issues, beats=beats)
