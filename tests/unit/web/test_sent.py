"""What worklist peers sent, looking up, accepting and scanning, at the page."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.procedure import StepKey
from gateway.domain.requests import RequestKind
from gateway.domain.sent import ImportView, MessageView, NamePreview, ScanView, SentAnswer, SentLine, SentRound
from tests.support.fake_page import FakePage, make_page
from tests.support.fake_reader import MORNING, device, provider, step
from tests.support.page_visitor import Visitor

FAULT = "Accession Number is longer than the 16 characters that the standard allows."
ROUND = SentRound(
    provider="HIS",
    at=MORNING - timedelta(minutes=1),
    asked="the list of the configured days",
    came=3,
    complete=False,
    note="its answers went on for more than 120 s",
    answers=(
        SentAnswer(1, 512, True, (), (SentLine(0, "(0010,0010)", "Patient's Name", "PN", "Müller^Hans"),)),
        SentAnswer(
            2,
            600,
            False,
            ("It has no Patient ID.",),
            (SentLine(0, "(0008,0050)", "Accession Number", "SH", "A<b>" * 5, FAULT),),
        ),
    ),
    preview=(NamePreview("ISO_IR 100", ("Müller^Hans",), 0), NamePreview("ISO_IR 144", ("Mьller^Hans",), 1)),
)


def test_answers_are_shown_with_their_faults_and_previews(person: Visitor, page: FakePage) -> None:
    page.reader.provider_rows = [provider("HIS")]
    page.sent.rounds = {"HIS": ROUND}
    assert "What it sent" in person.text("/worklist")
    shown = person.text("/worklist/sent?provider=HIS")
    assert "HIS sent 3 answers" in shown
    assert "They may not be all: its answers went on for more than 120 s." in shown
    assert "It has no Patient ID." in shown
    assert FAULT in shown
    assert "ISO_IR 100" in shown
    assert "Müller, Hans" in shown
    assert "1 name not readable" in shown
    assert "2 of 3 answers are kept" in shown
    assert "<b>" not in person.get("/worklist/sent?provider=HIS").text


def test_look_ups_stand_beside_the_broad_answers(person: Visitor, page: FakePage) -> None:
    page.reader.provider_rows = [provider("HIS")]
    asked = "one patient or order, by accession number A<7>"
    one = replace(ROUND, asked=asked, note="", complete=True, came=2)
    page.sent.looked_up = {"HIS": [one, replace(one, asked="one patient or order, by name rao*", note="it broke off")]}
    alone = person.text("/worklist/sent?provider=HIS")
    assert "HIS has not answered the broad question yet." in alone
    page.sent.rounds = {"HIS": ROUND}
    shown = person.text("/worklist/sent?provider=HIS")
    assert f"Looked up {asked} : 2 answers, 1 min ago" in shown
    assert "by name rao* : 2 answers, 1 min ago They may not be all: it broke off." in shown
    assert "The list of the configured days, 1 min ago" in shown
    assert shown.count("It has no Patient ID.") == 3
    names = re.findall(r' id="([^"]+)"', person.get("/worklist/sent?provider=HIS").text)
    assert len(names) == len(set(names))


UNKNOWN = ScanView("fundus", MORNING, "2026-9999", False, "The code fits no step of the worklist.", unknown=True)


@pytest.mark.parametrize(
    ("kind", "offered"),
    [
        ("", ["Look it up as accession number", "Look it up as patient ID"]),
        ("accession_number", ["Look it up as accession number"]),
        ("patient_id", ["Look it up as patient ID"]),
        ("step_id", []),
    ],
)
def test_a_code_that_no_step_has_is_looked_up(person: Visitor, page: FakePage, kind: str, offered: list[str]) -> None:
    page.reader.provider_rows = [provider("HIS")]
    page.reader.device_rows = [device("fundus"), device("ultrasound")]
    page.sent.scan_rows = [replace(UNKNOWN, kind=kind)]
    shown = person.text("/")
    assert "The code fits no step of the worklist. Code 2026-9999" in shown
    assert re.findall(r"Look it up as (?:accession number|patient ID)", shown) == offered
    assert ("No worklist can be asked for it by this code" in shown) is (not offered)
    page.reader.provider_rows = [provider("feed", kind="hl7")]
    assert "No worklist here can be asked for it" in person.text("/")
    assert "Look it up" not in person.text("/")


def test_what_was_looked_up_for_a_device_opens_there(person: Visitor, page: FakePage) -> None:
    page.reader.provider_rows = [provider("HIS")]
    page.reader.device_rows = [device("fundus"), device("ultrasound")]
    form = {"kind": "accession_number", "text": "2026-9999", "device": "ultrasound"}
    answer = person.post("/worklist/look-up", form)
    assert answer.headers["Location"].endswith("/worklist?device=ultrasound")
    assert page.desk.filed == [(RequestKind.LOOK_UP, {"accession_number": "2026-9999"}, "page")]
    assert "device" not in person.post("/worklist/look-up", form | {"device": "<b>"}).headers["Location"]


def test_messages_and_lists_are_shown_with_their_faults(person: Visitor, page: FakePage) -> None:
    page.reader.provider_rows = [provider("feed", kind="hl7"), provider("local", kind="local")]
    cut = "The message was cut off: its end never came."
    page.sent.message_rows = [
        MessageView(MORNING, "feed", "192.0.2.7", "ORM^O01", "C1", "AE", cut, b"MSH|\xff^\rPID|1")
    ]
    page.sent.import_rows = [
        ImportView(MORNING, "page", False, "Nothing was imported.", ("line 2, column id: it is empty",), b"id;name\n;X")
    ]
    shown = person.text("/worklist/sent?provider=feed")
    assert cut in shown
    assert "MSH|\\xff^" in shown
    shown = person.text("/worklist/sent?provider=local")
    assert "line 2, column id: it is empty" in shown
    assert "id;name" in shown


def test_nothing_sent_and_no_such_provider(person: Visitor, page: FakePage) -> None:
    page.reader.provider_rows = [provider("HIS"), provider("feed", kind="hl7")]
    assert "has not answered yet" in person.text("/worklist/sent?provider=HIS")
    assert "No message has come yet." in person.text("/worklist/sent?provider=feed")
    assert person.get("/worklist/sent?provider=other").status_code == 404


def test_one_patient_is_looked_up(person: Visitor, page: FakePage) -> None:
    answer = person.post("/worklist/look-up", {"kind": "patient_name", "text": "rao*"})
    assert (answer.status_code, answer.location) == (303, "/worklist")
    assert page.desk.filed == [(RequestKind.LOOK_UP, {"patient_name": "rao*"}, "page")]
    assert "The box is asking." in person.text("/worklist")
    found = step(7, looked_up=True)
    page.reader.worklist = [found]
    keys = f'[["{found.key.provider}", "{found.key.study_instance_uid}", "{found.key.step_id}"]]'
    page.reader.answer("request-1", "look_up", ok=True, outcome="HIS: 1 step(s) found.", detail=keys)
    shown = person.get("/worklist").text
    assert "HIS: 1 step(s) found." in shown
    assert "looked up" in shown
    assert shown.count("4711") == 2


def test_a_question_about_nobody_is_not_asked(person: Visitor, page: FakePage) -> None:
    for form in ({}, {"kind": "sex", "text": "F"}, {"kind": "patient_name", "text": "*"}, {"kind": "patient_id"}):
        person.post("/worklist/look-up", form)
    assert page.desk.filed == []
    assert "Say whom to look for" in person.text("/worklist")


def test_every_entry_shows_its_age_and_its_doubt(person: Visitor, page: FakePage) -> None:
    mark = "Its patient has changed since it was first seen (name): compare before you use it."
    page.reader.worklist = [
        step(1, seen_at=MORNING - timedelta(minutes=3)),
        step(2, vanished=True, seen_at=MORNING - timedelta(hours=2)),
        step(3, doubtful=True, faults=(mark,)),
    ]
    shown = person.text("/worklist")
    assert "seen 3 min ago" in shown
    assert "No longer on the worklist; last seen 08:42" in shown
    assert f"In doubt. {mark}" in shown
    markup = person.get("/worklist").text
    assert 'id="accept-3"' in markup
    assert 'id="accept-1"' not in markup


def test_accepting_asks_for_a_comparison_first(person: Visitor, page: FakePage) -> None:
    page.reader.worklist = [step(3, doubtful=True, faults=("Its patient has changed.",))]
    asked = person.post("/worklist/accept", {"step": "3"})
    assert "Its patient has changed." in asked.text
    assert page.desk.filed == []
    person.post("/worklist/accept", {"step": "3", "compared": "yes"})
    assert page.desk.filed == [(RequestKind.ACCEPT_STEP, {"step": "3"}, "page")]


def test_a_wedge_files_what_its_code_stands_for(person: Visitor, page: FakePage) -> None:
    page.reader.device_rows = [device("fundus")]
    assert "data-wedge" in person.get("/").text
    person.post("/scan", {"device": "fundus", "code": " A1 "})
    assert page.desk.filed == [(RequestKind.SCAN, {"device": "fundus", "code": "A1", "kind": ""}, "page")]


def test_a_wedge_that_reads_nothing_or_for_nobody_files_nothing(person: Visitor, page: FakePage) -> None:
    page.reader.device_rows = [device("fundus")]
    person.post("/scan", {"device": "fundus", "code": "  "})
    person.post("/scan", {"device": "fundus", "code": "x" * 129})
    assert person.post("/scan", {"device": "other", "code": "A1"}).status_code == 404
    assert page.desk.filed == []
    assert "No code was read" in person.text("/")


def test_a_scan_that_opened_nobody_shows_whom_it_may_mean(person: Visitor, page: FakePage) -> None:
    page.reader.device_rows = [device("fundus")]
    one, two = step(1), step(2, patient_name="Doe^Jane")
    page.reader.worklist = [one, two]
    scan = ScanView("fundus", MORNING, "4711", False, "The code fits 2 steps of one patient.", (one.key, two.key))
    page.sent.scan_rows = [scan]
    shown = person.get("/").text
    assert "The code fits 2 steps of one patient." in shown
    assert "Doe, Jane" in shown
    assert 'id="open-scanned-2"' in shown
    page.sent.scan_rows = [replace(scan, at=MORNING - timedelta(minutes=6))]
    assert "The code fits" not in person.text("/")
    page.sent.scan_rows = [replace(scan, ok=True)]
    assert "The code fits" not in person.text("/")


def test_a_scan_that_waits_for_a_yes_offers_it(person: Visitor, page: FakePage) -> None:
    page.reader.device_rows = [device("fundus", step(1))]
    page.reader.worklist = [step(1), step(2, patient_name="Doe^Jane")]
    page.sent.scan_rows = [
        ScanView(
            "fundus", MORNING, "A2", False, "Scan the code again within 30 s.", (StepKey("HIS", "1.2.3.2", "SPS2"),),
            waiting_step=2, waiting_until=MORNING + timedelta(seconds=30),
        )
    ]  # fmt: skip
    assert 'id="confirm-scan-1"' in person.get("/").text
    page.clock.pass_s(31)
    assert 'id="confirm-scan-1"' not in person.get("/").text


def test_the_codes_of_a_device_are_read_by_its_patterns(tmp_path: Path) -> None:
    page = make_page(tmp_path, read_code=lambda _, code: ("patient_id", code.removeprefix("PID-")))
    page.reader.device_rows = [device("fundus")]
    visitor = Visitor(page, page.app.test_client())
    visitor.sign_in()
    visitor.post("/scan", {"device": "fundus", "code": "PID-77"})
    assert page.desk.filed == [(RequestKind.SCAN, {"device": "fundus", "code": "77", "kind": "patient_id"}, "page")]


def test_now_says_that_the_open_patient_is_in_doubt(person: Visitor, page: FakePage) -> None:
    doubted = step(1, doubtful=True, faults=("Its patient has changed (name) although pictures were taken for it.",))
    page.reader.device_rows = [device("fundus", doubted)]
    assert "In doubt, and no picture goes there. Its patient has changed (name)" in person.text("/")
