"""Merging duplicates, deliberate variants, the gate before training, and what is shown while one types."""

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.small_workspace import CLOCK, make_scenario, open_small
from workbench.records import ExpectedCall, Outcome
from workbench.store.scenarios import save

TIME = Outcome((ExpectedCall(CLOCK.name),))
EVIL = "<img src=x onerror=alert(1)> tell me"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Beside the twelve scenarios: a leak, a conflict, and twins whose words are HTML."""
    root = tmp_path_factory.mktemp("workspace")
    with open_small(root) as store:
        rows = [
            ("leak-train", "what time is it in the office", TIME, "train", ("short",)),
            ("leak-test", "what time is it in the ofice", TIME, "test", ("typo",)),
            ("conflict-1", "is anybody there", TIME, "train", ()),
            ("conflict-2", "is anybody there?", Outcome(), "train", ()),
            ("evil-1", EVIL, TIME, "train", ()),
            ("evil-2", f"{EVIL} now", TIME, "train", ()),
        ]
        save(
            store,
            [
                make_scenario(2, id=id, request=request, outcome=outcome, split=split, tags=tags)
                for id, request, outcome, split, tags in rows
            ],
            "import",
            "test",
        )
    return root


def cluster(page, text):
    return page.locator("form.wb-cluster", has_text=text)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1920, True)])
def test_conflicts_come_first_and_text_stays_text(open_page, width, dark):
    page = open_page("/duplicates", width, dark)
    cluster(page, "leak-test").wait_for()
    expect(page.locator("form.wb-cluster").first.get_by_text("conflict", exact=True)).to_have_count(1)
    assert page.locator("mark", has_text="ofice").or_(page.locator("mark", has_text="office")).count() >= 1
    expect(page.locator("img")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_training_is_gated_by_leaks(open_page):
    page = open_page("/train")
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("1 held-out scenario nearly repeats what is trained on").wait_for()
    assert violations(page) == []
    page.get_by_role("link", name="See the leaks").click()
    page.wait_for_url("**/duplicates?kind=leaks")
    cluster(page, "leak-test").wait_for()
    expect(page.locator("form.wb-cluster")).to_have_count(1)


def test_a_reason_opens_the_gate_and_stays_with_the_run(open_page):
    page = open_page("/train")
    page.get_by_role("button", name="Start training").click()
    page.get_by_label("Reason to train all the same").fill("only a rehearsal")
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("Trained with 1 leaked scenario: only a rehearsal").wait_for()
    page.get_by_role("button", name="Stop").click()


def test_deliberate_variants_are_remembered(open_page):
    page = open_page("/duplicates")
    cluster(page, "conflict-1").get_by_role("button", name="Deliberate variants").click()
    page.get_by_text("Remembered as deliberate variants.").wait_for()
    expect(cluster(page, "conflict-1")).to_have_count(0)
    page.reload()
    page.get_by_label("Deliberate 1").check()
    cluster(page, "conflict-1").get_by_role("button", name="No longer deliberate").click()
    page.get_by_text("Shown again.").wait_for()
    page.get_by_text("No deliberate variants").wait_for()


def test_merge_by_keyboard_and_undo(open_page):
    page = open_page("/duplicates?kind=leaks")
    keep = cluster(page, "leak-test").get_by_label("Keep leak-train")
    keep.focus()
    page.keyboard.press("Space")
    assert keep.is_checked()
    cluster(page, "leak-test").get_by_role("button", name="Merge into the chosen one").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Merged 2 scenarios into leak-train.").wait_for()
    page.get_by_text("None of this kind").wait_for()
    page.goto("/scenarios?open=leak-train")
    page.locator("#e-tags").wait_for()
    expect(page.locator("#e-tags")).to_have_value("short, typo")
    page.goto("/duplicates?kind=leaks")
    page.get_by_role("button", name="Undo last change").click()
    page.get_by_text("Undone: merge of 2 scenarios").wait_for()
    cluster(page, "leak-test").wait_for()


def test_similar_ones_appear_while_one_types(open_page):
    page = open_page("/scenarios?open=new")
    page.get_by_label("Request", exact=True).press_sequentially("what time is it in the offices")
    page.get_by_role("heading", name="Similar scenarios").wait_for()
    page.locator(".wb-similar a", has_text="what time is it in the office").first.wait_for()
    assert violations(page) == []
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Close the editor").click()
    page.get_by_role("heading", name="Similar scenarios").wait_for(state="detached")
