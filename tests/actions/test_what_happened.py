"""What happened: changes with what they did, revisions field by field, snapshots row by row."""

import pytest

from tests.small_workspace import make_scenario
from workbench.actions import curate, history, runs
from workbench.errors import WorkbenchError


def test_what_a_change_did(store):
    change = curate.save_scenario(store, make_scenario(0, request="other"), "ann")
    (did,) = history.what_changed(store, change)
    assert (did.id, did.kind, [one.field for one in did.fields]) == ("s0", "changed", ["request"])
    curate.delete(store, ["s0"])
    assert [one.kind for one in history.what_changed(store, change + 1)] == ["removed"]
    assert [one.id for one in history.changes(store, 2)] == [3, 2]
    for wrong in (lambda: history.what_changed(store, 9), lambda: history.changes(store, 0)):
        with pytest.raises(WorkbenchError):
            wrong()


def test_revisions_field_by_field(store):
    curate.save_scenario(store, make_scenario(0, os="bsd"))
    curate.delete(store, ["s0"])
    curate.undo(store)
    steps = history.scenario_history(store, "s0")
    assert [(step.revision.kind, [field.field for field in step.fields]) for step in steps] == [
        ("undo", []),
        ("delete", []),
        ("edit", ["os"]),
        ("import", []),
    ]
    with pytest.raises(WorkbenchError, match="never was"):
        history.scenario_history(store, "none")


def test_two_snapshots(store):
    before = runs.make_snapshot(store, "small")
    curate.save_scenario(store, make_scenario(0, mode="chat"))
    curate.delete(store, ["s1"])
    after = runs.make_snapshot(store, "small")
    assert [(row.id, row.kind) for row in history.compare(store, before, after)] == [
        ("s0", "changed"),
        ("s1", "removed"),
    ]
    with pytest.raises(WorkbenchError, match="no snapshot"):
        history.compare(store, before, "none")
