"""The Compare page on evaluations that are already there: buckets, cells, keyboard, threshold, failures, exports."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.browser.conftest import start_app, stop_app
from tests.small_models import make_gemma
from tests.small_workspace import TOOLSET, make_scenario, open_small
from workbench.actions import models
from workbench.evaluation.statistics import summarise
from workbench.records import Parsed, Reply, Run, ToolCall
from workbench.scenarios.scoring import score
from workbench.store import runs, scenarios, snapshots

N = 60
EVIL = "<img src=x onerror=alert(1)>"


def reply(case, i, skill):
    """Right in ``skill`` of ten cases; else a wrong argument, a wrong tool, or nothing that can be read."""
    calls = tuple(call.call for call in case.outcome.calls)
    parsed = Parsed("calls", calls) if calls else Parsed("text", text="NO_TOOL")
    sure = 0.9
    if i % 10 >= skill:
        wrong = (
            ToolCall("ping", {"host": EVIL}) if calls and calls[0].name == "ping" else ToolCall("ping", {"host": "x"})
        )
        parsed = Parsed("malformed", reason=f"cut off {EVIL}") if i % 10 == 9 else Parsed("calls", (wrong,))
        sure = 0.2
    return Reply(case.id, f"raw {EVIL} {i}", parsed, 10.0 + i, 5, 5, sure)


def evaluate(store, snapshot, model, skill, number):
    """A finished evaluation, as a worker would have left it."""
    cases = snapshots.load(store, snapshot).split("test")
    config = {
        "run_id": f"evaluate-{number}",
        "kind": "evaluate",
        "model": vars(model),
        "split": "test",
        "weights": models.fingerprint(model),
        "settings": {"batch_size": 2, "max_new_tokens": 4, "threads": 1},
        "toolset": TOOLSET.to_dict(),
    }
    at = f"2026-01-0{number}T10:00:00+00:00"
    run = Run(f"evaluate-{number}", "evaluate", "done", snapshot, model.id, config, at, at, at, model.label)
    given = [reply(case, i, skill) for i, case in enumerate(cases)]
    marks = [score(case.id, case.outcome, one.parsed, TOOLSET) for case, one in zip(cases, given, strict=True)]
    runs.add(store, run)
    runs.put_replies(store, run.id, given, marks)
    runs.update(store, run.id, summary=summarise(marks, given, cases).to_dict())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace with two models' evaluations of 60 scenarios, and the address that compares them."""
    root = tmp_path_factory.mktemp("compared")
    folders = [
        make_gemma(root / name, vocabulary=600, layer_types=["full_attention"], seed=i) for i, name in enumerate("ab")
    ]
    with open_small(root) as store:
        more = [make_scenario(100 + i, split="test", tags=("late",) * (i % 2)) for i in range(N - 4)]
        scenarios.save(store, more, "import", "test")
        snapshot = snapshots.create(store, "small")
        for i, folder in enumerate(folders):
            evaluate(store, snapshot, models.resolve(store, str(folder)), 3 + 4 * i, i + 1)
    return root, f"/compare?model={folders[0]}&model={folders[1]}&snapshot={snapshot}"


@pytest.fixture(scope="module")
def app(place):
    process, url = start_app(place[0])
    yield url
    stop_app(process)


@pytest.fixture
def page(open_page, place):
    page = open_page(place[1])
    page.get_by_role("heading", name="Scenario by scenario").wait_for()
    return page


def listed(page, text):
    page.locator("#wb-answers .pager", has_text=text).wait_for()


def test_figures_and_plots(page):
    page.get_by_text("b is better than a in exact calls").wait_for()
    page.get_by_text("differences below 10.0 points cannot be seen").wait_for()
    expect(page.locator("#wb-board tbody tr")).to_have_count(2)
    page.wait_for_function("document.querySelectorAll('[data-figure] .main-svg').length >= 3")
    expect(page.locator("img")).to_have_count(0)
    assert violations(page) == []


