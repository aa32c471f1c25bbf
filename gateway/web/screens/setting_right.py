"""What may be done with held pictures beside giving them a patient: split them off as an exam, or discard them."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from gateway.domain.requests import RequestKind
from gateway.web.notices import ask
from gateway.web.picked import joined, nothing_picked, picked
from gateway.web.render import page
from gateway.web.words.text import count

_LONGEST_WORDS = 200


def add_setting_right(pages: Blueprint) -> None:
    """Add splitting and discarding to the holds."""
    pages.add_url_rule("/holds/split", "split", split, methods=["POST"])
    pages.add_url_rule("/holds/discard", "discard", discard, methods=["POST"])


def split() -> Response:
    """Make the ticked pictures an exam of their own."""
    pictures = picked()
    if not pictures:
        return nothing_picked()
    ask(RequestKind.SPLIT, {"acquisitions": joined(pictures)})
    return redirect(url_for("holds.show"), 303)


def discard() -> Response:
    """Set the ticked pictures aside; asks for the reason and the name first."""
    pictures = picked()
    if not pictures:
        return nothing_picked()
    words = {name: request.form.get(name, "").strip()[:_LONGEST_WORDS] for name in ("reason", "operator")}
    if all(words.values()):
        ask(RequestKind.DISCARD, {"acquisitions": joined(pictures), **words})
        return redirect(url_for("holds.show"), 303)
    return page(
        "decide.html",
        question=f"Discard {count(len(pictures), 'picture')}?",
        why="What is discarded is never sent. Its file is kept here with the reason, and can be taken back from what "
        "is set aside.",
        action=url_for("holds.discard"),
        fields=[("acquisition", str(picture.id)) for picture in pictures],
        destinations=[],
        words=[("reason", "Why"), ("operator", "Your name")],
        yes="Discard",
        danger=True,
        back=url_for("holds.show"),
    )
