"""What a person may decide about a delivery: each verb is asked first, then filed, and told on the next screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from gateway.domain.requests import RequestKind
from gateway.domain.views import AcquisitionView, DeliveryView
from gateway.web.forms import known_name, number_field
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.render import page

_LONGEST_WORDS = 200
_OWED = frozenset({"pending", "parked", "held"})


@dataclass(frozen=True, slots=True)
class Verb:
    """One decision: from which states it may be taken, and how it is asked about."""

    kind: RequestKind
    states: frozenset[str]
    label: str
    question: str
    why: str
    danger: bool = False


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "hold": Verb(
            RequestKind.HOLD_BACK,
            frozenset({"pending", "parked"}),
            "Hold",
            "Hold this object back from {to}?",
            "It stays here and is not sent until somebody releases it.",
        ),
        "let-go": Verb(
            RequestKind.LET_GO,
            frozenset({"held"}),
            "Release",
            "Release this object to {to}?",
            "It is sent as soon as its turn comes.",
        ),
        "retarget": Verb(
            RequestKind.RETARGET,
            _OWED,
            "Send elsewhere",
            "Send this object elsewhere instead of {to}?",
            "It is owed to the destination that you choose, and to {to} no longer.",
        ),
        "rebuild": Verb(
            RequestKind.REBUILD,
            frozenset({"parked"}),
            "Make again",
            "Make this object again from its captured file?",
            "Its file on the disk of this box is damaged. It is made again only if nobody can have seen it yet.",
        ),
        "take-back": Verb(
            RequestKind.TAKE_BACK,
            frozenset({"dropped"}),
            "Take back",
            "Send this object to {to} after all?",
            "It was dropped; it is owed again.",
        ),
        "drop": Verb(
            RequestKind.DROP,
            _OWED,
            "Drop",
            "Give up sending this object to {to}?",
            "The PACS will not get it from here. Say why, and who decides: both stay in the journal.",
            danger=True,
        ),
    }
)


def delivery_verbs(delivery: DeliveryView) -> list[tuple[str, str]]:
    """Names and labels of what may be decided about a delivery now."""
    return [
        (name, verb.label)
        for name, verb in VERBS.items()
        if delivery.state in verb.states and (name != "rebuild" or delivery.status == "digest")
    ]


def delivery_pages() -> Blueprint:
    """The decisions about deliveries."""
    pages = Blueprint("deliveries", __name__)
    pages.add_url_rule("/acquisitions/<number:number>/decide/<verb>", "decide", decide, methods=["POST"])
    pages.add_url_rule("/destinations/elsewhere", "elsewhere", elsewhere, methods=["POST"])
    return pages


def decide(number: int, verb: str) -> Response:
    """Ask about one verb for one delivery, then file it."""
    view = house().reader.acquisition(number) or abort(404)
    delivery = _delivery_of(view)
    chosen = VERBS.get(verb)
    if chosen is None or delivery is None:
        abort(404)
    back = url_for("acquisition.show", number=number)
    if verb not in {name for name, _ in delivery_verbs(delivery)}:
        say("That is no longer possible: the object has moved on.")
        return redirect(back, 303)
    payload = {"deliveries": str(delivery.id), **_details(chosen)}
    if request.form.get("confirmed") != "yes" or "" in payload.values():
        return _ask_first(chosen, delivery, back)
    ask(chosen.kind, payload)
    return redirect(back, 303)


def elsewhere() -> Response:
    """Owe all that waits for one destination to another."""
    names = [row.name for row in house().reader.destinations()]
    source = known_name("source", names)
    others = [name for name in names if name != source]
    back = url_for("destinations.show")
    if not others:
        say("There is no other destination.")
        return redirect(back, 303)
    if request.form.get("confirmed") != "yes":
        return page(
            "decide.html",
            question=f"Send all that waits for {source} elsewhere?",
            why="All of it is owed to the destination that you choose; if that one already has a part of it, nothing "
            "is changed.",
            action=url_for("deliveries.elsewhere"),
            fields=[("source", source), ("confirmed", "yes")],
            destinations=others,
            words=[],
            yes="Send elsewhere",
            danger=False,
            back=back,
        )
    ask(RequestKind.RETARGET, {"source": source, "destination": known_name("destination", others)})
    return redirect(back, 303)


def _delivery_of(view: AcquisitionView) -> DeliveryView | None:
    wanted = number_field("delivery")
    return next((row for row in view.deliveries if row.id == wanted), None)


def _details(verb: Verb) -> dict[str, str]:
    """What a verb needs beside the delivery; an empty value has not been given yet."""
    if verb.kind is RequestKind.DROP:
        return {name: request.form.get(name, "").strip()[:_LONGEST_WORDS] for name in ("reason", "operator")}
    if verb.kind is RequestKind.RETARGET:
        name = request.form.get("destination", "")
        return {"destination": name if name in {row.name for row in house().reader.destinations()} else ""}
    return {}


def _ask_first(verb: Verb, delivery: DeliveryView, back: str) -> Response:
    wants_words = verb.kind is RequestKind.DROP
    others = [row.name for row in house().reader.destinations() if row.name != delivery.destination]
    if verb.kind is RequestKind.RETARGET and not others:
        say("There is no other destination.")
        return redirect(back, 303)
    return page(
        "decide.html",
        question=verb.question.format(to=delivery.destination),
        why=verb.why.format(to=delivery.destination),
        action=request.path,
        fields=[("delivery", str(delivery.id)), ("confirmed", "yes")],
        destinations=others if verb.kind is RequestKind.RETARGET else [],
        words=[("reason", "Why"), ("operator", "Your name")] if wants_words else [],
        yes=verb.label,
        danger=verb.danger,
        back=back,
    )
