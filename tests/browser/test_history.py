"""The History page: undo of an import, redo, what stands in the way; fields and snapshots that differ; bulk edits."""

import json
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.checks import violations
from tests.small_workspace import make_scenario
from workbench.actions.remote import AppFile, RemoteVerbs
from workbench.workspace import Workspace


@pytest.fixture
def verbs(app, workspace):
    found = AppFile.read(Workspace(workspace))
    return RemoteVerbs(found.url, found.key)


@pytest.fixture
def word():
    """A word that no other test's requests hold."""
    return f"w{uuid.uuid4().hex[:8]}"


@pytest.fixture
def imported(verbs, tmp_path, word):
    """The change that brought three scenarios from a file."""
    file = tmp_path / "three.jsonl"
    rows = [make_scenario(i, id=f"{word}-{i}", request=f"{word} {i}").to_dict() for i in range(3)]
    file.write_text("\n".join(map(json.dumps, rows)))
    return verbs.import_file(file)["change"]


def requests_now(verbs, word):
    return sorted(one["request"] for one in verbs.scenarios({"text": word})["scenarios"])


def test_undo_of_an_import_and_redo(open_page, verbs, imported, word):
    page = open_page("/history")
    page.get_by_role("button", name=f"Undo import, change {imported}").click()
    page.get_by_text("Undone: import of 3 scenarios").wait_for()
    assert requests_now(verbs, word) == []
    page.get_by_role("button", name=f"Redo import, change {imported}").click()
    page.get_by_text("Redone: import of 3 scenarios").wait_for()
    assert len(requests_now(verbs, word)) == 3
    page.keyboard.press("Control+z")
    page.get_by_role("button", name=f"Redo import, change {imported}").wait_for()
    page.keyboard.press("Control+Shift+z")
    page.get_by_role("button", name=f"Undo import, change {imported}").wait_for()
    assert len(requests_now(verbs, word)) == 3


def test_what_was_changed_later_stands_in_the_way_and_is_kept(open_page, verbs, imported, word):
    verbs.save_scenario(make_scenario(0, id=f"{word}-0", request=f"{word} mended").to_dict())
    page = open_page("/history")
    page.get_by_role("button", name=f"Undo import, change {imported}").click()
    page.get_by_text("1 of its 3 scenarios were changed again later").wait_for()
    page.get_by_role("button", name="Undo the other 2").click()
    page.get_by_text("Undone: import").wait_for()
    assert requests_now(verbs, word) == [f"{word} mended"]


def test_what_a_change_did_and_the_fields_of_a_scenario(open_page, verbs, imported, word):
    verbs.save_scenario(make_scenario(0, id=f"{word}-0", request=f"{word} mended").to_dict())
    page = open_page("/history")
    page.get_by_role("button", name="edit", exact=True).first.click()
    page.locator("del", has_text=f"{word} 0").wait_for()
    page.get_by_role("link", name=f"{word} mended").click()
    page.get_by_role("heading", name="History of a scenario").wait_for()
    page.locator("ins", has_text=f"{word} mended").wait_for()


def test_two_snapshots(open_page, verbs, imported, word):
    first = _snapshot(verbs)
    verbs.bulk_edit({"mode": "chat"}, ids=[f"{word}-1"])
    second = _snapshot(verbs)
    page = open_page("/history?view=snapshots")
    page.get_by_label("Before").select_option(first)
    page.get_by_label("After").select_option(second)
    page.get_by_text("1 changed").wait_for()
    page.locator("ins", has_text="chat").wait_for()


def test_a_split_of_a_snapshot_is_exported_as_it_was(open_page, verbs, imported, word):
    snapshot = _snapshot(verbs)
    verbs.bulk_edit({"status": "rejected"}, ids=[f"{word}-{i}" for i in range(3)])
    page = open_page("/history?view=snapshots", 1920, dark=True)
    form = page.get_by_role("region", name="Export a snapshot")
    form.get_by_label("Snapshot").select_option(snapshot)
    form.get_by_label("Split").select_option("test")
    form.get_by_label("Format").select_option("jsonl")
    with page.expect_download() as download:
        form.get_by_role("button", name="Export").click()
    rows = [json.loads(line) for line in download.value.path().read_text("utf-8").splitlines()]
    assert download.value.suggested_filename == "snapshot.jsonl"
    assert rows == [
        json.loads(line) for line in b"".join(verbs.export({"split": "test"}, "jsonl", snapshot)).splitlines()
    ]
    assert rows and {row["split"] for row in rows} == {"test"}
    assert violations(page) == []


def _snapshot(verbs):
    run = verbs.evaluate(["starter"])
    verbs.cancel(run["runs"][0]["id"])
    return run["snapshot"]


def test_many_at_once(open_page, verbs, imported, word):
    page = open_page(f"/scenarios?text={word}")
    page.get_by_label(f"Tick {word} 0").check()
    page.get_by_label(f"Tick {word} 2").check()
    page.get_by_label("Add tags").fill("late, night")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("2 scenarios changed.").wait_for()
    assert verbs.scenarios({"tag": "late"})["total"] == 2
    page.locator("h1").click()
    page.keyboard.press("Control+z")
    page.get_by_text("Undone: bulk edit of 2 scenarios").wait_for()
    page.keyboard.press("Control+Shift+z")
    page.get_by_text("Redone: bulk edit of 2 scenarios").wait_for()
    page.get_by_label("Tick all on this page").check()
    page.get_by_label("Set for").select_option("all")
    page.locator("#b-status").select_option("rejected")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("3 scenarios changed.").wait_for()


def test_targets_on_the_coverage_page(open_page, verbs):
    page = open_page("/coverage")
    page.get_by_label("One target a line").fill("each os >= many")
    page.get_by_role("button", name="Set targets").click()
    page.get_by_text("is not a target").wait_for()
    page.get_by_label("One target a line").fill("os bsd >= 3\nNO_TOOL >= 10%")
    page.get_by_role("button", name="Set targets").click()
    page.get_by_text("1 of 2 met").wait_for()
    page.get_by_text("Only 0 of 3 approved scenarios for bsd").wait_for()
    page.get_by_role("link", name="Write one for bsd").click()
    page.locator("#e-os").wait_for()
    expect(page.locator("#e-os")).to_have_value("bsd")
    assert verbs.targets()["targets"] == ["os bsd >= 3", "NO_TOOL >= 10%"]


def test_a_missing_argument_opens_the_editor_filled_in(open_page):
    page = open_page("/coverage")
    page.get_by_role("link", name="ping, count minimum 1: none yet, write one").click()
    page.locator("#c0-count").wait_for()
    assert (page.locator("#c0-name").input_value(), page.locator("#c0-count").input_value()) == ("ping", "1")
