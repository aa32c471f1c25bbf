"""Wrong patient, split and discard, by hand in a real browser: what is shown before anything is asked for."""

import pytest
from playwright.sync_api import Page, expect

from gateway.domain.local_views import ToReconcile
from gateway.domain.requests import RequestKind
from tests.support.fake_locals import local_study
from tests.support.fake_page import FakePage
from tests.support.fake_reader import acquisition, delivery, destination, device, held, step

LARGE_PX = 27


def to_the_check(tab: Page, page: FakePage) -> None:
    """From a delivered picture to the question, with a second picture of the exam ticked too."""
    tab.goto(f"{page.url}/acquisitions/5")
    tab.click("#correct")
    expect(tab.locator("h1")).to_contain_text("really?")
    tab.check("#pick-6")
    tab.fill("#q", "doe")
    tab.click("#look")
    expect(tab.locator("#pick-6")).to_be_checked()
    assert "doe" not in tab.url
    tab.click("label:has(#step-2)")
    tab.click("#go-on")


@pytest.fixture
def wrong(page: FakePage) -> FakePage:
    """Two pictures of one exam at the PACS, a third of another exam, and two people on the worklist."""
    page.reader.rows = [
        acquisition(5, deliveries=(delivery(),)),
        acquisition(6, deliveries=(delivery(id=2, state="pending", attempts=0),)),
        acquisition(7, exam_key="another"),
    ]
    page.reader.worklist = [step(1), step(2, patient_name="Doe^Jane", patient_id="P2", accession_number="A2")]
    return page


