"""What became of what a person asked for: remembered in the session, told on the next screens until it is old."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import session

from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView
from gateway.web.house import house
from gateway.web.words.states import Tone, request_word

_FIELD = "asked"
_KEPT = 4
_SHOWN_S = 45.0


@dataclass(frozen=True, slots=True)
class Notice:
    """One line about a request."""

    tone: Tone
    what: str
    sentence: str


def ask(kind: RequestKind, payload: Mapping[str, str]) -> str:
    """File a request of the person at the page, remember it for the notices, and return its id."""
    request_id = house().desk.file(kind, payload, by="page")
    if kind is not RequestKind.ECHO:
        asked = [[request_id, kind.value, house().now().timestamp()], *session.get(_FIELD, [])]
        session[_FIELD] = asked[:_KEPT]
    return request_id


def say(sentence: str) -> None:
    """Tell the person something on the next screen without filing anything."""
    asked = [["", sentence, house().now().timestamp()], *session.get(_FIELD, [])]
    session[_FIELD] = asked[:_KEPT]


def notices() -> list[Notice]:
    """What to tell now, newest first."""
    now = house().now().timestamp()
    return [
        _notice(request_id, word) for request_id, word, at in session.get(_FIELD, []) if 0 <= now - float(at) < _SHOWN_S
    ]


def _notice(request_id: str, word: str) -> Notice:
    if not request_id:
        return Notice(Tone.ATTENTION, "Nothing was changed.", word)
    view = house().reader.request(request_id)
    return _outcome(view, f"{request_word(word)}:")


def _outcome(view: RequestView | None, what: str) -> Notice:
    if view is None or not view.done:
        return Notice(Tone.BUSY, what, "asked; the box is about to do it.")
    if view.ok:
        return Notice(Tone.SAFE, what, view.outcome or "done.")
    return Notice(Tone.DANGER, what, view.outcome or "the box could not do it.")
