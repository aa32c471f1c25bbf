"""Performed steps: does the RIS know what was done? And the way to break one off, or to tell it once more."""

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.performed_step import DISCONTINUATION_REASONS
from gateway.domain.requests import RequestKind
from gateway.domain.views import PerformedStepView
from gateway.web.forms import number_field
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.render import page, screen
from gateway.web.words.performed import performed_mark, performed_verdict, report_mark, report_trouble, silent_peers

_ROWS = 60


def performed_pages() -> Blueprint:
    """The list, and what a person may do about one of its rows."""
    pages = Blueprint("performed", __name__)
    pages.add_url_rule("/performed", "show", show)
    pages.add_url_rule("/performed/close", "close", close, methods=["POST"])
    pages.add_url_rule("/performed/<number:number>/discontinue", "choose_reason", choose_reason)
    pages.add_url_rule("/performed/discontinue", "discontinue", discontinue, methods=["POST"])
    pages.add_url_rule("/performed/retry", "retry", retry, methods=["POST"])
    return pages


def show() -> Response:
    """What is in progress or not told yet; with ``all`` in the address what is over as well."""
    reader, everything = house().reader, request.args.get("all") == "yes"
    unfinished = reader.performed_steps(unfinished=True, limit=_ROWS + 1)
    rows = reader.performed_steps(limit=_ROWS + 1) if everything else unfinished
    silent = silent_peers(reader.issues())
    return screen(
        "performed",
        performed_verdict(unfinished, silent),
        live=url_for("performed.show", all="yes" if everything else None),
        rows=rows[:_ROWS],
        cut=len(rows) > _ROWS,
        everything=everything,
        mark=lambda step: performed_mark(step, house().now()),
        told=lambda report: report_mark(report, house().now(), silent),
        trouble=report_trouble,
    )


def close() -> BaseResponse:
    """End a step in progress as completed."""
    step = _in_progress(number_field("performed"))
    if step is not None:
        ask(RequestKind.CLOSE_STEP, {"device": step.device, "performed": str(step.number)})
    return redirect(url_for("performed.show"), 303)


def choose_reason(number: int) -> BaseResponse:
    """Ask why an examination was broken off."""
    step = _in_progress(number)
    if step is None:
        return redirect(url_for("performed.show"), 303)
    return page("discontinue.html", step=step, reasons=DISCONTINUATION_REASONS)


def discontinue() -> BaseResponse:
    """End a step in progress as discontinued, with the reason that the person chose."""
    step = _in_progress(number_field("performed"))
    reason = request.form.get("reason", "")
    if step is None:
        return redirect(url_for("performed.show"), 303)
    if reason not in DISCONTINUATION_REASONS:
        say("Choose a reason first.")
        return redirect(url_for("performed.choose_reason", number=step.number), 303)
    payload = {"device": step.device, "performed": str(step.number), "discontinue": reason}
    ask(RequestKind.CLOSE_STEP, payload)
    return redirect(url_for("performed.show"), 303)


def retry() -> BaseResponse:
    """Tell a peer now what it refused or could not be told."""
    ask(RequestKind.RETRY_REPORT, {"report": str(number_field("report"))})
    return redirect(url_for("performed.show"), 303)


def _in_progress(number: int) -> PerformedStepView | None:
    """The step of this number; None, with a word to the person, when it has ended meanwhile; 404 for an unknown one."""
    known = house().reader.performed_steps(unfinished=True, limit=1000)
    found = next((step for step in known if step.number == number), None)
    if found is not None and found.state == "open":
        return found
    if found is None and not any(step.number == number for step in house().reader.performed_steps(limit=1000)):
        abort(404)
    say("That examination has ended already.")
    return None
