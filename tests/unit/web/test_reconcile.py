"""Patients without an order on the page: opened in a tap, reconciled after comparing, and archives told."""

from datetime import timedelta

import pytest

from gateway.domain.local_views import ToReconcile
from gateway.domain.requests import RequestKind
from tests.support.fake_locals import local_study, notice, suggestion
from tests.support.fake_reader import MORNING, acquisition, destination, device, held, recent, step
from tests.support.page_visitor import Visitor, words


@pytest.fixture
def clinic(person: Visitor) -> Visitor:
    reader = person.page.reader
    reader.worklist = [step(1, sex="F"), step(2, patient_name="Doe^Jane", patient_id="5120", sex="M")]
    reader.device_rows = [device("fundus"), device("ultrasound")]
    reader.recent = {"ultrasound": recent()}
    reader.rows = [acquisition(1), acquisition(2), held(3)]
    person.page.local_studies.waiting = [ToReconcile(local_study(), (suggestion(step(1, sex="F")),))]
    person.page.local_studies.notice_rows = [notice()]
    return person


def _filed(visitor: Visitor) -> list[tuple[RequestKind, dict[str, str]]]:
    return [(kind, payload) for kind, payload, _ in visitor.page.desk.filed]


def test_an_unknown_patient_is_opened_in_one_tap(clinic: Visitor) -> None:
    shown = clinic.text("/emergency?device=fundus")
    assert "Patient ID ER7-0042" in shown
    assert clinic.post("/emergency/open", {"device": "fundus", "unknown": "F", "age": "50"}).status_code == 303
    nobody = {"patient_id": "", "patient_name": "", "birth_date": ""}
    assert _filed(clinic) == [(RequestKind.OPEN_UNSCHEDULED, {"device": "fundus", **nobody, "sex": "F", "age": "50"})]


def test_who_is_known_is_opened_with_what_is_known(clinic: Visitor) -> None:
    form = {"device": "fundus", "patient_id": "", "family": "Doe", "given": "Jane", "born": "1971-04-02", "sex": "F"}
    assert clinic.post("/emergency/open", form | {"accession_number": "A1"}).status_code == 303
    ((kind, payload),) = _filed(clinic)
    assert kind is RequestKind.OPEN_UNSCHEDULED
    assert (payload["patient_name"], payload["patient_id"], payload["accession_number"]) == ("Doe^Jane", "", "A1")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"family": ""}, "The family name is needed."),
        ({"unknown": "", "age": "old"}, "Write the age in years"),
        ({"family": "Doe", "accession_number": "x" * 17}, "At most 16"),
    ],
)
def test_what_is_wrong_is_said(clinic: Visitor, form: dict[str, object], sentence: str) -> None:
    answer = clinic.post("/emergency/open", {"device": "fundus", **form})
    assert answer.status_code == 400
    assert sentence in words(answer.text)
    assert _filed(clinic) == []


def test_opening_asks_when_pictures_came_a_moment_ago(clinic: Visitor) -> None:
    asked = clinic.post("/emergency/open", {"device": "ultrasound", "unknown": "", "age": ""})
    assert asked.status_code == 200
    assert "A picture of शर्मा, सुनीता (ID 4711) arrived" in words(asked.text)
    assert _filed(clinic) == []
    form = {"device": "ultrasound", "unknown": "", "age": "", "confirmed": "yes"}
    assert clinic.post("/emergency/open", form).status_code == 303
    assert len(_filed(clinic)) == 1


def test_now_shows_who_is_open_without_an_order(clinic: Visitor) -> None:
    clinic.page.local_studies.open_on = {"fundus": (local_study(), MORNING - timedelta(minutes=4))}
    shown = clinic.text("/")
    assert "Unknown, Patient" in shown
    assert "without an order" in shown
    assert "about 50 years" in shown
    assert "without an order" in clinic.text("/devices")


def test_both_identities_stand_side_by_side(clinic: Visitor) -> None:
    shown = clinic.text("/reconcile")
    for part in ("ER7-0041 (given by this box)", "4711", "The same accession number", "This is the order", "about 50"):
        assert part in shown
    assert clinic.text("/holds").count("Orders have turned up for 1 patient without one") == 1


