"""Toolsets in the browser: tools come in, a change shows what it breaks, versions are kept; the keyboard will do."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.browser.conftest import start_app, stop_app
from tests.small_workspace import PING, open_small

EVIL = "<img src=x onerror=alert(1)> ${1} {{2}}"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A workspace of its own: what happens here must not meet the other pages' tests."""
    root = tmp_path_factory.mktemp("tools")
    open_small(root).close()
    process, url = start_app(root)
    yield url
    stop_app(process)


def import_file(page, path):
    page.locator(".wb-tools-line").wait_for()
    page.get_by_text("Import", exact=True).click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="From a file").click()
    chooser.value.set_files(path)
    page.locator("#preview-title").wait_for()


def test_a_schema_change_shows_what_it_breaks_before_it_is_saved(open_page):
    page = open_page("/tools")
    page.get_by_text("version 1, saved").wait_for()
    page.get_by_role("button", name="ping", exact=True).click()
    page.locator("#t-name").wait_for()
    expect(page.locator("#a1-kind")).to_have_value("integer")
    page.locator("[name='arg.1.required']").check()
    page.get_by_role("button", name="What would it break?").click()
    page.get_by_role("heading", name="Breaks 4 of 12 scenarios").wait_for()
    page.get_by_text("ping.arguments.count").wait_for()
    expect(page.locator(".wb-breaks a").first).to_have_attribute("href", "/scenarios?toolset=small&open=s0")
    assert violations(page) == []
    page.get_by_label("Leave them approved").check()
    page.get_by_role("button", name="Save as version 2").click()
    page.get_by_text("Saved as version 2. 4 scenarios do not fit.").wait_for()
    page.get_by_role("button", name="4 approved scenarios do not fit").click()
    page.get_by_role("button", name="Make drafts of the 4 approved").click()
    page.get_by_text("All approved scenarios fit").wait_for()
    for _ in range(2):
        page.get_by_role("button", name="Undo last change").click()
        page.get_by_text("Undone").wait_for()
        page.locator(".toast").evaluate("toast => toast.remove()")
    page.get_by_text("version 3, saved").wait_for()
    page.get_by_text("All approved scenarios fit").wait_for()


def test_a_file_is_seen_before_it_comes_in_and_text_stays_text(open_page, tmp_path):
    file = tmp_path / "lamps.json"
    tool = {"name": "lamp", "description": EVIL, "parameters": {"type": "object", "properties": {}}}
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps([{"type": "function", "function": tool, "mapping": 1}]).encode())
    page = open_page("/tools")
    import_file(page, file)
    page.get_by_label("Into the toolset").fill("small")
    page.get_by_label("Into the toolset").press("Tab")
    page.get_by_text("removed").first.wait_for()
    page.get_by_text("Add and update").click()
    page.get_by_text("Breaks nothing").wait_for()
    page.get_by_role("button", name="Save as version").click()
    page.get_by_text("Saved as version").wait_for()
    page.get_by_text(EVIL).wait_for()
    expect(page.locator("img")).to_have_count(0)
    page.get_by_text("Also kept from its source").wait_for()
    page.get_by_role("button", name="Versions").click()
    page.get_by_text("from lamps.json").wait_for()
    page.get_by_role("button", name="Restore version 1", exact=True).click()
    page.get_by_role("button", name="Save as version").click()
    page.locator(".toast", has_text="Saved as version").wait_for()
    expect(page.get_by_text(EVIL)).to_have_count(0)


def test_rename_and_json_by_keyboard(open_page):
    page = open_page("/tools")
    page.get_by_role("button", name="clock", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 't-name'")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("what time")
    page.keyboard.press("Control+Enter")
    page.get_by_text("is not a usable name").wait_for()
    expect(page.locator("#t-name")).to_have_attribute("aria-invalid", "true")
    page.locator("#t-name").fill("watch")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Write the new name into the scenarios, too (clock → watch: 4 scenarios)").wait_for()
    page.get_by_text("Breaks nothing").wait_for()
    page.get_by_role("button", name="Save as version").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Renamed in 4 scenarios.").wait_for()
    page.wait_for_url("**/tools?open=watch")
    page.get_by_text("JSON schema").click()
    text = page.locator("#t-json")
    text.wait_for()
    broken = text.input_value().replace('"object"', "object")
    text.fill(broken)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Is not valid JSON").wait_for()
    expect(text).to_have_value(broken)
    text.fill(broken.replace("object,", '"object",').replace('"type": object', '"type": "object"'))
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Nothing was changed.").wait_for()


def test_a_new_tool_an_argument_and_the_profile(open_page):
    page = open_page("/tools?panel=new")
    page.locator("#t-name").fill("wake")
    page.locator("#t-description").fill("Wake a computer.")
    page.get_by_role("button", name="Add an argument").click()
    page.locator("#a0-name").fill("hour")
    page.locator("#a0-kind").select_option("integer")
    page.locator("#a0-enum").fill("6, 7")
    page.locator("#a0-default").fill("six")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The default 'six' does not fit the type whole number").wait_for()
    page.locator("#a0-default").fill("6")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved as version").wait_for()
    row = page.locator(".wb-tool", has_text="Wake a computer.").locator("tbody tr")
    assert row.locator("td").all_inner_texts()[:2] == ["hour", "whole number"] and "6 7" in row.inner_text()
    page.get_by_role("button", name="Prompt profile").click()
    page.get_by_label("context").check()
    page.locator("#p0").fill("Route it.")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".toast", has_text="Saved as version").wait_for()
    page.get_by_role("button", name="Versions").click()
    page.locator(".wb-versions li").get_by_text("prompt profile").first.wait_for()


def test_a_server_that_does_not_answer_is_told(open_page):
    page = open_page("/tools?panel=server")
    page.get_by_label("Address").fill("http://127.0.0.1:9/mcp")
    page.get_by_role("button", name="Ask for its tools").click()
    page.get_by_text("could not be asked for its tools").wait_for()
    assert PING.name in page.locator("#wb-tools").inner_text()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1920, True)])
@pytest.mark.parametrize("path", ["/tools", "/tools?open=ping", "/tools?panel=profile", "/tools?panel=versions"])
def test_pages(open_page, path, width, dark):
    page = open_page(path, width, dark)
    page.get_by_text("All approved scenarios fit").wait_for()
    expect(page.locator("h1")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
