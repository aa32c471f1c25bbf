"""Reads what people send: numbers and names are checked before anything is filed."""

from flask import abort, request

from gateway.domain.views import StepView
from gateway.web.house import house

_LARGEST_NUMBER = 2**63 - 1


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
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > _LARGEST_NUMBER:
        abort(400, "This form does not say which row it means. Nothing was changed.")
    return int(text)
