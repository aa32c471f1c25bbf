"""Who is active, on a phone in a dark room and on a desk; and what the RIS was told, in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from gateway.domain.requests import RequestKind
from tests.support.fake_page import FakePage, draw_thumbnail
from tests.support.fake_reader import MORNING, acquisition, destination, device, performed, report, step
from tests.support.page_browser import sign_in

SIZES: dict[str, ViewportSize] = {"phone": {"width": 320, "height": 640}, "desk": {"width": 1280, "height": 800}}
LONG = "Wolfeschlegelsteinhausenbergerdorff^Hubert-Blaine"
SMALLEST_NAME_PX = 27


def fill(page: FakePage, folder: Path) -> None:
    """Two devices with patients, one of them about to be closed by itself."""
    reader = page.reader
    other = step(2, patient_name="Doe^Jane^^Dr", patient_id="P2", accession_number="A2")
    reader.worklist = [step(1), other]
    reader.device_rows = [
        device("fundus", step(1), active_by="asha", closes_at=MORNING + timedelta(hours=3), captured_since=6),
        device("ultrasound", other, active_by="page", closes_at=MORNING + timedelta(minutes=7)),
    ]
    reader.destination_rows = [destination()]
    reader.rows = [acquisition(number, has_thumbnail=True) for number in range(1, 7)]
    reader.thumbnails = {number: draw_thumbnail(folder / f"{number}.jpg", number) for number in range(1, 7)}
    stopped = report(
        4, kind="set", state="parked", status="0110", attempts=2, error="RIS answered 0110: final there already.",
        remedy="Compare its list of images with that of this box, then retry or leave it.",
    )  # fmt: skip
    away = report(5, peer="Second RIS of the district", state="pending", status="", error="Nobody listens.", attempts=3)
    reader.performed_rows = [
        performed(3, reports=(report(1), away)),
        performed(
            2, state="closed", outcome="completed", ended_at=MORNING, patient_name=LONG, reports=(report(3), stopped)
        ),
        performed(1, state="closed", outcome="discontinued", reason="110515", ended_at=MORNING, reports=(report(2),)),
    ]


@pytest.fixture(params=SIZES)
def sized(request: pytest.FixtureRequest, browser: Browser, page: FakePage, tmp_path: Path) -> Iterator[Page]:
    """A signed-in tab at each size, in the dark."""
    context = browser.new_context(viewport=SIZES[request.param], color_scheme="dark")
    tab = context.new_page()
    sign_in(tab, page)
    fill(page, tmp_path)
    yield tab
    context.close()


def test_who_is_active_is_read_from_afar(sized: Page, page: FakePage) -> None:
    sized.goto(page.url)
    name = sized.locator(".patient .name").first
    expect(name).to_have_text("शर्मा, सुनीता")
    expect(name).to_be_in_viewport()
    assert float(name.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= SMALLEST_NAME_PX
    card = sized.locator(".patient").first
    expect(card).to_contain_text("opened by asha at 10:34")
    expect(card).to_contain_text("closes by itself at 13:42")
    expect(card).to_contain_text("6 pictures, 6 at PACS")
    expect(sized.locator(".patient").nth(1).locator(".chip-attention")).to_contain_text("Closes by itself in 7 min")
    verdict, code = sized.locator(".verdict").bounding_box(), sized.locator("#scan-code").bounding_box()
    assert verdict is not None
    assert code is not None
    assert verdict["y"] < code["y"], "what the screen answers comes before what can be typed"
    assert code["width"] > 160, "a scanned number can be read"


def test_a_new_picture_and_another_patient_come_by_themselves(sized: Page, page: FakePage) -> None:
    sized.goto(page.url)
    reader = page.reader
    reader.rows = [*reader.rows, acquisition(7)]
    reader.device_rows = [replace(reader.device_rows[0], captured_since=7), reader.device_rows[1]]
    expect(sized.locator(".patient").first).to_contain_text("7 pictures, 7 at PACS")
    reader.device_rows = [device("fundus", step(2, patient_name="Doe^Jane"), active_by="ravi"), reader.device_rows[1]]
    expect(sized.locator(".patient .name").first).to_have_text("Doe, Jane")
    reader.device_rows = [device("fundus"), reader.device_rows[1]]
    expect(sized.locator(".patient .name").first).to_have_text("No patient is open")


def test_closing_asks_while_pictures_come(sized: Page, page: FakePage) -> None:
    reader = page.reader
    reader.device_rows = [replace(reader.device_rows[0], last_captured_at=MORNING - timedelta(seconds=30))]
    sized.goto(page.url)
    sized.click("#close-1")
    expect(sized.locator("h1")).to_have_text("Close शर्मा, सुनीता on fundus?")
    assert page.desk.filed == []
    sized.click("#yes")
    expect(sized.locator(".notice")).to_contain_text("Close the patient")
    assert page.desk.filed == [(RequestKind.CLOSE_STEP, {"device": "fundus"}, "page")]


def test_performed_steps_are_seen_told_again_and_broken_off(sized: Page, page: FakePage) -> None:
    sized.goto(f"{page.url}/devices")
    sized.click("text=What the RIS was told of examinations")
    expect(sized.locator(".sentence")).to_have_text("1 report stopped. Pictures are not affected.")
    sized.click("#retry-4")
    expect(sized.locator(".notice")).to_contain_text("Report the step again")
    sized.click("#discontinue-3")
    sized.select_option("#reason", "110505")
    sized.click("#yes")
    expect(sized.locator(".sentence")).to_be_visible()
    assert page.desk.filed == [
        (RequestKind.RETRY_REPORT, {"report": "4"}, "page"),
        (RequestKind.CLOSE_STEP, {"device": "fundus", "performed": "3", "discontinue": "110505"}, "page"),
    ]
    sized.goto(f"{page.url}/performed?all=yes")
    expect(sized.locator("#performed-1")).to_contain_text("Patient condition prevented continuing (110515)")


@pytest.mark.parametrize("path", ["", "performed", "performed?all=yes", "performed/3/discontinue"])
def test_nothing_scrolls_sideways_and_everything_can_be_touched(sized: Page, page: FakePage, path: str) -> None:
    sized.goto(f"{page.url}/{path}")
    width = sized.viewport_size
    assert width is not None
    assert sized.evaluate("document.documentElement.scrollWidth") <= width["width"]
    heights = sized.eval_on_selector_all(
        "button, select, summary, .button, .tabs a",
        "all => all.filter(e => e.offsetParent).map(e => [e.textContent.trim(), e.getBoundingClientRect().height])",
    )
    assert [row for row in heights if row[1] < 44] == []
