"""To reconcile: what was sent without an order, and is this its order?"""

from dataclasses import dataclass

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.local_views import LocalStudyView, ToReconcile
from gateway.domain.requests import RequestKind
from gateway.domain.views import AcquisitionView, StepView
from gateway.web.forms import chosen_step, number_field
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.render import page
from gateway.web.words.identities import Line, compared
from gateway.web.words.text import count, person

_LONGEST_NAME = 200
_LONGEST_SEARCH = 64
_STEPS = 60
_PICTURES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Offer:
    """A suggested step beside the local study, line by line."""

    suggestion: int
    step: StepView
    reason: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Case:
    """A local study with its newest pictures and the steps that may be its order."""

    study: LocalStudyView
    pictures: list[AcquisitionView]
    offers: list[Offer]
    why_none: str = ""


def reconcile_pages() -> Blueprint:
    """The list, its decisions, and the notices."""
    pages = Blueprint("reconcile", __name__)
    pages.add_url_rule("/reconcile", "show", show)
    pages.add_url_rule("/reconcile/choose", "choose", choose, methods=["POST"])
    pages.add_url_rule("/reconcile/confirm", "confirm", confirm, methods=["POST"])
    pages.add_url_rule("/reconcile/refuse", "refuse", refuse, methods=["POST"])
    pages.add_url_rule("/reconcile/keep", "keep", keep, methods=["POST"])
    pages.add_url_rule("/reconcile/done", "done", done, methods=["POST"])
    pages.add_url_rule("/reconcile/notices/<number:number>.txt", "notice", notice)
    return pages


def show() -> Response:
    """Every local study that may find its order, and every notice that stands."""
    cases = [_case(one) for one in house().local_studies.to_reconcile()]
    return page("reconcile.html", cases=cases, notices_for=house().local_studies.notices())


def _case(one: ToReconcile) -> Case:
    return Case(
        one.study,
        _pictures(one.study),
        [Offer(found.number, found.step, found.reason, compared(one.study, found.step)) for found in one.suggestions],
        one.why_none,
    )


def choose() -> Response:
    """Look for an order that nothing suggests."""
    study = _named_study()
    search = request.form.get("search", "").strip()[:_LONGEST_SEARCH]
    steps = [step for step in house().reader.steps(search=search, limit=_STEPS) if step.usable]
    return page("choose_order.html", study=study, steps=steps, search=search)


def confirm() -> BaseResponse:
    """Confirm an order; asks first, with both identities and what will be done."""
    study, step = _named_study(), chosen_step()
    suggested = any(
        found.step.number == step.number
        for one in house().local_studies.to_reconcile()
        if one.study.number == study.number
        for found in one.suggestions
    )
    operator = request.form.get("operator", "").strip()[:_LONGEST_NAME]
    if not operator:
        return _ask_first(study, step, suggested=suggested)
    payload = {"local_study": str(study.number), "step": str(step.number), "operator": operator}
    payload |= {} if suggested else {"although": "yes"}
    payload |= {"way": "notice"} if request.form.get("way") == "notice" else {}
    ask(RequestKind.RECONCILE, payload)
    return redirect(url_for("reconcile.show"), 303)


def _ask_first(study: LocalStudyView, step: StepView, *, suggested: bool) -> Response:
    lines = compared(study, step)
    differing = [line.name.lower() for line in lines if line.differs]
    doubt = "" if suggested else "Nothing that is known suggests this order."
    if differing:
        doubt = f"{doubt} They differ in {', '.join(differing)}.".lstrip()
    local_studies = house().local_studies
    return page(
        "confirm_order.html",
        question=f"Are {count(len(study.acquisitions), 'picture')} of {person(study.patient_name)} "
        f"(ID {study.patient_id}) those of {person(step.patient_name)} (ID {step.patient_id})?",
        doubt=doubt,
        study=study,
        step=step,
        lines=lines,
        pictures=_pictures(study),
        archives=[(row.name, local_studies.replaces(row.name)) for row in house().reader.destinations()],
    )


def _pictures(study: LocalStudyView) -> list[AcquisitionView]:
    views = (house().reader.acquisition(number) for number in study.acquisitions[-_PICTURES_SHOWN:])
    return [view for view in views if view is not None]


def refuse() -> BaseResponse:
    """Say that a suggested order is another one."""
    number = str(number_field("suggestion"))
    return _with_name(
        RequestKind.NOT_THE_SAME,
        {"suggestion": number},
        "Is this order somebody else's?",
        "It will not be suggested for these pictures again.",
        "Not the same",
    )


def keep() -> BaseResponse:
    """Look for no order any more."""
    study = _named_study()
    return _with_name(
        RequestKind.STAY_UNSCHEDULED,
        {"local_study": str(study.number)},
        f"Leave {person(study.patient_name)} (ID {study.patient_id}) without an order?",
        "No order is looked for any more. Nothing is sent.",
        "Leave as it is",
    )


def done() -> BaseResponse:
    """Say that an archive was changed."""
    number = str(number_field("notice"))
    return _with_name(
        RequestKind.NOTICE_DONE,
        {"notice": number},
        "Has the archive been changed as the notice says?",
        "The notice is put away; it stays in the journal.",
        "It was changed",
    )


def _with_name(kind: RequestKind, fields: dict[str, str], question: str, why: str, yes: str) -> BaseResponse:
    """File a decision with the name of who takes it; asks for the name first."""
    operator = request.form.get("operator", "").strip()[:_LONGEST_NAME]
    if operator:
        ask(kind, {**fields, "operator": operator})
        return redirect(url_for("reconcile.show"), 303)
    return page(
        "decide.html",
        question=question,
        why=why,
        action=request.path,
        fields=list(fields.items()),
        destinations=[],
        words=[("operator", "Your name")],
        yes=yes,
        danger=False,
        back=url_for("reconcile.show"),
    )


def notice(number: int) -> BaseResponse:
    """A notice as text, to pass on to the administrator of an archive."""
    for one in house().local_studies.notices(done=True):
        if one.number == number:
            answer = Response(one.text, mimetype="text/plain; charset=utf-8")
            answer.headers["Content-Disposition"] = f'attachment; filename="notice-{number}.txt"'
            return answer
    say("That notice is not there any more.")
    return redirect(url_for("reconcile.show"), 303)


def _named_study() -> LocalStudyView:
    return house().local_studies.local_study(number_field("local_study")) or abort(404)
