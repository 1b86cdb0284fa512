"""The Train page's runs: reorder, stop, resume, delete and undo. Really trains a tiny model, and stops it."""

import re

import pytest

from tests.browser.checks import violations
from tests.small_models import make_gemma
from workbench.actions.remote import AppFile, RemoteVerbs
from workbench.workspace import Workspace

PATIENCE_MS = 240_000
LONG = {"epochs": 1000, "batch_size": 2, "rank": 4, "threads": 1, "max_seconds": 0, "validate_every": 100_000}


@pytest.fixture(scope="module")
def verbs(app, workspace):
    found = AppFile.read(Workspace(workspace))
    return RemoteVerbs(found.url, found.key)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(make_gemma(tmp_path_factory.mktemp("base") / "tiny", layer_types=["full_attention"]))


def waiting(page):
    return page.locator("#wb-queue tbody tr td:first-child").all_text_contents()


def badge(page, state):
    page.locator("#wb-now .badge", has_text=re.compile(f"^{state}$")).wait_for(timeout=PATIENCE_MS)


def test_stop_resume_reorder_delete_and_undo(open_page, verbs, base):
    first, *_ = [verbs.train("small", base, LONG, name) for name in ("alpha", "beta", "gamma")]
    page = open_page(f"/train?run={first['id']}")
    badge(page, "running")
    assert waiting(page) == ["beta", "gamma"]

    page.get_by_role("button", name="Move gamma first").click()
    page.wait_for_function("document.querySelector('#wb-queue tbody td')?.textContent === 'gamma'")
    assert waiting(page) == ["gamma", "beta"] and violations(page) == []
    for name in ("beta", "gamma"):
        page.get_by_role("button", name=f"Cancel {name}").click()
        page.locator("#wb-runs tr", has_text=name).get_by_text("stopped").wait_for()
    assert waiting(page) == []

    page.locator("#wb-now dd", has_text=re.compile(r"^[1-9]\d* / ")).wait_for(timeout=PATIENCE_MS)
    page.locator("#wb-now").get_by_role("button", name="Stop", exact=True).click()
    badge(page, "stopped")
    before = verbs.metrics(first["id"])["rows"]
    page.get_by_role("button", name="Resume").click()
    badge(page, "running")
    page.wait_for_function(
        "n => parseInt(document.querySelector('#wb-now dd').textContent.replace(',', '')) > n",
        arg=len(before),
        timeout=PATIENCE_MS,
    )
    assert verbs.metrics(first["id"])["rows"][: len(before)] == before
    page.locator("#wb-now").get_by_role("button", name="Stop", exact=True).click()
    badge(page, "stopped")

    page.get_by_text("Name and tags").click()
    page.get_by_label("Tags, with commas").fill("keep, first try")
    page.locator("#wb-now").get_by_role("button", name="Save").click()
    page.locator("#wb-runs .badge", has_text="first try").wait_for()
    page.get_by_label("Show the curve of beta").check()
    page.get_by_role("button", name="Compare settings").click()
    page.get_by_text("Both were started with the same settings").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export curves").click()
    assert download.value.path().read_text("utf-8").startswith("run,name,step,")

    page.get_by_label("Show the curve of alpha").uncheck()
    page.locator("#wb-runs").get_by_role("button", name="Delete").click()
    page.get_by_text("The run is in the trash.").wait_for()
    page.get_by_label("Show the curve of beta").wait_for(state="detached")
    page.get_by_role("button", name="Undo").click()
    page.get_by_label("Show the curve of beta").wait_for()
    page.locator("#r-tag").select_option("keep")
    page.wait_for_url("**tag=keep**")
    page.get_by_label("Show the curve of beta").wait_for(state="detached")
    assert violations(page) == []

    page.get_by_role("link", name="Use its settings").click()
    page.wait_for_function("document.querySelector('#t-epochs')?.value === '1000'")
