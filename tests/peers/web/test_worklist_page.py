"""The worklist's newer parts in a real browser: a wedge that types, one patient looked up, what a peer sent."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.domain.requests import RequestKind
from gateway.domain.sent import NamePreview, ScanView, SentAnswer, SentLine, SentRound
from tests.support.fake_page import FakePage
from tests.support.fake_reader import MORNING, device, provider, recent, step
from tests.support.page_browser import sign_in

FAULT = "Accession Number is longer than the 16 characters that the standard allows."
LINES = (
    SentLine(0, "(0008,0050)", "Accession Number", "SH", "A" * 190, FAULT),
    SentLine(0, "(0010,0010)", "Patient's Name", "PN", "शर्मा^सुनीता"),
    SentLine(0, "(0040,0100)", "Scheduled Procedure Step Sequence", "SQ", "1 item(s)"),
    SentLine(1, "(0008,0060)", "Modality", "CS", "OP"),
)
PREVIEW = (NamePreview("ISO_IR 192", ("शर्मा^सुनीता",), 0), NamePreview("ISO_IR 100", ("à¤¶à¤°à¥à¤®à¤¾",), 0))


def filled(page: FakePage) -> None:
    page.reader.provider_rows = [provider("HIS")]
    page.reader.device_rows = [device("fundus")]
    page.reader.worklist = [
        step(1),
        step(2, patient_name="Doe^Jane", doubtful=True, faults=("Its patient has changed.",)),
    ]
    page.sent.rounds = {
        "HIS": SentRound("HIS", MORNING - timedelta(minutes=1), "the list of the configured days", 1, True, "",
                         (SentAnswer(1, 700, False, ("It has no Patient ID.",), LINES),), PREVIEW)
    }  # fmt: skip


def test_a_keyboard_wedge_opens_a_step_without_a_click(tab: Page, page: FakePage) -> None:
    filled(page)
    tab.goto(page.url)
    tab.keyboard.type("2026-8891")
    expect(tab.locator("#scan-code")).to_have_value("2026-8891")
    tab.keyboard.press("Enter")
    expect(tab.locator(".notice")).to_contain_text("asked; the box is about to do it.")
    assert page.desk.filed == [(RequestKind.SCAN, {"device": "fundus", "code": "2026-8891", "kind": ""}, "page")]
    page.reader.answer("request-1", "scan", ok=False, outcome="The code fits 2 steps of different patients.")
    page.sent.scan_rows = [
        ScanView("fundus", MORNING, "2026-8891", False, "The code fits 2 steps of different patients.",
                 (step(1).key, step(2).key))
    ]  # fmt: skip
    expect(tab.locator(".scanned")).to_contain_text(
        "Doe, Jane"
    )  # the live part goes on although a field has the cursor
    tab.click("#open-scanned-1")
    assert page.desk.filed[-1] == (RequestKind.OPEN_STEP, {"device": "fundus", "step": "1"}, "page")


def test_with_several_devices_a_person_says_on_which(tab: Page, page: FakePage) -> None:
    filled(page)
    page.reader.device_rows = [device("endoscope"), device("fundus")]
    tab.goto(f"{page.url}/worklist")
    tab.click("#open-1")
    expect(tab.locator("#device-1")).to_have_js_property("validity.valueMissing", True)
    assert page.desk.filed == []
    tab.select_option("#device-1", "fundus")
    tab.click("#open-1")
    expect(tab.locator(".notice")).to_be_visible()
    assert page.desk.filed == [(RequestKind.OPEN_STEP, {"device": "fundus", "step": "1"}, "page")]


def test_a_wedge_leaves_other_fields_and_the_tab_key_alone(tab: Page, page: FakePage) -> None:
    filled(page)
    tab.goto(page.url)
    expect(tab.locator("#scan-code")).not_to_be_focused()  # a phone would open its keyboard
    tab.keyboard.press("Tab")
    expect(tab.locator(".skip")).to_be_focused()
    tab.goto(f"{page.url}/worklist")
    tab.focus("#q")
    tab.keyboard.type("doe")
    expect(tab.locator("#q")).to_have_value("doe")


def test_a_scan_that_waits_is_confirmed_on_the_page(tab: Page, page: FakePage) -> None:
    filled(page)
    page.reader.worklist = [step(1), step(2, patient_name="Doe^Jane")]
    page.reader.device_rows = [device("fundus", step(1))]
    page.reader.recent = {"fundus": recent(patient_id="P1", ago_s=20)}
    page.sent.scan_rows = [
        ScanView(
            "fundus", MORNING, "A2", False, "Scan the code again within 30 s.", (), 2, MORNING + timedelta(seconds=30)
        )
    ]
    tab.goto(page.url)
    tab.click("#confirm-scan-1")
    expect(tab.locator(".notice")).to_contain_text("asked")
    assert page.desk.filed == [(RequestKind.OPEN_STEP, {"device": "fundus", "step": "2", "confirmed": "yes"}, "page")]


def test_one_patient_is_looked_up_and_shown_beside_the_cache(tab: Page, page: FakePage) -> None:
    filled(page)
    tab.goto(f"{page.url}/worklist")
    tab.click("#look-up summary")
    tab.select_option("#look-up-kind", "patient_name")
    tab.fill("#look-up-text", "rao*")
    tab.click("#look-up-go")
    expect(tab.locator("section:has(#looked-up)")).to_contain_text("The box is asking.")
    assert "rao" not in tab.url
    found = step(9, patient_name="Rao^Asha", looked_up=True)
    page.reader.worklist.append(found)
    keys = f'[["{found.key.provider}", "{found.key.study_instance_uid}", "{found.key.step_id}"]]'
    page.reader.answer("request-1", "look_up", ok=True, outcome="HIS: 1 step(s) found.", detail=keys)
    expect(tab.locator("section:has(#looked-up)")).to_contain_text("Rao, Asha")
    tab.click("#open-found-9")
    assert page.desk.filed[-1] == (RequestKind.OPEN_STEP, {"device": "fundus", "step": "9"}, "page")


def test_a_changed_entry_is_accepted_after_a_look(tab: Page, page: FakePage) -> None:
    filled(page)
    tab.goto(f"{page.url}/worklist")
    tab.click("#accept-2")
    expect(tab.locator("h1")).to_have_text("Is Doe, Jane right?")
    tab.click("#yes")
    expect(tab.locator(".notice")).to_contain_text("Accept the entry")
    assert page.desk.filed == [(RequestKind.ACCEPT_STEP, {"step": "2"}, "page")]


def test_what_the_peer_sent_is_read_and_stays_open(tab: Page, page: FakePage) -> None:
    filled(page)
    tab.goto(f"{page.url}/worklist")
    tab.get_by_role("link", name="What it sent").click()
    expect(tab.locator(".sent")).to_contain_text(FAULT)
    expect(tab.locator(".preview")).to_contain_text("शर्मा, सुनीता")
    tab.click("#lines-1 summary")
    expect(tab.locator("#lines-1 .depth-1")).to_contain_text("Modality")
    page.sent.rounds["HIS"] = SentRound("HIS", MORNING, "one patient or order", 1, True, "",
                                        page.sent.rounds["HIS"].answers, ())  # fmt: skip
    expect(tab.locator(".more")).to_contain_text("one patient or order")
    expect(tab.locator("#lines-1")).to_have_attribute("open", "")


@pytest.mark.parametrize("path", ["", "worklist", "worklist/sent?provider=HIS"])
def test_nothing_runs_over_the_edge_of_a_small_phone(browser: Browser, page: FakePage, path: str) -> None:
    filled(page)
    context = browser.new_context(viewport={"width": 320, "height": 640})
    tab = context.new_page()
    sign_in(tab, page)
    tab.goto(f"{page.url}/{path}")
    for part in tab.locator("main details > summary").all():
        if part.is_visible():
            part.click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    small = tab.evaluate(
        "[...document.querySelectorAll('main button, main input, main select, main summary')]"
        ".filter(e => e.offsetParent && e.type !== 'hidden' && e.getBoundingClientRect().height < 43.5)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert small == []
    context.close()


def test_a_wedge_works_without_javascript(browser: Browser, page: FakePage) -> None:
    filled(page)
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    sign_in(tab, page)
    tab.goto(page.url)
    tab.fill("#scan-code", "A1")
    tab.press("#scan-code", "Enter")
    assert page.desk.filed == [(RequestKind.SCAN, {"device": "fundus", "code": "A1", "kind": ""}, "page")]
    context.close()


def test_a_device_that_takes_no_patients_from_people_offers_no_opening(tab: Page, page: FakePage) -> None:
    filled(page)
    page.reader.device_rows = [device("scanner", rules=("accession_number",)), device("fundus")]
    tab.goto(page.url)
    card = tab.locator(".patient").first
    expect(card).to_contain_text("Nobody is opened here")
    expect(card).to_contain_text("Its pictures find their patient by accession number alone.")
    expect(card.locator(".button")).to_have_count(0)
    expect(tab.locator("#scan-device")).to_have_count(0)  # only the other device is scanned for
    tab.goto(f"{page.url}/worklist?device=scanner")
    expect(tab.locator("#open-1")).to_have_text("Open on fundus")
    tab.goto(f"{page.url}/emergency?device=scanner")
    expect(tab.locator(".notice")).to_contain_text('add "active_step" to match.rules in devices/scanner.toml')
    assert page.desk.filed == []


def test_a_code_that_no_step_has_is_named_and_looked_up_for_its_device(tab: Page, page: FakePage) -> None:
    filled(page)
    page.reader.device_rows = [device("fundus"), device("ultrasound")]
    page.sent.scan_rows = [
        ScanView("ultrasound", MORNING, "2026-9999", False, "The code fits no step of the worklist.", unknown=True)
    ]
    tab.goto(page.url)
    card = tab.locator(".scanned")
    expect(card).to_be_in_viewport()
    expect(card).to_contain_text("Scan for ultrasound")
    expect(card).to_contain_text("The code fits no step of the worklist. Code 2026-9999")
    tab.click("#look-up-scanned-accession_number")
    assert page.desk.filed == [(RequestKind.LOOK_UP, {"accession_number": "2026-9999"}, "page")]
    found = step(9, patient_name="Rao^Asha", accession_number="2026-9999", looked_up=True)
    page.reader.worklist.append(found)
    keys = f'[["{found.key.provider}", "{found.key.study_instance_uid}", "{found.key.step_id}"]]'
    page.reader.answer("request-1", "look_up", ok=True, outcome="HIS: 1 step(s) found.", detail=keys)
    expect(tab.locator("section:has(#looked-up)")).to_contain_text("Rao, Asha")
    tab.click("#open-found-9")
    assert page.desk.filed[-1] == (RequestKind.OPEN_STEP, {"device": "ultrasound", "step": "9"}, "page")


def test_look_ups_do_not_take_the_place_of_the_broad_answers(tab: Page, page: FakePage) -> None:
    filled(page)
    one = SentRound("HIS", MORNING, "one patient or order, by accession number A7", 1, True, "",
                    (SentAnswer(1, 700, True, (), LINES),), ())  # fmt: skip
    page.sent.looked_up = {"HIS": [one]}
    tab.goto(f"{page.url}/worklist")
    tab.click("text=What it sent")
    expect(tab.locator("#broad")).to_contain_text("The list of the configured days")
    expect(tab.locator("#answer-1")).to_be_visible()
    expect(tab.locator("#answer-of-1-1")).not_to_be_visible()
    tab.click("summary:has-text('by accession number A7')")
    expect(tab.locator("#answer-of-1-1")).to_be_visible()
