"""Stopping answers in the Playground. The model begins each answer and holds it, so that nothing depends on speed."""

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.browser.conftest import start_app, stop_app
from tests.held_model import BEGUN


@pytest.fixture(scope="module")
def app(workspace):
    process, url = start_app(workspace, script="tests/browser/held_app.py")
    yield url
    stop_app(process)


def ask(page, text):
    page.locator("#p-request").fill(text)
    page.locator("#p-request").press("Enter")


def growing(page, side="left"):
    """The turn that grows."""
    expect(page.locator(f"#wb-{side} [data-waiting]")).to_have_text(BEGUN)
    return page.locator(f"#wb-{side} article").last


def stop(page):
    return page.get_by_role("button", name="Stop Esc")


def test_stop_by_mouse_and_ask_again(open_page):
    page = open_page("/playground")
    page.locator("#p-request").wait_for()
    expect(stop(page)).to_be_hidden()
    ask(page, "take your time")
    turn = growing(page)
    expect(turn).not_to_contain_text("NO_TOOL")
    expect(page.get_by_role("button", name="Send")).to_be_hidden()
    assert violations(page) == []
    # What is typed meanwhile is neither sent nor lost.
    ask(page, "and be quick")
    stop(page).click()
    expect(turn.get_by_text("stopped", exact=True)).to_be_visible()
    expect(turn.get_by_label("As far as it came")).to_have_text(BEGUN)
    expect(page.locator("#p-request")).to_be_focused()
    expect(page.locator("#p-request")).to_have_value("and be quick")
    assert violations(page) == []

    turn.get_by_role("button", name="Ask again").click()
    growing(page)
    expect(page.locator("#wb-left article")).to_have_count(1)
    page.get_by_text("1 waiting").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("#wb-left").get_by_text("Stopped here.")).to_be_visible()
    page.locator("#p-request").press("Enter")
    # The model says how many requests were taken back.
    expect(page.locator("#wb-left article").nth(1).locator(".told")).to_have_text("2 taken back")
    expect(page.locator("#wb-left article").first.get_by_text("Stopped here.")).to_be_visible()
    expect(page.get_by_role("button", name="Ask again")).to_have_count(0)


def test_two_answers_stop_each_for_itself_and_together(open_page):
    page = open_page("/playground?other=starter%2Bint8", width=1920, dark=True)
    page.locator("#p-request").wait_for()
    ask(page, "take your time")
    left, right = growing(page), growing(page, "right")
    assert violations(page) == []
    button = page.get_by_role("button", name="Stop starter+int8")
    button.focus()
    page.keyboard.press("Enter")
    expect(right.get_by_text("Stopped here.")).to_be_visible()
    expect(button).to_have_count(0)
    expect(left.locator("[data-waiting]")).to_have_text(BEGUN)
    right.get_by_role("button", name="Ask again").click()
    growing(page, "right")
    page.keyboard.press("Escape")
    for turn in (left, right):
        expect(turn.get_by_text("Stopped here.")).to_be_visible()
    assert violations(page) == []


def test_a_new_conversation_ends_what_grows(open_page):
    page = open_page("/playground")
    page.locator("#p-request").wait_for()
    ask(page, "take your time")
    growing(page)
    page.get_by_role("button", name="New conversation").click()
    page.get_by_text("Ask something").wait_for()
    ask(page, "be quick")
    expect(page.locator("#wb-left .told")).to_contain_text("taken back")
    expect(page.locator("#wb-left article")).to_have_count(1)
