"""Destinations: does the box talk to the PACS? A test shows the answer layer by layer."""

import json
from dataclasses import dataclass, replace

from flask import Blueprint, Response, abort, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.web.forms import known_name
from gateway.web.house import house
from gateway.web.notices import ask
from gateway.web.render import screen
from gateway.web.words.verdicts import accepts_verdict, destinations_verdict

_FIELD = "tests"
_TESTS_KEPT = 8
_LAYERS = ("name", "connect", "TLS", "association", "echo")
_ALIASES = {"resolve": "name", "dns": "name", "tcp": "connect", "tls": "TLS", "negotiate": "association"}


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a test: `ok` is None where the test did not get to."""

    name: str
    ok: bool | None
    detail: str
    ms: str


@dataclass(frozen=True, slots=True)
class Test:
    """A test of a destination: running, or its outcome."""

    running: bool
    ok: bool
    sentence: str
    layers: list[Layer]


def destination_pages() -> Blueprint:
    """The destinations and their test."""
    pages = Blueprint("destinations", __name__)
    pages.add_url_rule("/destinations", "show", show)
    pages.add_url_rule("/destinations/test", "test", test, methods=["POST"])
    pages.add_url_rule("/destinations/accepts", "accepts", accepts)
    pages.add_url_rule("/destinations/learn-anew", "learn_anew", learn_anew, methods=["POST"])
    return pages


def show() -> Response:
    """Every destination with its counts, its last fault and this session's last test."""
    rows = house().reader.destinations()
    asked = dict(session.get(_FIELD, []))
    tests = {row.name: _test(house().reader.request(asked[row.name])) for row in rows if row.name in asked}
    verdict = destinations_verdict(rows, house().now())
    return screen("destinations", verdict, live=url_for("destinations.show"), rows=rows, tests=tests)


def test() -> BaseResponse:
    """Ask for an echo and show it as it comes."""
    name = known_name("destination", [row.name for row in house().reader.destinations()])
    request_id = ask(RequestKind.ECHO, {"destination": name})
    others = [row for row in session.get(_FIELD, []) if row[0] != name]
    session[_FIELD] = [[name, request_id], *others][:_TESTS_KEPT]
    return redirect(url_for("destinations.show"), 303)


def accepts() -> Response:
    """What one destination accepts, since when, and what its refusals have cost."""
    name = request.args.get("name", "")
    if name not in [row.name for row in house().reader.destinations()]:
        abort(404)
    known = house().reader.accepted(name)
    here = url_for("destinations.accepts", name=name)
    return screen("accepts", accepts_verdict(name, known), live=here, destination=name, known=known)


def learn_anew() -> BaseResponse:
    """Have a destination asked what it accepts, now."""
    name = known_name("destination", [row.name for row in house().reader.destinations()])
    ask(RequestKind.LEARN_ANEW, {"destination": name})
    return redirect(url_for("destinations.accepts", name=name), 303)


def _test(view: RequestView | None) -> Test:
    if view is None or not view.done:
        return Test(running=True, ok=False, sentence="Testing. The answer comes layer by layer.", layers=[])
    sentence = view.outcome or ("The test passed." if view.ok else "The test failed.")
    layers = [_told_above(layer, sentence) for layer in read_layers(view.detail)]
    return Test(running=False, ok=view.ok, sentence=sentence[:1].upper() + sentence[1:], layers=layers)


def read_layers(detail: str) -> list[Layer]:
    """The layers of an echo's outcome, then those not reached; none when `detail` is not such a list."""
    try:
        rows = json.loads(detail or "[]")
    except ValueError:
        return []
    if not isinstance(rows, list):
        return []
    reached = [_layer(row) for row in rows if isinstance(row, dict)]
    if not reached or reached[-1].ok is not False:
        return reached
    # Only what comes after the failure was not reached: a plain peer has no TLS layer at all.
    failed = _ALIASES.get(reached[-1].name.lower(), reached[-1].name)
    after = _LAYERS[_LAYERS.index(failed) + 1 :] if failed in _LAYERS else ()
    return reached + [Layer(name, None, "not reached", "") for name in after]


def _told_above(layer: Layer, sentence: str) -> Layer:
    """The layer that failed, without what the sentence above it says already."""
    said = layer.ok is False and layer.detail and layer.detail in sentence
    return replace(layer, detail="failed") if said else layer


def _layer(row: dict[str, object]) -> Layer:
    ms = row.get("ms")
    spent = f"{ms:.0f} ms" if isinstance(ms, (int, float)) and not isinstance(ms, bool) else ""
    ok = row.get("ok")
    return Layer(str(row.get("layer", "")), None if ok is None else bool(ok), str(row.get("detail") or ""), spent)
