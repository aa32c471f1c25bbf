"""Reads what people send: numbers and names are checked before anything is filed."""

from flask import abort, request
from werkzeug.routing import IntegerConverter

from gateway.domain.views import StepView
from gateway.web.house import house

_MOST_DIGITS = 18  # what the ledger can count to, and no more


class Number(IntegerConverter):
    """A ledger number in an address; anything longer is no address of ours."""

    regex = rf"[0-9]{{1,{_MOST_DIGITS}}}"


def number_field(name: str) -> int:
    """A number of the form; 400 if it is none."""
    return number(request.form.get(name, ""))


def chosen_step() -> StepView:
    """The step that the form names; 404 if it has gone."""
    return house().reader.step(number_field("step")) or abort(404)


def known_name(field: str, names: list[str]) -> str:
    """A configured name that the form gives; 404 if it is not configured."""
    name = request.form.get(field, "")
    return name if name in names else abort(404)


def number(text: str) -> int:
    """`text` as a ledger number; 400 if it is none."""
    if len(text) > _MOST_DIGITS or not (text.isascii() and text.isdigit()):
        abort(400, "This form does not say which row it means. Nothing was changed.")
    return int(text)
