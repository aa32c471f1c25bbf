"""The held pictures that a person ticked: the same in every way of resolving a hold."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from gateway.domain.views import AcquisitionView
from gateway.web.forms import number
from gateway.web.house import house
from gateway.web.notices import say

MOST_AT_ONCE = 200


def picked() -> list[AcquisitionView]:
    """The acquisitions ticked in the form that still wait for a patient, in the order given."""
    numbers = dict.fromkeys(number(text) for text in request.form.getlist("acquisition")[:MOST_AT_ONCE])
    views = (house().reader.acquisition(one) for one in numbers)
    return [view for view in views if view is not None and view.state == "held"]


def nothing_picked() -> Response:
    """Back to the holds, with the reason."""
    say("No picture was ticked, or those that were no longer wait.")
    return redirect(url_for("holds.show"), 303)


def joined(pictures: list[AcquisitionView]) -> str:
    """The numbers of `pictures` as a request takes them."""
    return ",".join(str(picture.id) for picture in pictures)
