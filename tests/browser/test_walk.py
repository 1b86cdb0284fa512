"""A newcomer's path by clicking: author, coverage, train, compare, export. Really trains a tiny model, a few steps."""

import csv
import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.small_models import make_gemma

PATIENCE_MS = 240_000
"""Two workers load torch, train and answer, on a machine that may be busy."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "tiny"
    return make_gemma(folder, vocabulary=600, layer_types=["full_attention"] * 2)  # as the starter has it


def step(page, name):
    """The step of the first page whose title it is: ``done``, ``next`` or ``later``."""
    return page.locator(".wb-steps li", has_text=name).get_attribute("class")


def author(page):
    page.get_by_role("link", name="Write one").click()
    page.get_by_label("Request", exact=True).fill("is example.org up? try it twice")
    page.locator("#c0-name").select_option("ping")
    page.locator("#c0-host").fill("example.org")
    page.locator("#c0-count").fill("2")
    page.locator("#e-os").select_option("bsd")
    page.locator("#e-split").select_option("train")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".toast", has_text="Saved.").wait_for()


def train(page, base):
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_label("Base model").select_option("other")
    page.get_by_label("Hub id or folder").fill(str(base))
    page.get_by_text("Data and validation", exact=True).click()
    page.get_by_label("Augment").fill("0")
    page.get_by_label("Epochs").fill("3")
    page.get_by_label("Batch").fill("4")
    page.get_by_label("Name", exact=True).fill("walked")
    page.get_by_role("button", name="Start training").click()
    page.locator("#wb-now .badge", has_text="running").wait_for()
    page.reload()  # a refresh changes nothing for the run
    page.locator("#wb-now .badge", has_not_text=re.compile("running|stopping")).wait_for(timeout=PATIENCE_MS)
    expect(page.locator("#wb-now .badge")).to_have_text("done")
    page.wait_for_function("document.querySelector('.plot').data?.some((trace) => trace.x.length > 2)")
    assert page.locator(".plot .legendtext").all_text_contents() == ["walked", "walked, validation"]
    assert violations(page) == []


def compare(page):
    page.get_by_role("link", name="Compare with its base").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("heading", name="Scenario by scenario").wait_for(timeout=PATIENCE_MS)
    expect(page.locator(".wb-cards section")).to_have_count(2)
    expect(page.locator("#wb-answers tbody tr")).to_have_count(4)
    assert violations(page) == []


def exported(page, format):
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.locator(f"button[data-format={format}]").click()
    return download.value.path().read_text("utf-8")


def test_the_whole_loop(open_page, base):
    page = open_page("/")
    page.get_by_text("Four steps to your first router").wait_for()
    assert step(page, "Author a scenario") == "next"
    author(page)
    page.get_by_role("link", name="Coverage", exact=True).click()
    page.get_by_role("link", name="ping, bsd: 1 scenario").click()
    page.get_by_text("1–1 of 1").wait_for()
    assert "example.org" in exported(page, "jsonl")
    train(page, base)
    compare(page)
    rows = [json.loads(line) for line in exported(page, "jsonl").splitlines()]
    assert len(rows) == 4 and all(len(row["answers"]) == 2 for row in rows)
    assert len(list(csv.reader(exported(page, "csv").splitlines()))) >= 5
    page.get_by_label("Only where they differ").check()
    page.wait_for_url("**differing=yes**")
    page.get_by_role("link", name="Home").click()
    page.get_by_text("Train a model").wait_for()
    assert [step(page, name) for name in ("Author", "Train a model", "Compare it")] == ["done", "done", "done"]
