"""What differs between versions of a toolset, and what a version does to scenarios."""

from dataclasses import replace

import pytest

from tests.small_workspace import CLOCK, PING, TOOLSET, make_scenario
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome, PromptProfile, RecordError, Tool, ToolCall, Turn
from workbench.scenarios.breakage import breakage, rename_calls
from workbench.scenarios.toolset_diff import diff
from workbench.scenarios.toolset_edits import ToolsetDraft, join, move_tool, put_tool, remove_tool

DRAFT = ToolsetDraft(TOOLSET, 1)


def ping(**properties) -> Tool:
    """PING with other schemas for some of its arguments; None takes one away."""
    merged = {name: schema for name, schema in {**PING.properties, **properties}.items() if schema is not None}
    return replace(PING, parameters={**PING.parameters, "properties": merged})


def test_changes_have_their_path():
    after = ping(count={"type": "integer", "minimum": 2}, port={"type": "integer"})
    new = replace(TOOLSET, tools=(CLOCK, replace(after, description="Ping.", details={"strict": True})))
    found = diff(TOOLSET, replace(new, profile=PromptProfile("context")))
    assert found.to_dict() == {
        "added": [],
        "removed": [],
        "renamed": {},
        "changed": [
            {
                "name": "ping",
                "changes": [
                    {"path": "description", "before": "Test whether a host answers.", "after": "Ping."},
                    {"path": "parameters.properties.count.minimum", "before": 1, "after": 2},
                    {"path": "parameters.properties.port", "after": {"type": "integer"}},
                    {"path": "strict", "after": True},
                ],
            }
        ],
        "reordered": True,
        "toolset": [{"path": "profile.style", "before": "plain", "after": "context"}],
    }
    assert not any(diff(TOOLSET, TOOLSET).to_dict().values())


def test_a_rename_is_no_removal():
    draft = put_tool(DRAFT, "ping", replace(PING, name="reach", description="Reach."))
    found = diff(TOOLSET, draft.toolset, draft.renames)
    assert (found.renamed, found.added, found.removed, found.reordered) == ({"ping": "reach"}, (), (), False)
    assert [(tool.name, [change.path for change in tool.changes]) for tool in found.changed] == [
        ("reach", ["description"])
    ]
    unlinked = diff(TOOLSET, draft.toolset)
    assert (unlinked.added, unlinked.removed) == (("reach",), ("ping",))


def test_edits():
    assert move_tool(DRAFT, "ping", 1).toolset.tools == (CLOCK, PING)
    assert move_tool(DRAFT, "ping", -1).toolset.tools == (PING, CLOCK)
    assert remove_tool(DRAFT, "clock").toolset.tools == (PING,)
    assert put_tool(DRAFT, "", replace(CLOCK, name="watch")).toolset.tool_names == ("ping", "clock", "watch")
    with pytest.raises(WorkbenchError, match="no tool 'x'"):
        remove_tool(DRAFT, "x")
    brought = replace(TOOLSET, name="other", tools=(ping(port={}), replace(CLOCK, name="new")))
    assert join(TOOLSET, brought, "merge").tools == (ping(port={}), CLOCK, replace(CLOCK, name="new"))
    assert join(TOOLSET, brought, "replace") == replace(TOOLSET, tools=brought.tools)
    assert join(None, brought, "merge") is brought


def test_a_draft_comes_back_from_its_json():
    draft = put_tool(DRAFT, "ping", replace(PING, name="reach")).at(broken="draft", rename_calls=False)
    assert ToolsetDraft.from_dict(draft.to_dict()) == draft
    for wrong in ({}, [], {"base": "1"}, {"broken": "burn"}, {"renames": [1]}, {"rename_calls": 1}, {"note": 1}):
        data = {"toolset": TOOLSET.to_dict(), **wrong} if wrong and isinstance(wrong, dict) else wrong
        with pytest.raises(RecordError):
            ToolsetDraft.from_dict(data)


def test_what_breaks_is_grouped_by_tool_field_and_reason():
    numbers = Outcome((ExpectedCall("ping", {"host": "a", "count": 3}),))
    told = (
        Turn("assistant", calls=(ToolCall("ping", {"host": "a", "count": 1}),)),
        Turn("tool", name="ping", result=1),
    )
    scenarios = [
        make_scenario(0, outcome=numbers),
        make_scenario(3, outcome=numbers, status="draft"),
        make_scenario(6),
        make_scenario(1, history=told),
        make_scenario(2),
    ]
    new = replace(TOOLSET, tools=(ping(count={"type": "integer", "minimum": 5}), CLOCK))
    found = breakage(scenarios, TOOLSET, new)
    assert (found.checked, [one.scenario.id for one in found.broken]) == (5, ["s0", "s3", "s1"])
    assert [one.scenario.id for one in found.approved] == ["s0", "s1"]
    (group,) = found.groups()
    assert (group.tool, group.place, group.reason) == ("ping", "arguments.count", "must be at least 5")
    assert group.statuses == {"approved": 2, "draft": 1}
    assert [p.field for one in found.broken for p in one.problems] == [
        "expected[0].arguments.count",
        "expected[0].arguments.count",
        "history[0].calls[0].arguments.count",
    ]
    gone = breakage(scenarios, TOOLSET, replace(TOOLSET, tools=(CLOCK,)))
    assert [(g.tool, g.place, len(g.broken)) for g in gone.groups()] == [("ping", "name", 4)]


def test_old_problems_are_not_blamed_on_the_change_and_mended_ones_are_told():
    wrong = make_scenario(0, outcome=Outcome((ExpectedCall("ping", {"host": "a", "port": 1}),)), status="draft")
    same = breakage([wrong], TOOLSET, replace(TOOLSET, tools=(replace(PING, description="Other."), CLOCK)))
    assert (same.broken, same.mended) == ((), ())
    assert breakage([wrong], TOOLSET, replace(TOOLSET, tools=(ping(port={}), CLOCK))).mended == ("s0",)
    assert [p.message for p in breakage([wrong], None, TOOLSET).broken[0].problems] == ["ping has no argument 'port'"]


def test_calls_get_the_new_name_wherever_they_stand():
    told = (
        Turn("assistant", calls=(ToolCall("ping"),)),
        Turn("tool", name="ping", result=1),
        Turn("user", name="ping"),
    )
    before = make_scenario(0, history=told)
    after = rename_calls(before, {"ping": "reach"})
    assert after.outcome.calls[0] == replace(before.outcome.calls[0], name="reach")
    assert (after.history[0].calls[0].name, after.history[1].name, after.history[2].name) == ("reach", "reach", "ping")
    assert rename_calls(before, {"clock": "watch"}) is before