def test_buckets_and_cells_filter_the_rows_and_the_address_keeps_them(page):
    page.locator("[data-bucket=fixed]").click()
    listed(page, "of 24")
    page.wait_for_url(re.compile("bucket=fixed"))
    page.locator("[data-bucket=broken]").click()
    listed(page, "0 rows")
    page.get_by_role("button", name="Remove the filter: broken").click()
    listed(page, "1–25 of 60")
    page.locator("#wb-result [data-event=cell][data-expected=clock][data-got=ping]").click()
    page.wait_for_url(re.compile("expected=clock"))
    shown = page.locator("#wb-answers .pager").inner_text()
    page.reload()
    page.get_by_text("expected clock, got ping").wait_for()
    listed(page, shown.split("\n")[0])


def test_stepping_through_failures_by_keyboard(page):
    page.locator("#wb-answers").get_by_label("Only failures").check()
    listed(page, "1–25 of 42")
    page.locator("#wb-answers h2").first.click()
    for _ in range(2):
        page.keyboard.press("j")
    focused = "document.activeElement.closest('tr')?.dataset.row"
    ids = page.locator("tr[data-row]").evaluate_all("rows => rows.map((row) => row.dataset.row)")
    assert page.evaluate(focused) == ids[1]
    page.keyboard.press("k")
    assert page.evaluate(focused) == ids[0]
    page.keyboard.press("x")
    page.locator("tr[data-row]").first.get_by_text(f"raw {EVIL}").first.wait_for()
    for _ in range(len(ids)):
        page.keyboard.press("j")
    listed(page, "26–42 of 42")
    page.wait_for_function("document.activeElement.closest('tr[data-row]')")
    page.keyboard.press("o")
    page.wait_for_url("**/scenarios?open=*")


def test_a_threshold_turns_doubted_calls_into_no_tool(page):
    first = page.locator(".wb-cards .figure").nth(1)
    expect(first).to_have_text("30.0 %")
    page.get_by_label("Calls less sure").fill("50")
    page.get_by_label("Calls less sure").press("Tab")
    page.get_by_text("below 50 % count as NO_TOOL").wait_for()
    expect(first).not_to_have_text("30.0 %")
    page.get_by_text("Below the threshold: counts as NO_TOOL.").first.wait_for()
    assert "threshold=50" in page.url


def test_from_a_failure_to_a_variant(page):
    page.locator("#wb-answers").get_by_label("Search").fill("host9")
    listed(page, "1–1 of 1")
    page.get_by_role("link", name="Add variant to train").click()
    request = page.get_by_label("Request", exact=True)
    request.wait_for()
    assert (request.input_value(), page.locator("#c0-name").input_value()) == ("", "ping")
    request.fill("Please ping host9!")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("These are the words of a test scenario").wait_for()
    request.fill("does host nine still answer")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".toast", has_text="Saved.").wait_for()
    expect(page.locator("#e-split")).to_have_value("train")


def test_one_scenario_is_asked_again(page):
    page.locator("tr[data-row]").first.get_by_role("button", name="Ask a again").click()
    page.get_by_role("heading", name="Asked again: a").wait_for()
    page.locator("#wb-answers header .badge", has_text="done").wait_for(timeout=120_000)
    page.get_by_text("Raw reply").first.wait_for()
    page.get_by_role("button", name="Close").click()
    page.get_by_role("heading", name="Asked again: a").wait_for(state="detached")


def test_exports(page, browser, tmp_path):
    def exported(format):
        page.locator("summary", has_text="Export").click()
        with page.expect_download() as download:
            page.locator(f"button[data-format={format}]").click()
        return download.value.path().read_text("utf-8")

    page.locator("[data-bucket=fixed]").click()
    listed(page, "of 24")
    assert len(exported("jsonl").splitlines()) == 24
    assert json.loads(exported("metrics"))["total"] == N
    report = tmp_path / "report.html"
    report.write_text(exported("html"), "utf-8")
    context = browser.new_context(offline=True, color_scheme="dark")
    opened, complaints = context.new_page(), []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request", lambda asked: asked.url.startswith(("file:", "data:", "blob:")) or complaints.append(asked.url)
    )
    opened.goto(report.as_uri())
    opened.wait_for_function("document.querySelectorAll('[data-figure] .main-svg').length >= 5")
    assert opened.locator("h1").inner_text() == "Comparison of a and b" and opened.locator("img").count() == 0
    assert complaints == []
    context.close()
