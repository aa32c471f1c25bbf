"""Correcting to a patient whom no order names: the same form and faults as elsewhere, and what the request carries."""

import re
from dataclasses import replace

import pytest

from gateway.domain.local_views import ToReconcile
from gateway.domain.requests import RequestKind
from tests.support.fake_locals import local_study
from tests.support.fake_reader import MORNING, acquisition, device, held
from tests.support.page_visitor import Visitor, words

WHY = {"reason": "the other patient was open", "operator": "Asha"}
TYPED = {"patient_id": "", "family": "Doe", "given": "Jane", "born": "1971-04-02", "sex": "F", "age": "55"}


@pytest.fixture
def wrong(person: Visitor) -> Visitor:
    person.page.reader.device_rows = [device("fundus")]
    hints = (("patient_name", "Sharma^Sunita", "sidecar"), ("birth_date", "19710402", "sidecar"))
    person.page.reader.rows = [acquisition(5, hints=hints), acquisition(6, hints=()), held(7)]
    person.page.local_studies.waiting = [
        ToReconcile(local_study(1, acquisitions=(5, 6)), ()),
        ToReconcile(local_study(2, acquisitions=(8,), patient_id="ER7-0050", patient_name="Rao^Asha"), ()),
    ]
    return person


def hidden(markup: str) -> dict[str, str]:
    """The fields that a page sends on."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', markup))


def test_the_form_has_what_the_device_said_and_whom_this_box_knows(wrong: Visitor) -> None:
    shown = wrong.post("/acquisitions/5/correct/unscheduled", {"acquisition": ["5", "6"]}).text
    for value in ('value="Sharma"', 'value="Sunita"', 'value="1971-04-02"'):
        assert value in shown
    assert "these 2 pictures" in words(shown)
    assert "Rao, Asha" in words(shown)
    assert "ER7-0041" not in words(shown), "they are hers already"
    assert "leave empty for one of this box: ER7-0042" in words(shown)


def test_what_the_device_said_of_the_wrong_patient_is_not_offered(wrong: Visitor) -> None:
    hints = (("patient_id", "4711", "file name"), ("patient_name", "Sharma^Sunita", "sidecar"))
    wrong.page.reader.change(5, hints=hints)
    shown = wrong.post("/acquisitions/5/correct/unscheduled", {"acquisition": "5"}).text
    assert 'value="4711"' not in shown
    assert "Sunita" not in shown


def test_who_was_typed_is_shown_and_filed(wrong: Visitor) -> None:
    form: dict[str, object] = {"acquisition": ["5", "6"], "unscheduled": "yes", **TYPED, "accession_number": "A<1>"}
    asked = wrong.post("/acquisitions/5/correct/check", form)
    assert "Doe, Jane ID of this box (ER7-0042) 1971-04-02 Female about 55 years without an order" in words(asked.text)
    assert wrong.page.desk.filed == []
    sent = form | {"patient_name": "ignored"} | WHY
    assert wrong.post("/acquisitions/5/correct/file", sent).status_code == 303
    ((kind, payload, _),) = wrong.page.desk.filed
    assert kind is RequestKind.CORRECT
    assert payload == {
        "acquisitions": "5,6", "unscheduled": "yes", "patient_id": "", "patient_name": "Doe^Jane",
        "birth_date": "19710402", "sex": "F", "age": "55", "accession_number": "A<1>", **WHY,
    }  # fmt: skip


def test_the_check_sends_on_what_was_typed(wrong: Visitor) -> None:
    form: dict[str, object] = {"acquisition": "5", "unscheduled": "yes", **TYPED}
    kept = hidden(wrong.post("/acquisitions/5/correct/check", form).text)
    assert {name: kept[name] for name in TYPED} == TYPED
    assert kept["unscheduled"] == "yes"
    nobody = hidden(wrong.post("/acquisitions/5/correct/check", form | {"unknown": "yes"}).text)
    assert (nobody["unknown"], nobody["family"], nobody["born"], nobody["age"]) == ("yes", "", "", "55")
    wrong.post("/acquisitions/5/correct/file", {**nobody, **WHY})
    ((_, payload, _),) = wrong.page.desk.filed
    assert (payload["patient_name"], payload["birth_date"], payload["age"]) == ("", "", "55")


def test_one_who_is_known_here_is_named_by_her_number(wrong: Visitor) -> None:
    form = {"acquisition": "5", "local_study": "2"}
    assert "Rao, Asha ID ER7-0050" in words(wrong.post("/acquisitions/5/correct/check", form).text)
    wrong.post("/acquisitions/5/correct/file", form | WHY)
    ((_, payload, _),) = wrong.page.desk.filed
    assert payload == {"acquisitions": "5", "unscheduled": "yes", "local_study": "2", **WHY}


def test_one_who_has_an_order_now_is_not_taken(wrong: Visitor) -> None:
    (first, second) = wrong.page.local_studies.waiting
    wrong.page.local_studies.waiting = [first, replace(second, study=replace(second.study, settled="reconciled"))]
    for number in ("2", "9"):
        for step in ("check", "file"):
            form = {"acquisition": "5", "local_study": number, **WHY}
            assert wrong.post(f"/acquisitions/5/correct/{step}", form).status_code == 303
    assert "That patient has an order now" in wrong.text("/acquisitions/5")
    assert wrong.page.desk.filed == []


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("family", "", "The family name is needed."),
        ("patient_id", "a\\b", "no backslash"),
        ("born", "2999-01-01", "future"),
        ("age", "old", "Write the age in years"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(wrong: Visitor, field: str, value: str, sentence: str) -> None:
    form: dict[str, object] = {"acquisition": "5", "unscheduled": "yes", **TYPED, field: value}
    answer = wrong.post("/acquisitions/5/correct/check", form)
    assert answer.status_code == 400
    assert sentence in words(answer.text)
    assert 'aria-invalid="true"' in answer.text
    assert wrong.post("/acquisitions/5/correct/file", form | WHY).status_code == 303
    assert wrong.page.desk.filed == []


def test_what_cannot_be_corrected_is_not_asked_about(wrong: Visitor) -> None:
    wrong.page.reader.change(5, rejected_at=MORNING)
    assert wrong.post("/acquisitions/5/correct/unscheduled", {"acquisition": "5"}).status_code == 303
    assert wrong.post("/acquisitions/7/correct/unscheduled", {"acquisition": "7"}).status_code == 303
