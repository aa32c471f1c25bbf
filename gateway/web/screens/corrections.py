"""Wrong patient: choose the right one for pictures that were built, see what will happen, and ask for it."""

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from gateway.domain.local_views import LocalStudyView
from gateway.domain.requests import RequestKind
from gateway.domain.views import AcquisitionView, StepView
from gateway.web.forms import number
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.picked import MOST_AT_ONCE, joined
from gateway.web.render import page
from gateway.web.screens.correction_target import Target, known_patients, named_target
from gateway.web.screens.unscheduled import SEXES, Identity, hinted
from gateway.web.words.text import count, listed

_STEPS = 60
_LONGEST_SEARCH = 64
_LONGEST_WORDS = 200
_OF_ONE_EXAM = 60
_BAD_REQUEST = 400
_AT_PACS = frozenset({"stored", "committed"})


def correction_pages() -> Blueprint:
    """The way from a picture under the wrong patient to the right one."""
    pages = Blueprint("corrections", __name__)
    pages.add_url_rule("/acquisitions/<number:number>/correct", "choose", choose, methods=["POST"])
    pages.add_url_rule(
        "/acquisitions/<number:number>/correct/unscheduled", "unscheduled", unscheduled, methods=["POST"]
    )
    pages.add_url_rule("/acquisitions/<number:number>/correct/check", "check", check, methods=["POST"])
    pages.add_url_rule("/acquisitions/<number:number>/correct/file", "file", file, methods=["POST"])
    return pages


def may_be_corrected(view: AcquisitionView) -> bool:
    """Whether an object was built of it that still counts."""
    return view.state == "assembled" and view.rejected_at is None


def choose(number: int) -> Response:
    """Choose the right patient, and which other pictures of the exam are wrong too."""
    view = house().reader.acquisition(number) or abort(404)
    if not may_be_corrected(view):
        return _too_late(number)
    search = request.form.get("search", "").strip()[:_LONGEST_SEARCH]
    steps = [step for step in house().reader.steps(search=search, limit=_STEPS) if not _is_hers(view, step)]
    ticked = {picture.id for picture in _ticked()} or {number}
    return page("correct.html", view=view, pictures=_exam_of(view), ticked=ticked, steps=steps, search=search)


def unscheduled(number: int) -> Response:
    """Ask who it is, when no order names the right patient; filled with what the device said, if that is not wrong."""
    pictures = _ticked()
    if not pictures:
        return _too_late(number)
    said = hinted(pictures)
    is_wrong = bool(said.patient_id) and said.patient_id == pictures[0].patient_id
    return _form(number, pictures, Identity("", "", "", "", "") if is_wrong else said)


def check(number: int) -> Response:
    """Show both patients and what will happen, before anything is asked for."""
    pictures = _ticked()
    if not pictures:
        return _too_late(number)
    target = named_target()
    if target is not None and target.identity is not None:
        return _form(number, pictures, target.identity, _BAD_REQUEST)
    if target is None or target.fault:
        return _unchosen(number, target)
    return page(
        "correct_check.html",
        pictures=pictures,
        first=pictures[0],
        right=target,
        number=number,
        effects=_effects(pictures),
    )


def file(number: int) -> Response:
    """File the correction."""
    pictures = _ticked()
    words = {name: request.form.get(name, "").strip()[:_LONGEST_WORDS] for name in ("reason", "operator")}
    if not pictures:
        return _too_late(number)
    if not all(words.values()):
        say("A correction needs a reason and your name.")
        return redirect(url_for("acquisition.show", number=number), 303)
    target = named_target()
    if target is None or target.fault or target.identity is not None:
        return _unchosen(number, target)
    ask(RequestKind.CORRECT, {"acquisitions": joined(pictures), **target.payload, **words})
    return redirect(url_for("acquisition.show", number=number), 303)


def _unchosen(number: int, target: Target | None) -> Response:
    say(target.fault if target is not None and target.fault else "Choose the right patient first.")
    return redirect(url_for("acquisition.show", number=number), 303)


def _form(number: int, pictures: list[AcquisitionView], identity: Identity, status: int = 200) -> Response:
    """The form for a patient whom no order names, with those whom this box knows."""
    known: list[LocalStudyView] = known_patients(pictures[0])
    return page(
        "correct_unscheduled.html",
        status,
        number=number,
        pictures=pictures,
        identity=identity,
        sexes=SEXES,
        known=known,
        next_id=house().local_studies.next_id(),
    )


def _ticked() -> list[AcquisitionView]:
    numbers = dict.fromkeys(number(text) for text in request.form.getlist("acquisition")[:MOST_AT_ONCE])
    views = (house().reader.acquisition(one) for one in numbers)
    return [view for view in views if view is not None and may_be_corrected(view)]


def _too_late(number: int) -> Response:
    say("No picture was ticked that can be corrected: it has no object yet, or was corrected already.")
    return redirect(url_for("acquisition.show", number=number), 303)


def _exam_of(view: AcquisitionView) -> list[AcquisitionView]:
    """The pictures of the same exam under the same patient, the one that was asked about first."""
    rows = house().reader.acquisitions(state="assembled", limit=_OF_ONE_EXAM, before=view.id + _OF_ONE_EXAM)
    same = (view.device, view.exam_key, view.patient_id, view.accession_number)
    others = [
        row
        for row in rows
        if (row.device, row.exam_key, row.patient_id, row.accession_number) == same
        and may_be_corrected(row)
        and row.id != view.id
    ]
    return [view, *sorted(others, key=lambda row: row.id)]


def _is_hers(view: AcquisitionView, step: StepView) -> bool:
    """Whether the step is the one that the picture is under, as far as the page can tell."""
    return (step.patient_id, step.accession_number, step.description) == (
        view.patient_id,
        view.accession_number,
        view.step_description,
    )


def _effects(pictures: list[AcquisitionView]) -> list[str]:
    """What the correction will do, one sentence each."""
    there = {d.destination for view in pictures for d in view.deliveries if d.state in _AT_PACS}
    maybe = {d.destination for view in pictures for d in view.deliveries if d.attempts} - there
    effects = []
    if there:
        effects.append(f"{listed(sorted(there))} is told to hide the wrong objects (a rejection note).")
    if maybe:
        effects.append(f"{listed(sorted(maybe))} is told too if anything of them was sent there.")
    effects.append("What was not sent yet under the wrong patient is not sent any more.")
    if all(view.source_kept for view in pictures):
        effects.append(f"{count(len(pictures), 'new object')} with new UIDs go to the right patient.")
    effects.append("All of it stands in the journal with your name. It cannot be undone, only corrected again.")
    return effects
