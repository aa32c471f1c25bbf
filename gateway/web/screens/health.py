"""The answer for machines: whether every loop moves. It holds no patient data and needs no sign-in."""

from flask import Blueprint, Response, jsonify, make_response

from gateway.web.house import house
from gateway.web.words.verdicts import is_late

_OK, _UNAVAILABLE = 200, 503


def health_page() -> Blueprint:
    """``/health``."""
    pages = Blueprint("health", __name__)
    pages.add_url_rule("/health", "show", show)
    return pages


def show() -> Response:
    """200 while every loop beats within its bound, 503 with the late ones otherwise."""
    now = house().now()
    late = [f"{beat.role}/{beat.loop}" for beat in house().reader.beats() if is_late(beat, now)]
    body = jsonify({"status": "late" if late else "ok", "late": late})
    return make_response(body, _UNAVAILABLE if late else _OK)