def test_both_patients_stand_in_large_type_with_what_will_happen(tab: Page, wrong: FakePage) -> None:
    to_the_check(tab, wrong)
    for place, name in (("#wrong", wrong.reader.rows[0].patient_name.split("^")[0]), ("#right", "Doe, Jane")):
        shown = tab.locator(place)
        expect(shown).to_contain_text(name)
        assert float(shown.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")) >= LARGE_PX
    words = tab.locator("#effects").inner_text()
    assert "Main PACS is told to hide the wrong objects" in words
    assert "2 new objects with new UIDs" in words
    assert wrong.desk.filed == []


def test_a_correction_is_filed_with_reason_and_name(tab: Page, wrong: FakePage) -> None:
    to_the_check(tab, wrong)
    tab.click("#yes")
    assert wrong.desk.filed == [], "the browser asks for the words"
    tab.fill("#reason", "the other patient was open")
    tab.fill("#operator", "Asha")
    tab.click("#yes")
    tab.wait_for_url("**/acquisitions/5")
    expected = {"acquisitions": "5,6", "step": "2", "reason": "the other patient was open", "operator": "Asha"}
    assert wrong.desk.filed == [(RequestKind.CORRECT, expected, "page")]


def test_a_picture_goes_to_a_patient_whom_no_order_names(tab: Page, wrong: FakePage) -> None:
    tab.goto(f"{wrong.url}/acquisitions/5")
    tab.click("#correct")
    tab.check("#pick-6")
    tab.click("#without-order")
    expect(tab.locator("h1")).to_have_text("Who is it, without an order?")
    expect(tab.locator("#patient_id")).to_have_value("")  # what the device said is the wrong patient's
    tab.fill("#family", "Rao")
    tab.fill("#born", "1971-04-02")
    tab.select_option("#sex", "F")
    tab.click("#go-on")
    expect(tab.locator("#right")).to_have_text("Rao")
    expect(tab.locator("main")).to_contain_text("ID of this box (ER7-0042)")
    expect(tab.locator("#effects")).to_contain_text("2 new objects with new UIDs")
    assert wrong.desk.filed == []
    tab.fill("#reason", "an emergency came in between")
    tab.fill("#operator", "Asha")
    tab.click("#yes")
    tab.wait_for_url("**/acquisitions/5")
    ((kind, payload, _),) = wrong.desk.filed
    assert kind is RequestKind.CORRECT
    assert payload["acquisitions"] == "5,6"
    assert (payload["unscheduled"], payload["patient_name"], payload["birth_date"]) == ("yes", "Rao", "19710402")
    assert (payload["patient_id"], payload["reason"]) == ("", "an emergency came in between")
    assert "step" not in payload


def test_a_picture_goes_to_a_patient_without_an_order_who_is_known_here(tab: Page, wrong: FakePage) -> None:
    known = local_study(2, acquisitions=(9,), patient_name="Rao^Asha", patient_id="ER7-0050")
    wrong.local_studies.waiting = [ToReconcile(known, ())]
    tab.goto(f"{wrong.url}/acquisitions/5")
    tab.click("#correct")
    tab.click("#without-order")
    expect(tab.locator("main")).to_contain_text("Rao, Asha")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing scrolls sideways on a phone"
    tab.click("#known-2")
    expect(tab.locator("#right")).to_have_text("Rao, Asha")
    tab.fill("#reason", "an emergency came in between")
    tab.fill("#operator", "Asha")
    tab.click("#yes")
    tab.wait_for_url("**/acquisitions/5")
    ((_, payload, _),) = wrong.desk.filed
    assert (payload["unscheduled"], payload["local_study"], payload["acquisitions"]) == ("yes", "2", "5")


def test_without_the_captured_file_only_the_note_is_offered(tab: Page, page: FakePage) -> None:
    page.reader.rows = [acquisition(5, source_kept=False, deliveries=(delivery(),))]
    page.reader.worklist = [step(2, patient_name="Doe^Jane")]
    tab.goto(f"{page.url}/acquisitions/5")
    tab.click("#correct")
    expect(tab.locator("main")).to_contain_text("no longer kept here")
    expect(tab.locator("input[name=step]")).to_have_count(0)
    tab.click("#go-on")
    tab.fill("#reason", "wrong eye clinic")
    tab.fill("#operator", "Asha")
    tab.click("#yes")
    tab.wait_for_url("**/acquisitions/5")
    ((kind, payload, _),) = page.desk.filed
    assert (kind, payload["note_only"], payload["acquisitions"]) == (RequestKind.CORRECT, "yes", "5")


def test_what_was_corrected_names_the_other_and_is_not_offered_again(tab: Page, page: FakePage) -> None:
    at = acquisition(5).captured_at
    note = delivery(id=9, is_note=True)
    page.reader.rows = [
        acquisition(5, corrected_by=8, rejected_at=at, deliveries=(delivery(), note)),
        acquisition(8, correction_of=5),
    ]
    tab.goto(f"{page.url}/acquisitions/5")
    expect(tab.locator("main")).to_contain_text("rejection note")
    expect(tab.locator("#correct")).to_have_count(0)
    tab.click("main a:has-text('picture 8')")
    expect(tab.locator("main")).to_contain_text("Took the place of picture 5")


def test_ticked_pictures_are_split_off(tab: Page, page: FakePage) -> None:
    page.reader.rows = [held(number) for number in (4, 5, 6)]
    tab.goto(f"{page.url}/holds")
    tab.uncheck("#pick-4")
    tab.click("#split-6")
    tab.wait_for_url("**/holds")
    assert page.desk.filed == [(RequestKind.SPLIT, {"acquisitions": "6,5"}, "page")]


def test_a_discard_asks_why_and_who(tab: Page, page: FakePage) -> None:
    page.reader.rows = [held(4)]
    tab.goto(f"{page.url}/holds")
    tab.click("#discard-4")
    expect(tab.locator("h1")).to_have_text("Discard 1 picture?")
    tab.fill("#reason", "test card")
    tab.fill("#operator", "Asha")
    tab.click("#yes")
    tab.wait_for_url("**/holds")
    expected = {"acquisitions": "4", "reason": "test card", "operator": "Asha"}
    assert page.desk.filed == [(RequestKind.DISCARD, expected, "page")]


def test_candidates_say_why_they_came_into_question(tab: Page, page: FakePage) -> None:
    other = step(2, patient_name="Doe^Jane", patient_id="P2")
    page.reader.worklist = [step(1), other]
    hints = (("patient_id", "P2", "file name"),)
    page.reader.rows = [held(4, hints=hints, candidates=(other.key, step(1).key))]
    tab.goto(f"{page.url}/holds")
    options = tab.locator(".option")
    expect(options.nth(0)).to_contain_text("same patient ID")
    expect(options.nth(1)).to_contain_text("another patient ID")


def test_the_open_patient_is_not_shown_what_was_corrected_away(tab: Page, page: FakePage) -> None:
    at = acquisition(5).captured_at
    page.reader.device_rows = [device("fundus", step(1))]
    page.reader.destination_rows = [destination()]
    page.reader.rows = [
        acquisition(4),
        acquisition(5, corrected_by=6, rejected_at=at),
        acquisition(6, correction_of=5, patient_id="P2"),
    ]
    tab.goto(page.url)
    expect(tab.locator(".patient")).to_contain_text("1 picture, 1 at PACS")
