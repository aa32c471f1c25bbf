"""The list that people keep, at the page: what is filed, what is asked again, what is offered."""

import base64
from dataclasses import replace
from io import BytesIO

from gateway.domain.requests import RequestKind
from tests.support.fake_page import FakePage
from tests.support.fake_reader import provider, step
from tests.support.page_visitor import Visitor

TYPED = {"patient_id": "P1", "family": "Rao", "given": "Asha", "born": "1971-04-02", "sex": "F", "date": "2026-11-21"}


def test_a_list_is_filed_as_it_is(person: Visitor, page: FakePage) -> None:
    data = b"patient_id;name\nP1;Rao\xff"
    answer = person.post("/worklist/orders/import", {"list": (BytesIO(data), "Rao.csv"), "whole": "yes"})
    assert (answer.status_code, answer.location) == (303, "/worklist")
    expected = {"content": base64.b64encode(data).decode(), "whole": "yes"}
    assert page.desk.filed == [(RequestKind.IMPORT_ORDERS, expected, "page")]


def test_no_list_or_too_large_a_list_files_nothing(person: Visitor, page: FakePage) -> None:
    person.post("/worklist/orders/import", {"list": (BytesIO(b"x" * 65_537), "a.csv")})
    person.post("/worklist/orders/import")
    assert page.desk.filed == []
    assert "not larger than 64 KiB" in person.text("/worklist")


def test_an_order_is_filed_by_its_columns(person: Visitor, page: FakePage) -> None:
    person.post("/worklist/orders/add", TYPED | {"accession_number": "A1", "time": "10:30"})
    ((kind, columns, _),) = page.desk.filed
    assert kind is RequestKind.ADD_ORDER
    assert columns["family"] == "Rao"
    assert (columns["birth_date"], columns["accession_number"], columns["time"]) == ("1971-04-02", "A1", "10:30")


def test_a_faulty_order_is_asked_again_with_what_was_typed(person: Visitor, page: FakePage) -> None:
    answer = person.post("/worklist/orders/add", TYPED | {"patient_id": "", "accession_number": "A" * 17})
    assert answer.status_code == 400
    assert "The patient ID is needed." in answer.text
    assert "At most 16 characters." in answer.text
    assert 'value="Asha"' in answer.text
    assert page.desk.filed == []


def test_only_orders_of_this_list_can_be_taken_off(person: Visitor, page: FakePage) -> None:
    ours = step(7)
    page.reader.worklist = [step(6), replace(ours, key=replace(ours.key, provider="local"))]
    shown = person.get("/worklist").text
    assert 'id="remove-7"' in shown
    assert 'id="remove-6"' not in shown
    person.post("/worklist/orders/remove", {"step": "7"})
    assert page.desk.filed == [(RequestKind.REMOVE_ORDER, {"step": "7"}, "page")]


def test_only_providers_that_can_be_asked_are_offered_for_asking(person: Visitor, page: FakePage) -> None:
    page.reader.provider_rows = [provider("HIS"), replace(provider("local"), kind="local")]
    shown = person.get("/worklist").text
    assert shown.count("Ask now") == 1
    assert "last changed" in person.text("/worklist")
