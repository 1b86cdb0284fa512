"""The Generate page: filled in from a gap, a preview, drafts and undo, templates with a mistake, a teacher's run."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.chat_server import completion, send_json, serve


def counts(page):
    """Drafts that the Scenarios page lists."""
    page.goto("/scenarios?status=draft")
    page.locator("#wb-table table, #wb-table .empty").first.wait_for()
    return page.locator("#wb-table tbody tr").count()


def test_a_gap_fills_the_form_and_drafts_come_and_go(open_page):
    page = open_page("/generate?toolset=small&tool=ping&os=bsd&mode=act")
    page.get_by_text("Test whether a host answers: host", exact=False).first.wait_for()
    assert page.get_by_label("ping", exact=True).is_checked() and page.get_by_label("bsd").is_checked()
    expect(page.get_by_label("Modes")).to_have_value("act")
    expect(page.locator("#wb-preview tbody tr").first).to_contain_text("bsd · sh · act")
    page.get_by_role("button", name="Add as drafts").click()
    page.get_by_text("Added ").wait_for()
    page.get_by_text("Nothing to add").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Undone: generate").wait_for()
    page.locator("#wb-preview tbody tr").first.wait_for()
    assert counts(page) == 0


def test_choices_by_keyboard_change_the_preview_and_the_address(open_page):
    page = open_page("/generate")
    page.locator("#wb-preview tbody tr").first.wait_for()
    page.get_by_role("radio", name="Schema").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.get_by_text("Start from").wait_for()
    page.locator("#wb-preview tbody tr").first.wait_for()
    assert "way=typos" in page.url
    page.get_by_label("How many").fill("many")
    page.get_by_label("How many").press("Tab")
    page.get_by_text("Must be a number").wait_for()
    page.get_by_label("How many").fill("3")
    page.get_by_label("How many").press("Tab")
    page.get_by_text("3 new").wait_for()
    page.reload()
    page.get_by_text("3 new").wait_for()
    assert page.get_by_role("radio", name="Variants").is_checked()


def test_a_mistake_in_a_template_has_its_line(open_page):
    page = open_page("/generate?way=template")
    field = page.get_by_label("Templates", exact=True).last
    field.fill('[[template]]\nrequest = "ping {host}"\nexpected = "NO_TOOL"\n')
    field.press("Tab")
    page.get_by_text("Line 2, template[0].request: There is no slot 'host'").wait_for()
    field.fill('[slot]\nhost = ["<b>nas</b>", "web"]\n[[template]]\nrequest = "is {host} old"\nexpected = "NO_TOOL"\n')
    field.press("Tab")
    page.get_by_text("is <b>nas</b> old").wait_for()


def test_a_teacher_is_asked_and_watched_across_a_reload(open_page):
    def answer(handler, body):
        rows = [
            {"request": f"is {host} awake", "expected": [{"name": "ping", "arguments": {"host": host}}]}
            for host in ("garnet.lan", "quartz-17")
        ]
        send_json(handler, completion(json.dumps({"scenarios": [*rows, {"request": "hm"}]})))

    with serve(answer) as server:
        page = open_page("/generate?way=teacher&tool=ping&count=2")
        page.get_by_text("1 gap; about 1 question").wait_for()
        page.get_by_role("button", name="Ask the teacher").click()
        page.locator("#wb-order").get_by_text("Is not an http or https address").wait_for()
        page.get_by_label("Address").fill(server.base_url)
        page.get_by_label("Model").fill("big")
        page.get_by_role("button", name="Ask the teacher").click()
        page.get_by_text("Asking.").wait_for()
        page.reload()
        page.locator("#wb-now").get_by_text("done").wait_for()
    expect(page.locator("#wb-now")).to_contain_text("is garnet.lan awake")
    page.get_by_text("Rejected: 1").click()
    page.get_by_text('is no object with "request" and "expected"').wait_for()
    page.get_by_role("link", name="Review the drafts").click()
    page.get_by_text("is garnet.lan awake").wait_for()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1920, True)])
@pytest.mark.parametrize("way", ["schema", "template", "typos", "teacher"])
def test_the_page_stands_in_every_way(open_page, way, width, dark):
    page = open_page(f"/generate?way={way}", width, dark)
    page.locator("#wb-order form").wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
