"""The inbox by keyboard: accept, correct, reject, undo, held-out; what is recorded; logs in and out."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.served_decisions import record
from tests.small_workspace import open_small
from tests.waiting import wait_for
from workbench.actions.remote import AppFile, RemoteVerbs
from workbench.store import traffic
from workbench.workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("workspace")
    with open_small(root) as store:
        record(store, "c-wrong", "is <b>example.org</b> up", [("clock", {})], confidence=0.4)
        traffic.give_feedback(store, "c-wrong", "bad", {"comment": "no", "expected": "ping"})
        record(store, "c-held", "please ping host8!", [("ping", {"host": "host8"})])
        record(store, "c-unsure", "reach the router", [("ping", {"host": "router"})], confidence=0.3)
        record(store, "c-calm", "what a day", confidence=0.999)
    return root


@pytest.fixture
def verbs(app, workspace):
    found = AppFile.read(Workspace(workspace))
    return RemoteVerbs(found.url, found.key)


def at(page, id):
    page.locator(f"[data-item='{id}']").wait_for()


def state(page, verbs, id, wanted):
    return wait_for(lambda: page.wait_for_timeout(50) or verbs.inbox.show(id)["state"] == wanted)


def test_a_day_by_keyboard(open_page, verbs):
    page = open_page("/inbox")
    at(page, "c-wrong")
    expect(page.locator("blockquote")).to_have_text("is <b>example.org</b> up")
    page.locator("[data-item] .badge", has_text="said to be wrong").wait_for()
    page.locator(".note code", has_text="ping").wait_for()
    assert violations(page) == []

    page.keyboard.press("e")
    page.locator("#wb-editor form").wait_for()
    page.locator("#c0-name").select_option("ping")
    page.locator("#c0-host").fill("example.org")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Saved as a draft.").wait_for()
    at(page, "c-held")
    assert state(page, verbs, "c-wrong", "corrected")
    (draft,) = verbs.scenarios({"status": "draft"})["scenarios"]
    assert (draft["source"], draft["expected"][0]["name"]) == ("traffic:c-wrong", "ping")

    page.locator("h1").click()
    page.keyboard.press("a")
    page.get_by_text("It is near a test scenario.").wait_for()
    page.keyboard.press("t")
    at(page, "c-unsure")
    assert state(page, verbs, "c-held", "accepted")
    kept = next(one for one in verbs.scenarios({"status": "draft"})["scenarios"] if one["source"] == "traffic:c-held")
    assert kept["split"] == "test"

    page.keyboard.press("t")
    at(page, "c-unsure")
    page.keyboard.press("a")
    at(page, "c-calm")
    page.keyboard.press("u")
    at(page, "c-unsure")
    assert state(page, verbs, "c-unsure", "open")
    page.keyboard.press("r")
    at(page, "c-calm")
    assert state(page, verbs, "c-unsure", "rejected")
    page.keyboard.press("s")
    page.get_by_text("Only skipped ones are left").wait_for()
    page.get_by_text("1 accepted, 1 corrected, 1 rejected, 1 skipped").wait_for()


def test_filters_and_what_is_recorded(open_page, verbs):
    page = open_page("/inbox?state=rejected")
    at(page, "c-unsure")
    page.get_by_label("State").select_option("open")
    at(page, "c-calm")
    page.get_by_label("Why").select_option("bad")
    page.get_by_text("No decision waits").wait_for()
    page.get_by_text("Recording", exact=True).click()
    page.get_by_label("Of 100 decisions, record").fill("25")
    page.get_by_label("Days to keep them").fill("7")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("It holds from the next decision on.").wait_for()
    assert verbs.inbox.capture() == {"active": True, "share": 0.25, "keep_days": 7}
    page.locator("#i-share[value='25']").wait_for(state="attached")
    page.get_by_text("Recording", exact=True).click()
    page.get_by_label("Of 100 decisions, record").fill("many")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("must be from 0 to 1").wait_for()


def test_logs_in_and_out(open_page, tmp_path):
    page = open_page("/inbox", width=1920, dark=True)
    log = tmp_path / "outcomes.jsonl"
    row = {"user_message": "a line from elsewhere", "predicted_tool": "clock", "predicted_args": {}}
    log.write_text(json.dumps(row | {"result_useful": False, "actual_tool_needed": "ping"}) + "\n{\n")
    page.locator("#wb-upload").wait_for(state="attached")
    page.locator("input[type=file]").first.set_input_files(str(log))
    page.get_by_text("1 decisions came in").wait_for()
    page.get_by_text("1 of 2").wait_for()
    page.keyboard.press("s")
    page.locator("blockquote", has_text="a line from elsewhere").wait_for()
    page.get_by_text("Files", exact=True).click()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Export outcomes.jsonl").click()
    rows = [json.loads(line) for line in caught.value.path().read_text().splitlines()]
    (one,) = [one for one in rows if one["user_message"] == "a line from elsewhere"]
    assert (one["predicted_tool"], one["result_useful"], one["actual_tool_needed"]) == ("clock", False, "ping")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1920
