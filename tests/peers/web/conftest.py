"""A served page over fakes, and Debian's Chromium to look at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.fake_page import FakePage, served_page
from tests.support.page_browser import sign_in

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[FakePage]:
    with served_page(tmp_path) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(_FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 390, "height": 844})
    yield opened
    opened.close()


@pytest.fixture
def lost_tab(context: BrowserContext, page: FakePage) -> Page:
    """A signed-in tab that will lose the box or its session, about which the browser may well complain."""
    opened = context.new_page()
    sign_in(opened, page)
    return opened


@pytest.fixture
def tab(context: BrowserContext, page: FakePage) -> Iterator[Page]:
    """A signed-in tab; whatever the browser complains about fails the test."""
    opened = context.new_page()
    complaints: list[str] = []
    opened.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(opened, page)
    yield opened
    assert complaints == []
