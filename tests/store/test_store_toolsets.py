"""Toolsets: each change is a new version, the newest is the current one."""

from __future__ import annotations

import json
from dataclasses import replace

from workbench.records import PromptProfile, Tool, Toolset
from workbench.store import Store, toolsets

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
