"""Deliveries on the page: what may be decided is offered, asked about first, filed once, and nothing else is."""

import pytest

from gateway.domain.requests import RequestKind
from gateway.web.screens.deliveries import VERBS, delivery_verbs
from tests.support.fake_reader import acquisition, delivery, destination
from tests.support.page_visitor import Visitor, words

STATES = {
    "pending": ["hold", "retarget", "drop"],
    "sending": [],
    "parked": ["hold", "retarget", "drop"],
    "held": ["let-go", "retarget", "drop"],
    "dropped": ["take-back"],
    "stored": [],
    "committed": [],
}


@pytest.fixture
def page(person: Visitor) -> Visitor:
    reader = person.page.reader
    reader.destination_rows = [destination(pending=4), destination("Archive")]
    reader.rows = [
        acquisition(3, deliveries=(delivery(id=31, state="parked", error="Refused."), delivery(id=32))),
        acquisition(5, deliveries=(delivery(id=51, state="held", decision="held (console asha)"),)),
        acquisition(6, deliveries=(delivery(id=61, state="dropped", decision="wrong eye (Asha)"),)),
        acquisition(7, deliveries=(delivery(id=71, state="parked", status="digest", error="Damaged."),)),
    ]
    return person


@pytest.mark.parametrize(("state", "expected"), STATES.items())
def test_what_is_offered_in_each_state(state: str, expected: list[str]) -> None:
    assert [name for name, _ in delivery_verbs(delivery(state=state))] == expected


def test_a_damaged_object_may_be_made_again() -> None:
    assert "rebuild" in dict(delivery_verbs(delivery(state="parked", status="digest")))


@pytest.mark.parametrize(
    ("number", "verb", "form", "payload"),
    [
        (3, "hold", {"delivery": "31"}, {}),
        (5, "let-go", {"delivery": "51"}, {}),
        (6, "take-back", {"delivery": "61"}, {}),
        (7, "rebuild", {"delivery": "71"}, {}),
        (3, "retarget", {"delivery": "31", "destination": "Archive"}, {"destination": "Archive"}),
        (
            3,
            "drop",
            {"delivery": "31", "reason": " wrong eye ", "operator": "Asha"},
            {"reason": "wrong eye", "operator": "Asha"},
        ),
    ],
)
def test_a_decision_is_asked_about_and_then_filed_once(
    page: Visitor, number: int, verb: str, form: dict[str, object], payload: dict[str, str]
) -> None:
    path = f"/acquisitions/{number}/decide/{verb}"
    asked = page.post(path, form)
    assert asked.status_code == 200
    assert "Go back, change nothing" in words(asked.text)
    assert page.page.desk.filed == []
    assert page.post(path, {**form, "confirmed": "yes"}).status_code == 303
    expected = {"deliveries": str(form["delivery"]), **payload}
    assert [(kind, filed) for kind, filed, _ in page.page.desk.filed] == [(VERBS[verb].kind, expected)]


@pytest.mark.parametrize("missing", ["reason", "operator"])
def test_a_drop_without_reason_or_name_is_asked_about_again(page: Visitor, missing: str) -> None:
    form = {"delivery": "31", "reason": "wrong eye", "operator": "Asha", "confirmed": "yes", missing: " "}
    answer = page.post("/acquisitions/3/decide/drop", form)
    assert answer.status_code == 200
    assert f'name="{missing}"' in answer.text
    assert page.page.desk.filed == []


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/acquisitions/3/decide/explode", {"delivery": "31"}, 404),
        ("/acquisitions/3/decide/hold", {"delivery": "51"}, 404),
        ("/acquisitions/99/decide/hold", {"delivery": "31"}, 404),
        ("/acquisitions/3/decide/hold", {}, 400),
        ("/acquisitions/3/decide/hold", {"delivery": "32", "confirmed": "yes"}, 303),
        ("/acquisitions/6/decide/drop", {"delivery": "61", "confirmed": "yes"}, 303),
        ("/acquisitions/3/decide/retarget", {"delivery": "31", "destination": "nobody", "confirmed": "yes"}, 200),
        ("/destinations/elsewhere", {"source": "nobody"}, 404),
        ("/destinations/elsewhere", {"source": "Main PACS", "destination": "Main PACS", "confirmed": "yes"}, 404),
    ],
)
def test_a_faulty_decision_files_nothing(page: Visitor, path: str, form: dict[str, object], status: int) -> None:
    assert page.post(path, form).status_code == status
    assert page.page.desk.filed == []


def test_all_that_waits_goes_elsewhere(page: Visitor) -> None:
    assert "Send all elsewhere" in page.text("/destinations")
    asked = page.post("/destinations/elsewhere", {"source": "Main PACS"})
    assert '<option value="Archive">' in asked.text
    page.post("/destinations/elsewhere", {"source": "Main PACS", "destination": "Archive", "confirmed": "yes"})
    assert [(kind, filed) for kind, filed, _ in page.page.desk.filed] == [
        (RequestKind.RETARGET, {"source": "Main PACS", "destination": "Archive"})
    ]


def test_there_must_be_another_destination(page: Visitor) -> None:
    page.page.reader.destination_rows = [destination(pending=4)]
    assert page.post("/destinations/elsewhere", {"source": "Main PACS"}).status_code == 303
    assert page.post("/acquisitions/3/decide/retarget", {"delivery": "31"}).status_code == 303
    assert page.page.desk.filed == []


def test_the_decision_is_shown_and_no_trouble_is(page: Visitor) -> None:
    shown = page.text("/acquisitions/6")
    assert "wrong eye (Asha)" in shown
    assert "Dropped" in shown
    assert "keeps trying" not in shown
    assert "Held back" in page.text("/acquisitions/5")
