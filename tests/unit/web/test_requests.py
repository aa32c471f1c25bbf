"""Every form files exactly the right request, asks when it must, and tells what became of it."""

import json

import pytest

from gateway.domain.requests import RequestKind
from gateway.web.screens.destinations import read_layers
from tests.support.fake_reader import acquisition, delivery, destination, device, held, provider, recent, step
from tests.support.page_visitor import Visitor, words


@pytest.fixture
def busy(person: Visitor) -> Visitor:
    reader = person.page.reader
    reader.worklist = [step(1), step(2, patient_name="Doe^Jane", patient_id="5120"), step(3, usable=False)]
    reader.device_rows = [device("fundus", step(1)), device("ultrasound")]
    reader.destination_rows = [destination(), destination("Archive")]
    reader.provider_rows = [provider()]
    reader.rows = [
        held(
            1,
            hints=(
                ("patient_id", "4711", "file name"),
                ("patient_name", "Sharma^Sunita", "sidecar"),
                ("birth_date", "19710402", "sidecar"),
                ("sex", "f", "sidecar"),
            ),
        ),
        held(2, hints=()),
        acquisition(3, deliveries=(delivery(id=31, state="parked", error="Refused."), delivery(id=32))),
        acquisition(4, state="quarantined", deliveries=()),
    ]
    return person


def _filed(visitor: Visitor) -> list[tuple[RequestKind, dict[str, str]]]:
    assert all(by == "page" for _, _, by in visitor.page.desk.filed)
    return [(kind, payload) for kind, payload, _ in visitor.page.desk.filed]


@pytest.mark.parametrize(
    ("path", "form", "kind", "payload"),
    [
        (
            "/holds/assign",
            {"acquisition": ["1", "2"], "step": "1"},
            RequestKind.ASSIGN,
            {"acquisitions": "1,2", "step": "1"},
        ),
        (
            "/holds/assign",
            {"acquisition": ["2", "2"], "step": "2"},
            RequestKind.ASSIGN,
            {"acquisitions": "2", "step": "2"},
        ),
        (
            "/worklist/open",
            {"device": "ultrasound", "step": "2"},
            RequestKind.OPEN_STEP,
            {"device": "ultrasound", "step": "2"},
        ),
        ("/worklist/open", {"device": "fundus", "step": "2"}, RequestKind.OPEN_STEP, {"device": "fundus", "step": "2"}),
        ("/worklist/refresh", {"provider": "HIS"}, RequestKind.REFRESH, {"provider": "HIS"}),
        ("/devices/close", {"device": "fundus"}, RequestKind.CLOSE_STEP, {"device": "fundus"}),
        ("/acquisitions/3/retry", {"delivery": "31"}, RequestKind.RETRY, {"delivery": "31"}),
        ("/acquisitions/4/release", {}, RequestKind.RELEASE, {"acquisition": "4"}),
        ("/destinations/test", {"destination": "Archive"}, RequestKind.ECHO, {"destination": "Archive"}),
        (
            "/holds/unscheduled/send",
            {
                "acquisition": ["1", "2"],
                "patient_id": " 4711 ",
                "family": "शर्मा",
                "given": "सुनीता",
                "born": "1971-04-02",
                "sex": "F",
            },
            RequestKind.UNSCHEDULED,
            {
                "acquisitions": "1,2",
                "patient_id": "4711",
                "patient_name": "शर्मा^सुनीता",
                "birth_date": "19710402",
                "sex": "F",
            },
        ),
        (
            "/holds/unscheduled/send",
            {"acquisition": "2", "patient_id": "U1", "family": "Unknown", "given": "", "born": "", "sex": ""},
            RequestKind.UNSCHEDULED,
            {"acquisitions": "2", "patient_id": "U1", "patient_name": "Unknown", "birth_date": "", "sex": ""},
        ),
    ],
)
def test_a_form_files_exactly_one_request(
    busy: Visitor, path: str, form: dict[str, object], kind: RequestKind, payload: dict[str, str]
) -> None:
    assert busy.post(path, form).status_code == 303
    assert _filed(busy) == [(kind, payload)]


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/holds/assign", {"acquisition": "x", "step": "1"}, 400),
        ("/holds/assign", {"acquisition": "1", "step": "1 or 1"}, 400),
        ("/holds/assign", {"acquisition": "1", "step": "99"}, 404),
        ("/holds/assign", {"acquisition": "9" * 5000, "step": "1"}, 400),
        ("/holds/assign", {"acquisition": "0" * 5000 + "1", "step": "1"}, 400),
        ("/acquisitions/" + "9" * 5000 + "/release", {}, 404),
        ("/holds/assign", {"acquisition": "²", "step": "1"}, 400),
        ("/worklist/open", {"device": "none", "step": "1"}, 404),
        ("/worklist/open", {"device": "fundus"}, 400),
        ("/worklist/refresh", {"provider": ""}, 404),
        ("/devices/close", {"device": "../fundus"}, 404),
        ("/acquisitions/3/retry", {"delivery": "99"}, 404),
        ("/acquisitions/3/retry", {}, 400),
        ("/acquisitions/99/release", {}, 404),
        ("/destinations/test", {"destination": "nobody"}, 404),
        # These go back with a sentence instead.
        ("/holds/assign", {"step": "1"}, 303),
        ("/holds/assign", {"acquisition": "3", "step": "1"}, 303),
        ("/holds/assign", {"acquisition": "1"}, 303),
        ("/holds/assign", {"acquisition": "2", "step": "3"}, 303),
        ("/worklist/open", {"device": "ultrasound", "step": "3"}, 303),
        ("/holds/choose", {}, 303),
        ("/holds/unscheduled", {}, 303),
        ("/holds/unscheduled/send", {"patient_id": "1", "family": "X"}, 303),
    ],
)
def test_a_faulty_form_files_nothing(busy: Visitor, path: str, form: dict[str, object], status: int) -> None:
    assert busy.post(path, form).status_code == status
    assert _filed(busy) == []


