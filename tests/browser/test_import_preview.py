"""The preview of an import: what was recognised, what differs, columns, rejects, and taking it all back."""

import json

from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.small_workspace import make_scenario

LONG = 8_000
PATIENCE_MS = 180_000
WATCH = """() => {
    window.seen = [];
    const notice = document.querySelector("#wb-notice");
    const note = () => {
        const bar = notice.querySelector("progress"), title = notice.querySelector("strong")?.textContent;
        if (bar) window.seen.push([title, bar.hasAttribute("value") ? bar.value : null]);
    };
    new MutationObserver(note).observe(notice, { childList: true, subtree: true, attributes: true });
}"""
"""Notes each title and value that a progress bar has."""


def choose(page, *files):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import…").click()
    chooser.value.set_files(list(files))


def tile(page, label):
    return page.locator("#wb-import .tiles div", has=page.get_by_text(label, exact=True)).locator("dd").inner_text()


def test_preview_compares_and_undo_takes_all_back(open_page, tmp_path):
    rows = [make_scenario(0), make_scenario(1, request="tell <b>me</b> the time"), make_scenario(20)]
    file = tmp_path / "some.jsonl"
    file.write_text("\n".join([*(json.dumps(row.to_dict()) for row in rows), '{"id": "d", "request": "x"}', "{broken"]))
    page = open_page("/scenarios")
    choose(page, file)
    page.get_by_role("heading", name="Import some.jsonl").wait_for()
    labels = ("Good", "Drafts", "Rejected", "New", "Same", "Conflicting")
    assert [tile(page, label) for label in labels] == ["3", "0", "2", "1", "1", "1"]
    expect(page.get_by_label("Format")).to_have_value("jsonl")
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Download rejects").click()
    written = download.value.path().read_text().splitlines()
    assert written[0].startswith("# line 4: expected: is missing") and written[3] == "{broken"
    page.get_by_label("Where they conflict").select_option("replace")
    page.get_by_role("button", name="Import 3 scenarios").click()
    page.get_by_text("1–13 of 13").wait_for()
    expect(page.locator("#wb-table b")).to_have_count(0)
    page.locator(".toast .act").click()
    page.get_by_text("1–12 of 12").wait_for()


def test_columns_of_a_table_are_chosen(open_page, tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("frage,werkzeug\nwie spät ist es?,clock\nhallo,NO_TOOL\n")
    page = open_page("/scenarios")
    choose(page, file)
    page.get_by_text("the column is missing").first.wait_for()
    assert page.get_by_role("button", name="Nothing to import").is_disabled()
    page.locator("#i-column-request").select_option("frage")
    page.locator("#wb-import td", has_text="the column is missing").nth(1).wait_for(state="detached")
    page.locator("#i-column-tool").select_option("werkzeug")
    page.get_by_role("button", name="Import 2 scenarios").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("heading", name="Import table.csv").wait_for(state="detached")


def test_rows_that_bring_their_tools_are_announced(open_page, tmp_path):
    parameters = {"type": "dict", "properties": {}}
    asked = {"id": "q", "question": [[{"role": "user", "content": "go"}]]}
    questions, answers = tmp_path / "ask.json", tmp_path / "answers.json"
    questions.write_text(
        json.dumps({**asked, "function": [{"name": "go", "description": "", "parameters": parameters}]})
    )
    answers.write_text(json.dumps({"id": "q", "ground_truth": [{"go": {}}]}))
    page = open_page("/scenarios", 1920, dark=True)
    choose(page, questions, answers)
    page.get_by_text("will be made").wait_for()
    assert page.get_by_label("Format").input_value() == "bfcl" and tile(page, "Good") == "1"
    page.get_by_role("button", name="Import 1 scenario").click()
    page.get_by_text("1–13 of 13").wait_for()
    page.get_by_role("button", name="Undo last change").click()
    page.get_by_text("1–12 of 12").wait_for()


def test_a_long_import_shows_how_far_it_is(open_page, tmp_path):
    file = tmp_path / "long.jsonl"
    rows = [make_scenario(1000 + i).to_dict() for i in range(LONG)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = open_page("/scenarios", dark=True)
    page.set_default_timeout(PATIENCE_MS)
    page.evaluate(WATCH)
    choose(page, file)
    page.get_by_role("button", name=f"Import {LONG:,} scenarios").wait_for()
    seen = page.evaluate("window.seen.splice(0)")
    assert seen[0] == ["Uploading…", None]
    read = [one for one in seen if one != seen[0]]
    assert {title for title, _ in read} == {f"Reading {file.name}"}
    page.get_by_role("button", name=f"Import {LONG:,} scenarios").click()
    page.get_by_text(f"1–50 of {LONG + 12}").wait_for()
    page.locator(".toast", has_text="Imported").wait_for()
    brought = page.evaluate("window.seen.splice(0)")
    assert {title for title, _ in brought} == {f"Importing {file.name}"}
    shares = [[share for _, share in one] for one in (read, brought)]
    assert all(steps == sorted(steps) and 0 < steps[-1] <= 100 for steps in shares)
    assert len({*shares[0], *shares[1]}) > 2
    page.locator(".toast .act").click()
    page.get_by_text("1–12 of 12").wait_for()
