"""Bulk edits: one change, those that would break a rule are left and reported."""

import pytest

from tests.small_workspace import make_scenario
from workbench.actions import curate
from workbench.actions.bulk import BulkEdit, edit_filtered, edit_scenarios
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome
from workbench.store import changes
from workbench.store.scenarios import ScenarioFilter


def test_all_fields_of_a_selection_as_one_change(store):
    edit = BulkEdit(status="draft", os="-", shell="zsh", mode="chat", split="automatic", add_tags=("x", "y"))
    report = edit_scenarios(store, ["s0", "s1", "s0"], edit, "ann")
    assert (report.changed, report.same, report.left) == (2, 0, {})
    found = curate.get(store, "s1")
    assert (found.status, found.os, found.shell, found.mode, found.split) == ("draft", "", "zsh", "chat", None)
    newest = changes.changes(store, 1)[0]
    assert (newest.kind, newest.author, newest.scenarios) == ("bulk edit", "ann", 2)
    assert newest.note == "status draft, os -, shell zsh, mode chat, split automatic, tag +x, tag +y"
    edit_filtered(store, ScenarioFilter(tag="y"), BulkEdit(remove_tags=("x",)))
    assert curate.get(store, "s1").tags == ("y",)
    curate.undo(store)
    curate.undo(store)
    assert curate.get(store, "s1") == make_scenario(1)


def test_what_may_not_be_approved_is_left_and_told(store):
    bad = Outcome((ExpectedCall("ping", {}),))
    curate.save_scenario(store, make_scenario(20, status="draft", outcome=bad))
    curate.save_scenario(store, make_scenario(21, status="draft"))
    report = edit_filtered(store, ScenarioFilter(toolset="small"), BulkEdit(status="approved"))
    assert (report.changed, report.same, list(report.left)) == (1, 12, ["s20"])
    assert report.to_dict()["left"][0]["problems"][0]["field"] == "expected[0].arguments.host"


def test_the_same_again_is_no_change(store):
    assert edit_filtered(store, ScenarioFilter(os="linux"), BulkEdit(os="linux")).change == 0


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({}, "nothing to set"),
        ({"status": "great"}, "no status"),
        ({"os": "amiga"}, "no os"),
        ({"split": "half"}, "no split"),
        ({"toolset": "none"}, "no toolset"),
        ({"colour": "red"}, "fields to set"),
        ({"add_tags": "x"}, "a list of texts"),
        ({"os": 1}, "must be text"),
        ([], "an object"),
    ],
)
def test_what_cannot_be_set(store, data, match):
    with pytest.raises(WorkbenchError, match=match):
        edit_scenarios(store, ["s0"], BulkEdit.from_dict(data))
    assert len(changes.changes(store)) == 1
