"""One acquisition: its picture, its patient, where it is, what stands in its way, and its identifiers."""

from flask import Blueprint, Response, abort, redirect, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.requests import RequestKind
from gateway.domain.views import AcquisitionView
from gateway.web.forms import number_field
from gateway.web.house import destinations_by_name, house
from gateway.web.notices import ask
from gateway.web.render import screen
from gateway.web.words.states import acquisition_mark
from gateway.web.words.verdicts import Verdict


def acquisition_pages() -> Blueprint:
    """Details, thumbnail, and what may be asked of one acquisition."""
    pages = Blueprint("acquisition", __name__)
    pages.add_url_rule("/acquisitions/<number:number>", "show", show)
    pages.add_url_rule("/acquisitions/<number:number>/thumbnail", "thumbnail", thumbnail)
    pages.add_url_rule("/acquisitions/<number:number>/retry", "retry", retry, methods=["POST"])
    pages.add_url_rule("/acquisitions/<number:number>/release", "release", release, methods=["POST"])
    return pages


def show(number: int) -> Response:
    """The details."""
    view = _view(number)
    mark = acquisition_mark(view, house().now(), destinations_by_name())
    verdict = Verdict(mark.tone, f"{mark.word}.", mark.detail[:1].upper() + mark.detail[1:])
    live = url_for("acquisition.show", number=number)
    candidates = house().reader.step_of(view.candidates)
    return screen("acquisition", verdict, live=live, view=view, candidates=candidates)


def thumbnail(number: int) -> Response:
    """The small picture; 404 while there is none."""
    path = house().reader.thumbnail(number)
    if path is None or not path.is_file():
        abort(404)
    return send_file(path, mimetype="image/jpeg", max_age=0)


def retry(number: int) -> BaseResponse:
    """Make one delivery due now."""
    delivery = number_field("delivery")
    if delivery not in {row.id for row in _view(number).deliveries}:
        abort(404)
    ask(RequestKind.RETRY, {"delivery": str(delivery)})
    return redirect(url_for("acquisition.show", number=number), 303)


def release(number: int) -> BaseResponse:
    """Give an acquisition that was set aside another try."""
    ask(RequestKind.RELEASE, {"acquisition": str(_view(number).id)})
    return redirect(url_for("acquisition.show", number=number), 303)


def _view(number: int) -> AcquisitionView:
    return house().reader.acquisition(number) or abort(404)
