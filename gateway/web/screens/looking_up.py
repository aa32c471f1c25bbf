"""Looking one patient or order up at the worklist providers, and accepting an entry whose patient has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from json import loads

from flask import Blueprint, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.procedure import StepKey
from gateway.domain.requests import RequestKind
from gateway.domain.views import RequestView, StepView
from gateway.web.forms import chosen_step
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.render import page
from gateway.web.words.text import person

ASKED_BY = {"accession_number": "Accession number", "patient_id": "Patient ID", "patient_name": "Name, such as rao*"}
_FIELD = "looked_up"
LONGEST_TEXT = 64
_SHOWN_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What became of the last question: `view` is None while the box has not answered."""

    view: RequestView | None
    steps: Sequence[StepView]


def add_looking_up(pages: Blueprint) -> None:
    """Add the question, and the word of a person about a changed entry."""
    pages.add_url_rule("/worklist/look-up", "look_up", look_up, methods=["POST"])
    pages.add_url_rule("/worklist/accept", "accept", accept, methods=["POST"])


def look_up() -> BaseResponse:
    """Ask the providers for one patient or order; the answer appears above the list."""
    kind, text = request.form.get("kind", ""), request.form.get("text", "").strip()
    if kind not in ASKED_BY or not text.strip("*? ") or len(text) > LONGEST_TEXT or not text.isprintable():
        say("Say whom to look for: an accession number, a patient ID or a name.")
        return redirect(url_for("worklist.show"), 303)
    number = ask(RequestKind.LOOK_UP, {kind: text})
    session[_FIELD] = [number, house().now().timestamp()]
    return redirect(url_for("worklist.show", device=_device()), 303)


def _device() -> str | None:
    """The device for which somebody is looked up, if a scan there named nobody."""
    named = request.form.get("device", "")
    return named if named in [row.name for row in house().reader.devices()] else None


def last_look_up() -> LookedUp | None:
    """The last question of this person, as long as it matters."""
    number, at = session.get(_FIELD, ["", 0.0])
    if not number or not 0 <= house().now().timestamp() - float(at) < _SHOWN_FOR.total_seconds():
        return None
    view = house().reader.request(number)
    if view is None or not view.detail:
        return LookedUp(view, [])
    return LookedUp(view, house().reader.step_of([StepKey(*key) for key in loads(view.detail)]))


def accept() -> BaseResponse:
    """Settle the doubts about an entry; asks first, with what is to be compared."""
    step = chosen_step()
    if request.form.get("compared") == "yes":
        ask(RequestKind.ACCEPT_STEP, {"step": str(step.number)})
        return redirect(url_for("worklist.show"), 303)
    return page(
        "confirm.html",
        question=f"Is {person(step.patient_name)} right?",
        why=f"{' '.join(step.faults)} Compare name, birth date and ID with the patient's papers or with whoever made "
        "the order. Once accepted, pictures go there by themselves again.",
        action=url_for("worklist.accept"),
        fields=[("step", str(step.number)), ("compared", "yes")],
        yes="It is right",
        back=url_for("worklist.show"),
    )
