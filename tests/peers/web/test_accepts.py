"""What a destination accepts, in a real browser: read at every width, asked anew by touch."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from gateway.domain.requests import RequestKind
from gateway.domain.views import AcceptedView, AcceptingView
from tests.support.fake_page import FakePage
from tests.support.fake_reader import MORNING, destination

SC, VL = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.77.1.4"
SYNTAXES = [f"1.2.840.10008.1.2.{end}" for end in ("1", "5", "4.57", "4.70", "4.80", "4.90")]


@pytest.fixture
def filled(page: FakePage) -> FakePage:
    answers = tuple(
        AcceptedView("Main PACS", sop_class, syntax, number % 2 == 0, 0, MORNING, MORNING)
        for sop_class in (SC, VL)
        for number, syntax in enumerate(SYNTAXES)
    )
    page.reader.destination_rows = [destination("Main PACS")]
    page.reader.accepting = {"Main PACS": AcceptingView(answers, 3, 900_000)}
    return page


def test_a_person_finds_it_and_has_it_asked_anew(tab: Page, filled: FakePage) -> None:
    tab.goto(f"{filled.url}/destinations")
    tab.click("#accepts-1")
    expect(tab.locator(".verdict")).to_contain_text("Main PACS refuses 6 of 12 kinds.")
    expect(tab.locator(".layers tbody tr")).to_have_count(12)
    tab.click("#learn-anew")
    expect(tab.locator(".notice")).to_contain_text("asked; the box is about to do it")
    assert filled.desk.filed == [(RequestKind.LEARN_ANEW, {"destination": "Main PACS"}, "page")]
    known = filled.reader.accepting["Main PACS"]
    answers = tuple(replace(row, accepted=True) for row in known.answers)
    filled.reader.accepting["Main PACS"] = AcceptingView(answers, 3, 900_000)
    filled.reader.answer("request-1", "learn_anew", ok=True, outcome="Main PACS takes 12 of 12 kinds.")
    expect(tab.locator(".verdict")).to_contain_text("Main PACS accepts all that this box makes.")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(tab: Page, filled: FakePage, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 700})
    tab.goto(f"{filled.url}/destinations/accepts?name=Main+PACS")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    answers = tab.eval_on_selector_all(
        ".layers td:nth-child(2)", "all => all.map(e => e.getBoundingClientRect().height)"
    )
    assert max(answers) < 48, "an answer of three words stands in one line"
    for button in tab.locator("main .button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
