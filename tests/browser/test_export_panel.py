"""The export panel: what a run's export says while it goes on and after, its files, a limit that is no number."""

import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.browser.conftest import start_app, stop_app
from tests.small_models import make_gemma
from tests.small_workspace import open_small
from tests.training.artefacts.test_artefacts_worker import tuned
from workbench.actions import runs
from workbench.records import Run
from workbench.runfolder import append_rows
from workbench.store import runs as run_store
from workbench.store.database import now
from workbench.training.settings import TrainSettings

PATIENCE_MS = 240_000
FLIP = {"scenario_id": "s8", "raw_before": "a", "raw_after": "b", "was_right": True, "is_right": False}
FLIPS = [
    {**FLIP, "kind": "call/NO_TOOL", "request": "<b>ping</b> it", "before": "ping", "after": "NO_TOOL"},
    {**FLIP, "kind": "tool", "request": "what time", "before": "clock", "after": "ping", "was_right": False},
]
PARITY = {
    "n": 4,
    "flips": 2,
    "share": 0.5,
    "limit": 0.01,
    "matches": False,
    "kinds": {},
    "split": "test",
    "how": "Read.",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A workspace with a run that has an adapter, and one export of it that does not match."""
    root = tmp_path_factory.mktemp("exports")
    base = make_gemma(root / "base", layer_types=["full_attention"] * 2)
    with open_small(root) as store:
        model = {"id": str(base), "label": "base", "base": str(base), "adapter": "", "dialect": "auto"}
        snapshot = runs.make_snapshot(store, "small")
        config = {"model": model, "settings": TrainSettings().to_dict(), "toolset": {"name": "small"}}
        run_store.add(store, Run("train-1", "train", "done", snapshot, str(base), config, now(), name="mine"))
        tuned(store.workspace.run_folder("train-1") / "adapter", base)
        config = {"model": {**model, "adapter": "x"}, "settings": {"format": "gguf-q8_0"}, "toolset": {"name": "small"}}
        summary = {"parity": PARITY, "bytes": 7_654_321, "files": []}
        run_store.add(store, Run("export-1", "export", "done", snapshot, "run:train-1", config, now(), summary=summary))
        folder = store.workspace.run_folder("export-1")
        (folder / "artefact").mkdir(parents=True)
        (folder / "artefact" / "README.md").write_text("# It")
        append_rows(folder / "flips.jsonl", FLIPS)
    process, url = start_app(root)
    yield url
    stop_app(process)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1920, True)])
def test_what_differs_is_listed_and_the_files_come(open_page, width, dark):
    page = open_page("/train", width, dark)
    row = page.locator(".wb-artefacts li").first
    row.get_by_text("does not match").wait_for()
    expect(row).to_contain_text("GGUF Q8_0")
    expect(row).to_contain_text("7.3 MB")
    expect(row).to_contain_text("2 of 4 test answers differ; the limit is 1.0 %")
    row.get_by_text("Answers that differ").click()
    assert [cell.split("\n")[0] for cell in row.locator("tbody td:first-child").all_inner_texts()] == [
        "call/NO_TOOL",
        "tool",
    ]
    row.get_by_text("<b>ping</b> it").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download GGUF Q8_0").click()
    with zipfile.ZipFile(download.value.path()) as file:
        assert file.namelist() == ["README.md"]
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_export_by_keyboard(open_page):
    page = open_page("/train")
    limit = page.get_by_label("May differ (%)")
    limit.fill("few")
    limit.press("Enter")
    page.locator("#wb-export").get_by_text("Must be a number of percent").wait_for()
    page.get_by_label("Format").select_option("merged-fp32")
    limit.fill("0")
    limit.press("Enter")
    page.locator(".toast", has_text="The export has begun.").wait_for()
    page.reload()  # a refresh changes nothing for the run
    row = page.locator(".wb-artefacts li", has_text="Merged weights, float32")
    row.get_by_text("matches", exact=True).wait_for(timeout=PATIENCE_MS)
    expect(row).to_contain_text("0 of 4 test answers differ")
    row.get_by_role("link", name="Evaluate").click()
    page.get_by_label("mine (merged-fp32)").wait_for()
