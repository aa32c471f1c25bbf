"""The page in a real browser: live, by touch, at every width, with and without JavaScript."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.domain.requests import RequestKind
from tests.support.fake_page import FakePage, draw_thumbnail
from tests.support.fake_reader import (
    MORNING,
    acquisition,
    beat,
    delivery,
    destination,
    device,
    held,
    issue,
    provider,
    recent,
    step,
)
from tests.support.page_browser import sign_in

PATHS = ("", "queue", "holds", "worklist", "devices", "destinations", "system", "acquisitions/2", "password")
_LONG = "Wolfeschlegelsteinhausenbergerdorff^Hubert-Blaine"


def _fill(page: FakePage, folder: Path) -> None:
    reader = page.reader
    reader.worklist = [
        step(1),
        step(2, patient_name=_LONG, patient_id="5" * 40),
        step(3, usable=False, faults=("no Study Instance UID",)),
    ]
    wait = delivery(
        id=20, state="pending", phase="connect", error="The network did not answer.", remedy="Check the cable."
    )
    keys = (step(1).key, step(2).key)
    reader.rows = [
        acquisition(1, has_thumbnail=True),
        acquisition(2, deliveries=(wait, delivery(destination="Archive of the district hospital"))),
        acquisition(3, patient_name=_LONG, display_name="x" * 120 + ".jpg"),
        held(4, candidates=keys),
        held(5, candidates=keys),
        acquisition(6, state="quarantined", reason="The file ends early.", deliveries=()),
    ]
    reader.thumbnails = {1: draw_thumbnail(folder / "1.jpg", 1)}
    reader.device_rows = [device("fundus", step(1)), device("ultrasound-in-the-second-room")]
    reader.destination_rows = [
        destination(pending=1, error="No answer.", phase="connect", error_at=MORNING),
        destination("Archive"),
    ]
    reader.provider_rows = [provider(error="No answer.", remedy="Check the cable.", since=MORNING)]
    reader.issue_rows = [issue()]
    reader.beat_rows = [beat(), beat("capture@fundus", "capture", age_s=900)]


def test_a_picture_appears_and_arrives_without_a_reload(tab: Page, page: FakePage) -> None:
    page.reader.device_rows = [device("fundus")]
    tab.evaluate("window.stillTheSamePage = true")
    expect(tab.locator(".sentence")).to_have_text("All safe. No pictures yet today.")
    page.reader.destination_rows = [destination()]
    page.reader.rows = [acquisition(1, deliveries=(delivery(state="sending"),))]
    expect(tab.locator(".sentence")).to_have_text("All safe here. 1 picture on the way to the PACS.")
    expect(tab.locator("#badge-queue")).to_have_text("1")
    page.reader.change(1, deliveries=(delivery(),))
    page.reader.destination_rows = [destination()]
    expect(tab.locator(".sentence")).to_have_text("All safe. 1 captured today, 1 at Main PACS.")
    expect(tab.locator("#badge-queue")).to_be_hidden()
    assert tab.evaluate("window.stillTheSamePage")


def test_assign_a_hold(tab: Page, page: FakePage, tmp_path: Path) -> None:
    _fill(page, tmp_path)
    tab.goto(f"{page.url}/holds")
    tab.uncheck("#pick-5")
    tab.click("label:has(#step-5-2)")
    tab.click("#assign-5")
    expect(tab.locator("h1")).to_contain_text("Assign 1 picture to Wolfe")
    tab.click("#yes")
    expect(tab.locator(".notice")).to_contain_text("asked; the box is about to do it.")
    assert page.desk.filed == [(RequestKind.ASSIGN, {"acquisitions": "4", "step": "2"}, "page")]
    page.reader.answer("request-1", "assign", ok=True, outcome="1 picture assigned.")
    page.reader.change(4, state="assembled")
    expect(tab.locator(".notice")).to_contain_text("1 picture assigned.")
    expect(tab.locator("#pick-4")).to_have_count(0)


def test_what_a_person_ticked_survives_a_live_update(tab: Page, page: FakePage, tmp_path: Path) -> None:
    _fill(page, tmp_path)
    tab.goto(f"{page.url}/holds")
    tab.uncheck("#pick-4")
    tab.click("label:has(#step-5-2)")
    tab.click("#hints-5 summary")
    page.reader.rows.append(held(7, exam_key="another"))
    expect(tab.locator("#pick-7")).to_be_visible()
    expect(tab.locator("#pick-4")).not_to_be_checked()
    expect(tab.locator("#step-5-2")).to_be_checked()
    expect(tab.locator("#hints-5")).to_have_attribute("open", "")


def test_open_a_patient_from_the_worklist(tab: Page, page: FakePage) -> None:
    page.reader.worklist = [step(1), step(2, patient_name="Doe^Jane")]
    page.reader.device_rows = [device("fundus")]
    page.reader.recent = {"fundus": recent(patient_id="P1")}  # whoever was closed a moment ago may still sit there
    tab.goto(f"{page.url}/worklist")
    tab.fill("#q", "doe")
    expect(tab.locator(".row")).to_have_count(1)
    assert "doe" not in tab.url
    tab.click("#open-2")
    expect(tab.locator("h1")).to_have_text("Open Doe, Jane on fundus?")
    tab.click("#yes")
    page.reader.device_rows = [device("fundus", replace(step(2, patient_name="Doe^Jane"), open_on=("fundus",)))]
    expect(tab.locator(".patient .name")).to_have_text("Doe, Jane")
    expected = {"device": "fundus", "step": "2", "confirmed": "yes"}
    assert page.desk.filed == [(RequestKind.OPEN_STEP, expected, "page")]


def test_a_destination_is_tested_live(tab: Page, page: FakePage) -> None:
    page.reader.destination_rows = [destination()]
    tab.goto(f"{page.url}/destinations")
    tab.click("#test-1")
    expect(tab.locator(".test")).to_contain_text("Testing.")
    layers = [
        {"layer": "name", "ok": True, "detail": "10.1.4.20", "ms": 4},
        {"layer": "connect", "ok": False, "detail": "refused", "ms": 3},
    ]
    page.reader.answer("request-1", "echo", ok=False, outcome="Nobody listens there.", detail=json.dumps(layers))
    expect(tab.locator(".layers tbody tr")).to_have_count(5)
    expect(tab.locator(".test")).to_contain_text("Nobody listens there.")


def test_the_page_goes_grey_when_the_box_is_silent(lost_tab: Page) -> None:
    expect(lost_tab.locator("#seen")).to_contain_text("seen")
    expect(lost_tab.locator("body")).not_to_have_class("stale")
    lost_tab.route("**/*", lambda route: route.abort())
    expect(lost_tab.locator("body")).to_have_class("stale", timeout=30_000)
    expect(lost_tab.locator("#seen")).to_contain_text("not heard from the box")
    lost_tab.unroute_all()
    expect(lost_tab.locator("body")).not_to_have_class("stale", timeout=30_000)


def test_a_signed_out_tab_goes_to_the_door_by_itself(lost_tab: Page) -> None:
    lost_tab.context.clear_cookies()
    lost_tab.wait_for_url("**/login")


@pytest.mark.parametrize("width", [320, 390, 640, 800, 1280])
def test_no_screen_scrolls_sideways(browser: Browser, page: FakePage, tmp_path: Path, width: int) -> None:
    _fill(page, tmp_path)
    context = browser.new_context(viewport={"width": width, "height": 700})
    tab = context.new_page()
    sign_in(tab, page)
    for path in PATHS:
        tab.goto(f"{page.url}/{path}")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()


def test_everything_to_press_is_large_enough(tab: Page, page: FakePage, tmp_path: Path) -> None:
    _fill(page, tmp_path)
    for path in PATHS:
        tab.goto(f"{page.url}/{path}")
        heights = tab.eval_on_selector_all(
            "button, select, summary, .button, .tabs a, nav a, label:has(input)",
            "all => all.filter(e => e.offsetParent).map(e => [e.textContent.trim(), e.getBoundingClientRect().height])",
        )
        assert [row for row in heights if row[1] < 44] == [], path


def test_by_keyboard_alone(tab: Page, page: FakePage) -> None:
    page.reader.device_rows = [device("fundus", step(1))]
    tab.goto(page.url)
    tab.keyboard.press("Tab")
    expect(tab.locator(".skip")).to_be_focused()
    for _ in range(20):
        if tab.evaluate("document.activeElement.id") == "close-1":
            break
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator(".notice")).to_contain_text("Close the patient")
    assert page.desk.filed == [(RequestKind.CLOSE_STEP, {"device": "fundus"}, "page")]


def test_everything_works_without_javascript(browser: Browser, page: FakePage, tmp_path: Path) -> None:
    _fill(page, tmp_path)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    tab = context.new_page()
    sign_in(tab, page)
    for path in PATHS:
        assert (answer := tab.goto(f"{page.url}/{path}")) is not None
        assert answer.status == 200
    tab.goto(f"{page.url}/worklist")
    tab.fill("#q", "wolfe")
    tab.click("text=Search")
    expect(tab.locator(".row")).to_have_count(1)
    tab.goto(f"{page.url}/holds")
    tab.click("#without-5")
    tab.fill("#family", "Sharma")
    tab.fill("#born", "1971-04-02")
    tab.click("#send")
    expect(tab.locator(".notice")).to_contain_text("Send without an order")
    expected = {
        "acquisitions": "5,4",
        "patient_id": "4711",
        "patient_name": "Sharma",
        "birth_date": "19710402",
        "sex": "",
    }
    assert page.desk.filed == [(RequestKind.UNSCHEDULED, expected, "page")]
    tab.goto(f"{page.url}/system")
    tab.click("#leave")
    expect(tab.locator("#enter")).to_be_visible()
    context.close()


def test_first_paint_of_now_is_under_100_kilobytes(browser: Browser, page: FakePage, tmp_path: Path) -> None:
    pictures = [acquisition(number, has_thumbnail=True) for number in range(1, 13)]
    page.reader.rows = list(pictures)
    page.reader.thumbnails = {view.id: draw_thumbnail(tmp_path / f"{view.id}.jpg", view.id) for view in pictures}
    page.reader.device_rows = [device("fundus", step(1))]
    context = browser.new_context(viewport={"width": 390, "height": 844})
    tab = context.new_page()
    sign_in(tab, page)
    tab.goto("about:blank")  # what signing in still loads is not of the first paint
    wire = tab.context.new_cdp_session(tab)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    asked: dict[str, str] = {}
    received: dict[str, float] = {}  # once an address: a slow machine meets the page's next look at itself too
    wire.on("Network.requestWillBeSent", lambda event: asked.update({event["requestId"]: event["request"]["url"]}))

    def loaded(event: dict[str, Any]) -> None:
        received.setdefault(asked[event["requestId"]], event["encodedDataLength"])

    wire.on("Network.loadingFinished", loaded)
    tab.goto(page.url, wait_until="load")
    tab.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    tab.wait_for_load_state("networkidle")
    assert len(received) > 12
    assert sum(received.values()) < 100_000, received
    context.close()
