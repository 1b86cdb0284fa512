"""Reviewing drafts with the keyboard alone: verdicts, edit, undo, who said so; two reviewers."""

import pytest

from tests.small_workspace import make_scenario
from tests.waiting import wait_for
from workbench.actions.remote import AppFile, RemoteVerbs
from workbench.records import ExpectedCall, Outcome
from workbench.workspace import Workspace

BROKEN = Outcome((ExpectedCall("ping", {"host": "h", "count": 0}),))


@pytest.fixture
def verbs(app, workspace):
    """The HTTP API with six drafts; the first fills a gap, the last breaks its schema."""
    found = AppFile.read(Workspace(workspace))
    verbs = RemoteVerbs(found.url, found.key)
    verbs.set_reviewers(1)
    for i in range(6):
        changes = {"os": "bsd"} if i == 3 else {"outcome": BROKEN} if i == 5 else {}
        draft = make_scenario(i, id=f"d{i}", request=f"draft number {i}", status="draft", source="import:x", **changes)
        verbs.save_scenario(draft.to_dict())
    return verbs


def begin(page, name="ann"):
    page.locator("#r-name").fill(name)
    page.keyboard.press("Enter")
    page.locator("[data-item]").wait_for()


def item(page, id):
    page.locator(f"[data-item={id}]").wait_for()


def status(verbs, id):
    return next(one["status"] for one in verbs.scenarios({"text": id})["scenarios"] if one["id"] == id)


def test_a_queue_by_keyboard(open_page, verbs):
    page = open_page("/review")
    begin(page)
    item(page, "d3")
    page.get_by_text("fills a gap: the first ping on bsd").wait_for()
    page.keyboard.press("a")
    item(page, "d0")
    page.keyboard.press("r")
    item(page, "d1")
    page.keyboard.press("s")
    item(page, "d2")
    page.get_by_text("1 approved, 1 rejected, 1 skipped").wait_for()
    page.get_by_text("4 of 6").wait_for()

    page.keyboard.press("Control+z")
    item(page, "d1")
    page.keyboard.press("u")
    item(page, "d0")
    page.get_by_text("Undone: reject of 1 scenario").wait_for()
    assert (status(verbs, "d0"), status(verbs, "d3")) == ("draft", "approved")
    page.keyboard.press("Control+Shift+z")
    item(page, "d1")
    page.get_by_text("Redone: reject of 1 scenario").wait_for()
    assert status(verbs, "d0") == "rejected"
    history = verbs.scenario_history("d3")["revisions"]
    assert (history[0]["author"], history[0]["kind"]) == ("ann", "approve")


def test_edit_and_approve_by_keyboard(open_page, verbs):
    page = open_page("/review?open=d5")
    begin(page)
    item(page, "d5")
    page.keyboard.press("a")
    page.get_by_text("It cannot be approved yet.").wait_for()
    assert status(verbs, "d5") == "draft"
    page.keyboard.press("e")
    page.wait_for_function("document.activeElement.id === 'c0-count' || document.activeElement.id === 'e-request'")
    page.locator("#c0-count").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Saved. Now judge it.").wait_for()
    page.locator("[data-item=d5] code", has_text="2").wait_for()
    page.locator("#wb-editor form").wait_for(state="detached")
    page.keyboard.press("a")
    page.get_by_text("1 approved").wait_for()
    page.wait_for_function("document.querySelector('[data-item]')?.dataset.item !== 'd5'")
    # The page goes on at once; the verdict is sent behind it.
    wait_for(lambda: page.wait_for_timeout(50) or status(verbs, "d5") == "approved")
    assert [one["author"] for one in verbs.scenario_history("d5")["revisions"]][:2] == ["ann", "ann"]
    assert status(verbs, "d5") == "approved"


def test_the_end_and_the_skipped_ones(open_page, verbs):
    page = open_page("/review")
    begin(page)
    for _ in range(len(verbs.review_queue(reviewer="ann")["scenarios"])):
        here = page.locator("[data-item]").get_attribute("data-item")
        page.keyboard.press("s")
        page.wait_for_function(f"document.querySelector('[data-item]')?.dataset.item !== '{here}'")
    page.get_by_role("button", name="Look at them again").press("Enter")
    page.locator("[data-item]").wait_for()


def test_two_reviewers(open_page, verbs):
    page = open_page("/review?open=d1")
    begin(page)
    page.get_by_label("Who decides").select_option("2")
    item(page, "d1")
    page.locator("h1").click()
    page.keyboard.press("a")
    page.get_by_text("Another reviewer has to agree").wait_for()
    assert status(verbs, "d1") == "draft"
    verbs.judge("d1", "reject", "bob")
    page.reload()
    page.get_by_text("Agreement").click()
    page.get_by_text("0 of 1 alike").wait_for()
    page.get_by_role("button", name="draft number 1").click()
    page.get_by_text("Reviewers differ: ann says approve, bob says reject.").wait_for()
    verbs.judge("d1", "approve", "bob")
    assert status(verbs, "d1") == "approved"
