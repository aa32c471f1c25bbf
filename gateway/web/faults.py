"""Pages for what went wrong in the page itself, in plain words."""

import logging

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from gateway.domain.errors import GatewayError
from gateway.web.render import page

_LOG = logging.getLogger(__name__)
_UNAVAILABLE, _SERVER_ERROR = 503, 500
_SENTENCES = {
    404: "There is nothing at this address. It may have been finished and cleared since.",
    405: "This address takes a form only. Nothing was changed.",
    413: "That was too much at once. Nothing was changed.",
    500: "The page met a defect of its own. Nothing was changed; the pictures are safe. Try again, or tell support.",
}


def handle_faults(app: Flask) -> None:
    """Register the pages."""
    app.register_error_handler(HTTPException, _http_fault)
    app.register_error_handler(GatewayError, _gateway_fault)


def _http_fault(error: HTTPException) -> Response:
    status = error.code or _SERVER_ERROR
    sentence = _SENTENCES.get(status) or error.description or "The page could not do this."
    return page("fault.html", status, sentence=sentence, remedy="")


def _gateway_fault(error: GatewayError) -> Response:
    _LOG.warning("event=page-fault phase=%s disposition=%s", error.phase.value, error.disposition.value)
    return page("fault.html", _UNAVAILABLE, sentence=f"{error.message} Nothing was changed.", remedy=error.remedy)
