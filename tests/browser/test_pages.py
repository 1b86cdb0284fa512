"""Every page, light and dark, narrow and wide: a heading, no serious accessibility violation, nothing cut off."""

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations

PAGES = ("/", "/scenarios", "/scenarios?open=s0", "/scenarios?open=new", "/coverage", "/generate", "/train", "/compare")
PAGES += ("/playground", "/inbox")
PAGES += ("/duplicates", "/review", "/history", "/history?change=1", "/history?scenario=s0", "/history?view=snapshots")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1920, True)])
@pytest.mark.parametrize("path", PAGES)
def test_page(open_page, path, width, dark):
    page = open_page(path, width, dark)
    page.wait_for_load_state("networkidle")
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert ("dark" in (page.locator("body").get_attribute("class") or "")) is dark
    assert violations(page) == []


def test_light_and_dark_are_remembered(open_page):
    page = open_page("/")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.get_by_role("link", name="Coverage", exact=True).click()
    page.get_by_role("heading", name="Coverage").wait_for()
    assert "dark" in (page.locator("body").get_attribute("class") or "")


def test_an_empty_table_invites(open_page):
    page = open_page("/scenarios?text=nowhere")
    page.get_by_text("Nothing fits this filter").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("1–12 of 12").wait_for()
    expect(page.get_by_label("Search")).to_have_value("")
    assert page.url.endswith("/scenarios")