def test_going_back_says_why(busy: Visitor) -> None:
    busy.post("/holds/assign", {"acquisition": "1"})
    assert "Nothing was changed. Choose a patient first." in busy.text("/holds")


def test_assigning_against_the_hint_asks_first_and_names_both(busy: Visitor) -> None:
    answer = busy.post("/holds/assign", {"acquisition": ["1", "2"], "step": "2"})
    assert answer.status_code == 200
    shown = words(answer.text)
    assert "Assign 2 pictures to Doe, Jane (ID 5120)?" in shown
    assert "patient ID 4711" in shown
    assert _filed(busy) == []
    busy.post("/holds/assign", {"acquisition": ["1", "2"], "step": "2", "confirmed": "yes"})
    assert _filed(busy) == [(RequestKind.ASSIGN, {"acquisitions": "1,2", "step": "2"})]


def test_an_order_or_a_birth_date_at_odds_is_asked_about_as_well(busy: Visitor) -> None:
    hints = (("accession_number", "2026-0001", "file name"), ("birth_date", "19800102", "sidecar"))
    busy.page.reader.change(2, hints=hints)
    asked = words(busy.post("/holds/assign", {"acquisition": "2", "step": "2"}).text)
    assert "The device says that they belong to accession number 2026-0001, date of birth 1980-01-02." in asked
    assert _filed(busy) == []


def test_sending_without_an_order_against_the_hint_asks_first(busy: Visitor) -> None:
    form: dict[str, object] = {"acquisition": ["1", "2"], "patient_id": "9", "family": "Rao", "given": "", "sex": ""}
    asked = busy.post("/holds/unscheduled/send", form)
    assert "Send 2 pictures as Rao (ID 9)?" in words(asked.text)
    assert "The device says that they belong to patient ID 4711." in words(asked.text)
    assert _filed(busy) == []
    assert busy.post("/holds/unscheduled/send", form | {"confirmed": "yes"}).status_code == 303
    ((kind, payload),) = _filed(busy)
    assert (kind, payload["patient_id"], payload["acquisitions"]) == (RequestKind.UNSCHEDULED, "9", "1,2")


