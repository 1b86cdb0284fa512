"""The Playground with a real model: the starter, in a process of its own, answers with two small tools."""

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from workbench.actions.remote import AppFile, RemoteVerbs
from workbench.errors import WorkbenchError
from workbench.workspace import Workspace

PATIENCE_MS = 120_000
"""A process loads torch and the model, on a machine that may be busy."""


@pytest.fixture
def verbs(app, workspace):
    found = AppFile.read(Workspace(workspace))
    return RemoteVerbs(found.url, found.key)


def warm(verbs):
    """Let the model be loaded: on a busy machine that takes longer than one answer may."""
    body = {"model": "starter", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}
    for _ in range(3):
        try:
            return verbs._json("POST", "/v1/chat/completions", body=body)
        except WorkbenchError:
            continue
    raise AssertionError("the model was not loaded")


def ask(page, text):
    page.locator("#p-request").fill(text)
    page.locator("#p-request").press("Enter")


def answered(page, side="left", turn=1):
    """The turn once it is answered."""
    article = page.locator(f"#wb-{side} article").nth(turn - 1)
    article.locator(".acts").wait_for(timeout=PATIENCE_MS)
    return article


def test_ask_judge_go_on_and_save(open_page, verbs):
    page = open_page("/playground")
    page.get_by_text("no model is loaded yet").wait_for()
    page.locator("#wb-declared").get_by_text("Test whether a host answers.").wait_for()
    page.locator("#p-request").press("Shift+Enter")
    expect(page.locator("#p-request")).to_have_value("\n")
    page.locator("#p-os").select_option("linux")
    warm(verbs)
    ask(page, "please ping host 7 for me, twice")
    first = answered(page)
    expect(page.locator("#p-request")).to_have_value("")
    page.get_by_text("a model is loaded").wait_for()
    expect(first).to_contain_text("confidence")

    first.get_by_text("Tokens and prompt").click()
    assert first.locator(".tok[title]").count() > 1 and "99 % or more" in first.inner_text()
    expect(first.get_by_label("Prompt as the model read it")).to_contain_text("please ping host 7")
    assert violations(page) == []

    first.get_by_role("button", name="Wrong").click()
    page.get_by_text("Noted.").wait_for()
    expect(first.get_by_role("button", name="Wrong")).to_have_attribute("aria-pressed", "true")
    entry = verbs.inbox.list()["entries"][0]
    assert entry["reasons"][0] == "bad" and entry["os"] == "linux"

    first.get_by_role("button", name="Save as scenario").click()
    page.locator("#wb-editor form").wait_for()
    expect(page.locator("#e-request")).to_have_value("please ping host 7 for me, twice")
    (draft,) = verbs.scenarios({"status": "draft"})["scenarios"]
    assert draft["source"] == f"traffic:{entry['id']}" and draft["os"] == "linux"
    page.locator("#e-request").fill("please ping host 7 for me, two times")
    page.locator("#wb-editor [type=submit]").first.click()
    page.get_by_text("Saved. The draft waits in Review.").wait_for()
    page.locator("#wb-editor form").wait_for(state="detached")
    assert verbs.scenarios({"status": "draft"})["scenarios"][0]["request"].endswith("two times")

    ask(page, "thanks")
    answered(page, turn=2)
    page.get_by_role("button", name="New conversation").click()
    page.get_by_text("Ask something").wait_for()


def test_two_models_and_results_of_tools(open_page, verbs):
    warm(verbs)
    page = open_page("/playground?other=starter%2Bint8")
    # Text without calls and calls alike: what is asked for again is the tool, until one is called.
    ask(page, "tell me the time of the clock")
    left, right = answered(page), answered(page, "right")
    assert "starter+int8" in right.inner_text() and "starter+int8" not in left.inner_text()
    for side in (left, right):
        if not side.locator("form.results").count():
            continue
        field = side.locator("form.results textarea")
        for i in range(field.count()):
            field.nth(i).fill('{"time": "<b>nine</b>"}')
        side.locator("form.results").get_by_role("button", name="Go on").click()
    for name in ("left", "right"):
        if page.locator(f"#wb-{name} article").count() > 1:
            told = answered(page, name, 2)
            assert "<b>nine</b>" in told.inner_text() and told.locator(".said b").count() == 0
    assert page.locator("#wb-left .decided, #wb-left .told, #wb-left .note").count()


def test_an_example_and_nothing_to_ask(open_page, verbs):
    warm(verbs)
    page = open_page("/playground", width=1920, dark=True)
    page.locator("[data-example]").first.click()
    answered(page)
    page.get_by_role("button", name="Send").click()
    page.get_by_text("There is nothing to ask.").wait_for()
    expect(page.locator("#wb-left article")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1920


def test_nothing_recorded_is_told(open_page, verbs):
    warm(verbs)
    verbs.inbox.set_capture(active=False)
    page = open_page("/playground")
    page.get_by_text("Nothing is recorded now").wait_for()
    ask(page, "hello")
    turn = answered(page)
    turn.get_by_text("not recorded").wait_for()
    turn.get_by_role("button", name="Save as scenario").click()
    page.get_by_text("Saved as a draft.").wait_for()
    assert any(one.get("source", "").startswith("playground:starter") for one in verbs.scenarios({})["scenarios"])
    verbs.inbox.set_capture(active=True)
