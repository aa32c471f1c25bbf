"""Holds: which pictures need a person? Assign them to a step, one or many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.domain.requests import RequestKind
from gateway.domain.views import AcquisitionView, StepView
from gateway.web.forms import chosen_step
from gateway.web.house import house
from gateway.web.notices import ask, say
from gateway.web.picked import joined, nothing_picked, picked
from gateway.web.render import page, screen
from gateway.web.screens.setting_right import add_setting_right
from gateway.web.screens.unscheduled import add_unscheduled
from gateway.web.words.candidates import said_against, unfit_words
from gateway.web.words.text import count, person
from gateway.web.words.verdicts import holds_verdict

_ROWS = 60
_STEPS = 60
_LONGEST_SEARCH = 64


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures of one exam that wait for the same reason, with the steps that may fit, best first."""

    first: AcquisitionView
    pictures: list[AcquisitionView]
    candidates: Sequence[StepView]


def hold_pages() -> Blueprint:
    """The holds and the ways to resolve them."""
    pages = Blueprint("holds", __name__)
    pages.add_url_rule("/holds", "show", show)
    pages.add_url_rule("/holds/choose", "choose", choose, methods=["POST"])
    pages.add_url_rule("/holds/assign", "assign", assign, methods=["POST"])
    add_unscheduled(pages)
    add_setting_right(pages)
    return pages


def show() -> Response:
    """Every hold, grouped by exam."""
    reader = house().reader
    rows = reader.acquisitions(state="held", limit=_ROWS)
    held = max(len(rows), reader.counts().by_state.get("held", 0))
    return screen(
        "holds",
        holds_verdict(held),
        live=url_for("holds.show"),
        groups=_groups(rows),
        hidden=held - len(rows),
        reconciling=sum(1 for one in house().local_studies.to_reconcile() if one.suggestions),
        telling=len(house().local_studies.notices()),
    )


def choose() -> BaseResponse:
    """Look for another step for the ticked pictures."""
    pictures = picked()
    if not pictures:
        return nothing_picked()
    search = request.form.get("search", "").strip()[:_LONGEST_SEARCH]
    steps = house().reader.steps(search=search, limit=_STEPS)
    return page("choose.html", pictures=pictures, steps=steps, search=search)


def assign() -> BaseResponse:
    """Tie the ticked pictures to the chosen step; asks first when they say that they are somebody else's."""
    pictures = picked()
    if not pictures:
        return nothing_picked()
    if not request.form.get("step"):
        say("Choose a patient first.")
        return redirect(url_for("holds.show"), 303)
    step = chosen_step()
    if unfit := unfit_words(step):
        say(unfit)
        return redirect(url_for("holds.show"), 303)
    others = said_against(pictures, step)
    if others and request.form.get("confirmed") != "yes":
        return _ask_first(pictures, step, others)
    ask(RequestKind.ASSIGN, {"acquisitions": joined(pictures), "step": str(step.number)})
    return redirect(url_for("holds.show"), 303)


def _groups(rows: Sequence[AcquisitionView]) -> list[Group]:
    by_exam: dict[tuple[object, ...], list[AcquisitionView]] = {}
    for row in rows:
        by_exam.setdefault((row.device, row.exam_key, row.reason, row.candidates), []).append(row)
    return [Group(group[0], group, house().reader.step_of(group[0].candidates)) for group in by_exam.values()]


def _ask_first(pictures: list[AcquisitionView], step: StepView, others: list[str]) -> Response:
    return page(
        "confirm.html",
        question=f"Assign {count(len(pictures), 'picture')} to {person(step.patient_name)} (ID {step.patient_id})?",
        why=f"The device says that they belong to {', '.join(others)}. "
        "A picture under the wrong patient is hard to take back from the PACS.",
        action=url_for("holds.assign"),
        fields=[
            *(("acquisition", str(picture.id)) for picture in pictures),
            ("step", str(step.number)),
            ("confirmed", "yes"),
        ],
        yes="Assign all the same",
        back=url_for("holds.show"),
    )
