"""Toolsets: each change is a new version, the newest is the current one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome, PromptProfile, Scenario, Tool, Toolset
from workbench.store import Store, changes, scenarios, toolsets

TOOL = Tool("look", "Look.", {"type": "object", "properties": {"z": {"maximum": 1.0}, "a": {"maximum": 1}}}, {"x": [1]})
DESK = Toolset("desk", (TOOL,), PromptProfile("context", {"default": "d", "act": "a"}))


def test_a_toolset_comes_back_to_the_letter(store: Store) -> None:
    toolsets.save_toolset(store, DESK, "me")
    got = toolsets.get_toolset(store, "desk")
    assert got is not None and json.dumps(got.to_dict()) == json.dumps(DESK.to_dict())


def test_versions_are_added_and_only_when_something_changed(store: Store) -> None:
    assert toolsets.save_toolset(store, DESK, "me") == 1
    assert toolsets.save_toolset(store, DESK, "you") == 1
    newer = replace(DESK, tools=(TOOL, replace(TOOL, name="go")))
    assert toolsets.save_toolset(store, newer, "you") == 2
    assert toolsets.get_toolset(store, "desk") == newer
    assert store.read("SELECT version, author FROM toolsets ORDER BY version") == [
        {"version": 1, "author": "me"},
        {"version": 2, "author": "you"},
    ]
    assert toolsets.save_toolset(store, DESK, "me") == 3


def test_the_list_holds_current_versions_by_name(store: Store) -> None:
    assert toolsets.list_toolsets(store) == [] and toolsets.get_toolset(store, "desk") is None
    other = replace(DESK, name="alpha")
    for version in range(12):  # two digits: versions are numbers, not text
        toolsets.save_toolset(store, replace(DESK, profile=PromptProfile(system={"default": str(version)})), "me")
    toolsets.save_toolset(store, other, "me")
    found = toolsets.list_toolsets(store)
    assert [t.name for t in found] == ["alpha", "desk"] and found[1].profile.system == {"default": "11"}


def test_a_version_and_its_scenarios_are_one_change(store: Store) -> None:
    toolsets.save_toolset(store, DESK, "me")
    one = Scenario("s1", "desk", "look there", Outcome((ExpectedCall("look"),)), status="approved")
    scenarios.save(store, [one], "edit", "me")
    renamed = replace(DESK, tools=(replace(TOOL, name="see"),))
    later = replace(one, outcome=Outcome((ExpectedCall("see"),)))
    version, change = scenarios.save_toolset(store, renamed, [later], author="me", note="look is see", base=1)
    assert (version, scenarios.get(store, "s1")) == (2, later)
    assert scenarios.save_toolset(store, renamed, [later], author="me", base=2) == (2, 0)
    undone = changes.undo(store, "you")
    assert undone is not None and (undone.id, undone.kind, undone.scenarios) == (change, "tools", 1)
    assert (toolsets.get_toolset(store, "desk"), scenarios.get(store, "s1")) == (DESK, one)
    assert [(v.version, v.author, v.note) for v in toolsets.versions(store, "desk")] == [
        (3, "you", "undo"),
        (2, "me", "look is see"),
        (1, "me", ""),
    ]
    second = toolsets.get_version(store, "desk", 2)
    assert second is not None and second.toolset == renamed and toolsets.get_version(store, "desk", 9) is None


def test_a_version_that_is_not_the_newest_is_not_built_upon(store: Store) -> None:
    toolsets.save_toolset(store, DESK, "me")
    newer = replace(DESK, profile=PromptProfile())
    toolsets.save_toolset(store, newer, "you")
    with pytest.raises(WorkbenchError, match="changed meanwhile"):
        scenarios.save_toolset(store, DESK, author="me", base=1)
    with pytest.raises(WorkbenchError, match="changed meanwhile"):
        scenarios.save_toolset(store, DESK, author="me", base=0)
    assert (toolsets.get_toolset(store, "desk"), changes.changes(store)) == (newer, [])


def test_deleting_and_making_a_toolset_can_be_undone(store: Store) -> None:
    assert scenarios.delete_toolset(store, "desk", "me") == 0
    scenarios.save_toolset(store, DESK, author="me", base=0)
    scenarios.delete_toolset(store, "desk", "me")
    assert toolsets.get_toolset(store, "desk") is None and toolsets.list_toolsets(store) == []
    assert scenarios.delete_toolset(store, "desk", "me") == 0
    changes.undo(store, "me")
    assert toolsets.list_toolsets(store) == [DESK]
    changes.undo(store, "me")
    assert toolsets.list_toolsets(store) == []
    assert changes.undo(store, "me") is None
    assert scenarios.save_toolset(store, DESK, author="me", base=0)[0] == 5
