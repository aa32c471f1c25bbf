"""What every browser test does first."""

from playwright.sync_api import Page

from tests.support.fake_page import FakePage


def sign_in(tab: Page, page: FakePage) -> None:
    """Come in by the door."""
    tab.goto(page.url)
    tab.fill("#password", page.password)
    tab.click("#enter")
    tab.wait_for_selector(".verdict")