def test_confirming_asks_for_the_name_of_who_decides(clinic: Visitor) -> None:
    asked = clinic.post("/reconcile/confirm", {"local_study": "1", "step": "1"})
    assert "Are 2 pictures of Unknown, Patient (ID ER7-0041) those of" in words(asked.text)
    assert "Nothing that is known suggests" not in words(asked.text)
    assert _filed(clinic) == []
    done = clinic.post("/reconcile/confirm", {"local_study": "1", "step": "1", "operator": "Nurse A"})
    assert done.status_code == 303
    assert _filed(clinic) == [(RequestKind.RECONCILE, {"local_study": "1", "step": "1", "operator": "Nurse A"})]


def test_each_archive_is_named_with_what_it_gets_and_nothing_need_be_sent(clinic: Visitor) -> None:
    clinic.page.reader.destination_rows = [destination("Main PACS"), destination("Archive")]
    clinic.page.local_studies.replacing = {"Main PACS"}
    asked = words(clinic.post("/reconcile/confirm", {"local_study": "1", "step": "1"}).text)
    assert "Main PACS : gets new objects, and a rejection note for those it has." in asked
    assert "Archive : keeps what it has; a notice says what its administrator is to change." in asked
    form = {"local_study": "1", "step": "1", "operator": "Nurse A", "way": "notice"}
    clinic.post("/reconcile/confirm", form)
    assert _filed(clinic) == [(RequestKind.RECONCILE, form)]


def test_an_order_that_nothing_suggests_is_said_to_be_so(clinic: Visitor) -> None:
    assert "Doe, Jane" in words(clinic.post("/reconcile/choose", {"local_study": "1", "search": ""}).text)
    asked = words(clinic.post("/reconcile/confirm", {"local_study": "1", "step": "2"}).text)
    assert "Nothing that is known suggests this order. They differ in sex." in asked
    clinic.post("/reconcile/confirm", {"local_study": "1", "step": "2", "operator": "Nurse A"})
    assert _filed(clinic)[0][1]["although"] == "yes"


@pytest.mark.parametrize(
    ("path", "field", "number", "kind"),
    [
        ("/reconcile/refuse", "suggestion", "7", RequestKind.NOT_THE_SAME),
        ("/reconcile/keep", "local_study", "1", RequestKind.STAY_UNSCHEDULED),
        ("/reconcile/done", "notice", "3", RequestKind.NOTICE_DONE),
    ],
)
def test_each_decision_bears_a_name(clinic: Visitor, path: str, field: str, number: str, kind: RequestKind) -> None:
    assert "Your name" in words(clinic.post(path, {field: number}).text)
    assert _filed(clinic) == []
    assert clinic.post(path, {field: number, "operator": "Nurse A"}).status_code == 303
    assert _filed(clinic) == [(kind, {field: number, "operator": "Nurse A"})]


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/reconcile/confirm", {"local_study": "99", "step": "1"}),
        ("/reconcile/confirm", {"local_study": "1", "step": "99"}),
        ("/reconcile/keep", {"local_study": "99"}),
        ("/emergency/open", {"device": "none", "unknown": ""}),
    ],
)
def test_what_does_not_exist_is_not_found(clinic: Visitor, path: str, form: dict[str, object]) -> None:
    assert clinic.post(path, form).status_code == 404
    assert _filed(clinic) == []


def test_a_notice_is_saved_as_text(clinic: Visitor) -> None:
    answer = clinic.client.get("/reconcile/notices/3.txt")
    assert answer.mimetype == "text/plain"
    assert "ER7-0041 -> 4711" in answer.text
    assert clinic.client.get("/reconcile/notices/9.txt").status_code == 303


def test_later_pictures_of_an_exam_go_where_the_earlier_went(clinic: Visitor) -> None:
    view = clinic.page.reader.rows[2]
    clinic.page.local_studies.exams = {(view.device, view.exam_key): local_study(4)}
    assert "Send as that patient" in words(clinic.post("/holds/unscheduled", {"acquisition": "3"}).text)
    clinic.post("/holds/unscheduled/send", {"acquisition": "3", "local_study": "4"})
    assert _filed(clinic) == [(RequestKind.UNSCHEDULED, {"acquisitions": "3", "local_study": "4"})]


def test_held_pictures_of_somebody_unknown_get_an_id_of_this_box(clinic: Visitor) -> None:
    assert "leave empty for one of this box: ER7-0042" in words(
        clinic.post("/holds/unscheduled", {"acquisition": "3"}).text
    )
    clinic.post("/holds/unscheduled/send", {"acquisition": "3", "unknown": "yes", "sex": "M", "age": "7"})
    ((_, payload),) = _filed(clinic)
    assert payload == {
        "acquisitions": "3", "patient_id": "", "patient_name": "", "birth_date": "", "sex": "M", "age": "7",
    }  # fmt: skip
