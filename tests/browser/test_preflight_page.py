"""The pre-flight on the Train page: presets, a check with a real model, blocked rows, turning pages, a reload."""

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.browser.conftest import start_app, stop_app
from tests.small_models import make_gemma
from tests.small_workspace import make_scenario, open_small
from workbench.records import ExpectedCall, Outcome
from workbench.store.scenarios import save


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_gemma(tmp_path_factory.mktemp("gemma"), window=64)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    root = tmp_path_factory.mktemp("workspace")
    outcome = Outcome((ExpectedCall("ping", {"host": 5}),))
    bad = make_scenario(30, id="odd", request="<b>ping</b> all", outcome=outcome, split="train")
    with open_small(root) as store:
        save(store, [bad], "import", "test")
    process, url = start_app(root)
    yield url
    stop_app(process)


def test_presets_fill_the_form(open_page):
    page = open_page("/train")
    page.get_by_role("button", name="Quick").click()
    page.locator("#t-max_seconds").wait_for(state="attached")
    page.wait_for_function("document.querySelector('#t-max_seconds').value === '60'")
    page.get_by_role("button", name="Thorough").click()
    page.wait_for_function("document.querySelector('#t-early_stop_patience').value === '4'")
    page.locator("summary", has_text="Schedule").click()
    expect(page.get_by_label("Rate of B over A")).to_have_value("8")


def test_a_check_shows_tokens_and_what_is_blocked(open_page, base):
    page = open_page(f"/train?toolset=small&base={base}")
    page.get_by_label("Epochs").fill("1")
    page.get_by_role("button", name="Check first").click()
    section = page.locator("#wb-preflight")
    section.get_by_text("must not be trained").wait_for(timeout=120_000)
    expect(section).to_contain_text("<b>ping</b> all")
    expect(section.locator(".note.bad")).to_contain_text("host")
    assert section.locator("dt").all_inner_texts()[:2] == ["About", "Memory"]
    section.get_by_role("button", name="Next").click()
    section.get_by_text("2 of 9").wait_for()
    assert section.locator(".log .trained").count() > 0 and section.locator(".log .special").count() > 3
    assert violations(page) == []
    page.reload()
    section.get_by_text("1 of 9").wait_for()
    section.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    section.get_by_text("2 of 9").wait_for()


def test_a_wrong_setting_is_told_at_its_field(open_page):
    page = open_page("/train")
    page.get_by_label("Learning rate").fill("2")
    page.get_by_role("button", name="Check first").click()
    page.get_by_text("wreck the model").wait_for()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1920, True)])
def test_it_stands(open_page, width, dark):
    page = open_page("/train", width, dark)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