def test_opening_another_patient_while_pictures_arrive_asks_first(busy: Visitor) -> None:
    busy.page.reader.recent = {"fundus": recent()}
    answer = busy.post("/worklist/open", {"device": "fundus", "step": "2"})
    assert answer.status_code == 200
    assert "Open Doe, Jane on fundus? A picture of शर्मा, सुनीता (ID 4711) arrived 1 min ago" in words(answer.text)
    assert _filed(busy) == []
    busy.post("/worklist/open", {"device": "fundus", "step": "2", "confirmed": "yes"})
    assert _filed(busy) == [(RequestKind.OPEN_STEP, {"device": "fundus", "step": "2", "confirmed": "yes"})]


def test_opening_the_same_patient_again_does_not_ask(busy: Visitor) -> None:
    busy.page.reader.recent = {"fundus": recent()}
    assert busy.post("/worklist/open", {"device": "fundus", "step": "1"}).status_code == 303


def test_nobody_is_opened_on_a_device_whose_pictures_would_not_follow(busy: Visitor) -> None:
    by_number = device("fundus", rules=("accession_number", "patient_id"))
    busy.page.reader.device_rows = [by_number, device("ultrasound")]
    for path, form in (("/worklist/open", {"step": "2"}), ("/emergency/open", {"unknown": "F"})):
        assert busy.post(path, {"device": "fundus", **form}).status_code == 303
    assert _filed(busy) == []
    shown = busy.text("/")
    assert "Nobody can be opened on fundus: its pictures find their patient by accession number or patient ID" in shown
    assert 'add "active_step" to match.rules in devices/fundus.toml' in shown
    assert busy.get("/emergency?device=fundus").status_code == 303
    assert "Open on fundus" not in busy.text("/worklist?device=fundus")
    busy.page.reader.device_rows = [by_number]
    assert "Nobody is opened here: its pictures find" in busy.text("/devices")
    assert 'id="scan-code"' not in busy.get("/").text
    assert "Open on" not in busy.text("/worklist")


def test_choosing_keeps_the_ticked_pictures(busy: Visitor) -> None:
    shown = busy.post("/holds/choose", {"acquisition": ["1", "2"], "search": "doe"}).text
    assert 'name="acquisition" value="1"' in shown
    assert 'name="acquisition" value="2"' in shown
    assert "Doe, Jane" in words(shown)
    assert "शर्मा" not in shown


def test_the_form_without_an_order_is_filled_with_hints(busy: Visitor) -> None:
    shown = busy.post("/holds/unscheduled", {"acquisition": ["1"]}).text
    for value in (
        'value="4711"',
        'value="Sharma"',
        'value="Sunita"',
        'value="1971-04-02"',
        '<option value="F" selected>',
    ):
        assert value in shown


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("patient_id", "a\\b", "no backslash"),
        ("patient_id", "x" * 65, "at most 64"),
        ("family", "", "The family name is needed."),
        ("family", "A^B", "none of the signs"),
        ("given", "A=B", "none of the signs"),
        ("given", "x" * 40, "at most 31"),
        ("born", "02.04.1971", "year-month-day"),
        ("born", "1971-W14-5", "year-month-day"),
        ("born", "2999-01-01", "future"),
        ("sex", "Q", "Choose one of the list."),
    ],
)
def test_a_wrong_identity_is_explained_and_kept_in_the_form(
    busy: Visitor, field: str, value: str, sentence: str
) -> None:
    form = {
        "acquisition": "1",
        "patient_id": "4711",
        "family": "Sharma",
        "given": "Sunita",
        "born": "1971-04-02",
        "sex": "F",
    }
    answer = busy.post("/holds/unscheduled/send", form | {field: value})
    assert answer.status_code == 400
    assert sentence in words(answer.text)
    assert 'aria-invalid="true"' in answer.text
    assert _filed(busy) == []


