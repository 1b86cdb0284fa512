"""The table and the editor by mouse and keyboard; what is wrong stands at its field; files in and out."""

import json

from playwright.sync_api import expect

EVIL = "<img src=x onerror=alert(1)> ${1} {{2}}"


def write(page, request, **arguments):
    page.get_by_label("Request", exact=True).fill(request)
    page.locator("#c0-name").select_option("ping")
    for name, value in arguments.items():
        page.locator(f"#c0-{name}").fill(value)


def saved(page):
    page.locator(".toast", has_text="Saved.").wait_for()


def test_errors_stand_at_their_fields_and_text_stays_text(open_page):
    page = open_page("/scenarios?open=new")
    page.locator("#c0-name").select_option("ping")
    page.locator("#c0-count").fill("many")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Must be a whole number").wait_for()
    expect(page.locator("#c0-host")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#c0-count")).to_have_value("many")
    write(page, EVIL, host=EVIL, count="3")
    page.get_by_role("button", name="Save", exact=True).click()
    saved(page)
    expect(page.locator("#wb-table .request").first).to_have_text(EVIL)
    expect(page.locator("img")).to_have_count(0)
    page.locator(".toast .act").click()
    page.get_by_text("Undone: edit of 1 scenario").wait_for()
    page.get_by_text("1–12 of 12").wait_for()


def test_by_keyboard(open_page):
    page = open_page("/scenarios")
    page.locator("#wb-table .request").first.focus()
    page.keyboard.press("Enter")
    request = page.get_by_label("Request", exact=True)
    request.wait_for()
    page.wait_for_function("document.activeElement.id === 'e-request'")
    page.keyboard.press("End")
    page.keyboard.type(" now")
    page.keyboard.press("Control+Enter")
    saved(page)
    assert request.input_value().endswith(" now")


def test_unsaved_changes_are_not_lost_by_a_slip(open_page):
    page = open_page("/scenarios?open=s0")
    page.get_by_label("Request", exact=True).fill("not yet saved")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#wb-table [data-id=s1].request").click()
    expect(page.get_by_label("Request", exact=True)).to_have_value("not yet saved")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#wb-table [data-id=s1].request").click()
    page.wait_for_url("**open=s1")


def test_no_tool_several_calls_and_history(open_page):
    page = open_page("/scenarios?open=s6")
    page.get_by_label("No tool").check()
    page.get_by_text("The model must answer").wait_for()
    page.get_by_label("Several calls").check()
    page.locator("#c1-name").wait_for()
    page.locator("#c0-name").select_option("clock")
    page.locator("#c1-name").select_option("ping")
    page.locator("#c1-host").fill("example.org")
    page.get_by_label("in this order").check()
    page.get_by_role("button", name="Save", exact=True).click()
    saved(page)
    page.get_by_text('clock() → ping(host="example.org")').wait_for()
    page.get_by_text("History (2)").click()
    page.get_by_role("button", name="Look at revision 1").click()
    page.get_by_text("This is revision 1.").wait_for()
    expect(page.locator("#c0-host")).to_have_value("host6")


def test_filters_are_the_address(open_page):
    page = open_page("/scenarios")
    page.locator("#f-os").select_option("macos")
    page.wait_for_url("**/scenarios?os=macos")
    page.get_by_text("1–6 of 6").wait_for()
    page.reload()
    page.get_by_text("1–6 of 6").wait_for()
    expect(page.locator("#f-os")).to_have_value("macos")


def test_an_empty_cell_of_the_coverage_starts_a_scenario_there(open_page):
    page = open_page("/coverage")
    page.get_by_role("link", name="ping, bsd: none yet, write one").click()
    page.locator("#c0-name").wait_for()
    expect(page.locator("#c0-name")).to_have_value("ping")
    expect(page.locator("#e-os")).to_have_value("bsd")


def test_import_shows_problems_first_and_hands_back_rejects(open_page, tmp_path):
    rows = [
        {"id": "n1", "toolset": "small", "request": "tell me the time", "expected": [{"name": "clock"}]},
        {"id": "n2", "toolset": "small", "request": "ping", "expected": [{"name": "ping", "arguments": {"count": 0}}]},
    ]
    file = tmp_path / "some.jsonl"
    file.write_text("\n".join([*map(json.dumps, rows), "{broken"]))
    page = open_page("/scenarios")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import…").click()
    chooser.value.set_files(file)
    page.get_by_text("must be at least 1").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download rejects").click()
    assert download.value.path().read_text().splitlines()[1:] == ["{broken"]
    page.get_by_role("button", name="Import 2 scenarios").click()
    page.get_by_text("Imported 2 from some.jsonl.").wait_for()
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Undo last change").click()
    page.get_by_text("Undone: import of 2 scenarios").wait_for()
