"""A patient without an order in a real browser: opened with one tap, compared with her order, the archive told."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.domain.local_views import ToReconcile
from gateway.domain.requests import RequestKind
from tests.support.fake_locals import local_study, notice, suggestion
from tests.support.fake_page import FakePage, draw_thumbnail
from tests.support.fake_reader import MORNING, acquisition, destination, device, step
from tests.support.page_browser import sign_in

_WHY_NONE = "What is known of these pictures disagrees about the patient id: no order can fit both."
_LONG = "Wolfeschlegelsteinhausenbergerdorff^Hubert-Blaine"


def _fill(page: FakePage, folder: Path) -> None:
    page.reader.worklist = [step(1, sex="F"), step(2, patient_name=_LONG, patient_id="5" * 40)]
    page.reader.rows = [acquisition(1, has_thumbnail=True), acquisition(2, has_thumbnail=True)]
    page.reader.thumbnails = {n: draw_thumbnail(folder / f"{n}.jpg", n) for n in (1, 2)}
    page.reader.device_rows = [device("fundus")]
    page.reader.destination_rows = [destination()]
    offers = (suggestion(step(1, sex="F")), suggestion(step(2, patient_name=_LONG, patient_id="5" * 40), 8))
    page.local_studies.waiting = [ToReconcile(local_study(), offers), ToReconcile(local_study(2), (), _WHY_NONE)]
    page.local_studies.notice_rows = [notice()]


def test_an_emergency_takes_one_tap(tab: Page, page: FakePage, tmp_path: Path) -> None:
    _fill(page, tmp_path)
    tab.goto(page.url)
    tab.click("#emergency-1")
    expect(tab.locator("main")).to_contain_text("Patient ID ER7-0042")
    tab.fill("#age", "50")
    tab.click("#unknown-F")
    expect(tab.locator(".notice")).to_contain_text("Open without an order")
    ((kind, payload, by),) = page.desk.filed
    assert (kind, payload["sex"], payload["age"], by) == (RequestKind.OPEN_UNSCHEDULED, "F", "50", "page")
    page.local_studies.open_on = {"fundus": (local_study(), MORNING)}
    tab.goto(page.url)
    expect(tab.locator(".patient .name")).to_have_text("Unknown, Patient")
    expect(tab.locator(".patient")).to_contain_text("without an order")


def test_enter_in_the_form_of_a_known_patient_opens_that_patient(tab: Page, page: FakePage, tmp_path: Path) -> None:
    _fill(page, tmp_path)
    tab.goto(f"{page.url}/emergency?device=fundus")
    tab.click("#known > summary")
    tab.fill("#family", "Sharma")
    tab.press("#family", "Enter")
    expect(tab.locator(".notice")).to_be_visible()
    assert page.desk.filed[0][1]["patient_name"] == "Sharma"


def test_both_are_compared_and_one_is_confirmed_with_a_name(tab: Page, page: FakePage, tmp_path: Path) -> None:
    _fill(page, tmp_path)
    tab.goto(f"{page.url}/holds")
    tab.click("#to-reconcile")
    offer = tab.locator("#offer-7")
    expect(offer.locator("td").nth(2)).to_have_text("ER7-0041 (given by this box)")
    expect(tab.locator("#study-1 .thumb img")).to_have_count(2)
    expect(tab.locator("#why-none-2")).to_have_text(_WHY_NONE)
    expect(tab.locator("#choose-2")).to_have_text("Another order")
    tab.click("#confirm-7")
    expect(tab.locator("h1")).to_contain_text("(ID ER7-0041) those of")
    tab.click("#yes")
    assert page.desk.filed == [], "the browser itself asks for the name"
    tab.fill("#operator", "Nurse A")
    tab.click("#yes")
    expect(tab.locator("h1")).to_have_text("To reconcile")
    assert page.desk.filed == [
        (RequestKind.RECONCILE, {"local_study": "1", "step": "1", "operator": "Nurse A"}, "page")
    ]


def test_refusing_and_telling_an_archive(tab: Page, page: FakePage, tmp_path: Path) -> None:
    _fill(page, tmp_path)
    tab.goto(f"{page.url}/reconcile")
    tab.click("#refuse-8")
    tab.fill("#operator", "Nurse A")
    tab.click("#yes")
    expect(tab.locator("h1")).to_have_text("To reconcile")
    with tab.expect_download() as download:
        tab.click("#notice-3 a.button")
    assert "ER7-0041 -> 4711" in download.value.path().read_text()
    tab.click("#done-3")
    tab.fill("#operator", "PACS admin")
    tab.click("#yes")
    expect(tab.locator("h1")).to_have_text("To reconcile")
    assert [(kind, payload["operator"]) for kind, payload, _ in page.desk.filed] == [
        (RequestKind.NOT_THE_SAME, "Nurse A"),
        (RequestKind.NOTICE_DONE, "PACS admin"),
    ]


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("path", ["reconcile", "emergency?device=fundus"])
def test_nothing_is_cut_and_all_works_without_javascript(
    browser: Browser, page: FakePage, tmp_path: Path, width: int, path: str
) -> None:
    _fill(page, tmp_path)
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 700})
    tab = context.new_page()
    sign_in(tab, page)
    tab.goto(f"{page.url}/{path}")
    box = tab.locator("main").bounding_box()
    assert box is not None
    assert box["width"] <= width
    for button in tab.locator("main .button:visible").all():
        place = button.bounding_box()
        assert place is not None
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= width
        assert place["height"] >= 44 or "small" in (button.get_attribute("class") or "")
    for cell in tab.locator(".compare td").all():
        place = cell.bounding_box()
        assert place is not None
        assert place["x"] + place["width"] <= width
    context.close()