def test_what_became_of_a_request_is_told_and_forgotten(busy: Visitor) -> None:
    busy.post("/devices/close", {"device": "fundus"})
    assert "Close the patient: asked; the box is about to do it." in busy.text("/")
    busy.page.reader.answer("request-1", "close_step", ok=True, outcome="Closed on fundus.")
    assert "Close the patient: Closed on fundus." in busy.text("/queue")
    busy.page.clock.pass_s(60)
    assert "Closed on fundus." not in busy.text("/")


def test_what_could_not_be_done_is_told(busy: Visitor) -> None:
    busy.post("/acquisitions/4/release")
    busy.page.reader.answer("request-1", "release", ok=False, outcome="The file is gone.")
    assert "Release: The file is gone." in busy.text("/acquisitions/4")


def test_an_echo_is_shown_layer_by_layer(busy: Visitor) -> None:
    busy.post("/destinations/test", {"destination": "Main PACS"})
    assert "Testing." in busy.text("/destinations")
    layers = [
        {"layer": "name", "ok": True, "detail": "10.1.4.20", "ms": 4},
        {"layer": "connect", "ok": True, "detail": "", "ms": 31.4},
        {"layer": "tls", "ok": True, "detail": "TLS 1.3, CN=pacs", "ms": 58},
        {"layer": "association", "ok": False, "detail": "refused: called AE title not known", "ms": 12},
    ]
    busy.page.reader.answer("request-1", "echo", ok=False, outcome="Refused.", detail=json.dumps(layers))
    shown = busy.text("/destinations")
    assert "name 10.1.4.20 4 ms connect 31 ms tls TLS 1.3, CN=pacs 58 ms association refused" in shown
    assert "echo not reached" in shown
    assert shown.count("Test again") == 1


def test_a_fault_that_stands_above_the_layers_is_not_said_twice(busy: Visitor) -> None:
    busy.post("/destinations/test", {"destination": "Main PACS"})
    layers = [
        {"layer": "name", "ok": True, "detail": "10.1.4.20"},
        {"layer": "connect", "ok": False, "detail": "Dead."},
    ]
    busy.page.reader.answer(
        "request-1", "echo", ok=False, outcome="failed at connect: Dead.", detail=json.dumps(layers)
    )
    shown = busy.text("/destinations")
    assert "Failed at connect: Dead. Layer Result Time name 10.1.4.20 connect failed" in shown
    assert "TLS not reached" in " ".join(shown.split())


def test_what_the_gateway_does_is_not_said_twice(busy: Visitor) -> None:
    busy.page.reader.destination_rows = [
        destination(pending=1, error="No answer.", phase="connect", remedy="The gateway keeps trying; ask for help.")
    ]
    assert "Everything is kept safe. The gateway keeps trying; ask for help." in busy.text("/destinations")


def test_a_detail_that_is_no_list_of_layers_is_no_fault() -> None:
    for detail in ("", "{}", "not json", "[1, null]", "7"):
        assert read_layers(detail) == []
    assert read_layers('[{"layer": "<b>", "ok": true, "ms": "x"}]')[0].ms == ""


def test_a_plain_peer_has_no_tls_layer_to_reach() -> None:
    detail = '[{"layer": "name", "ok": true}, {"layer": "connect", "ok": true}, {"layer": "association", "ok": false}]'
    assert [layer.name for layer in read_layers(detail)] == ["name", "connect", "association", "echo"]
    assert [layer.name for layer in read_layers('[{"layer": "resolve", "ok": false}]')][1:] == [
        "connect",
        "TLS",
        "association",
        "echo",
    ]
