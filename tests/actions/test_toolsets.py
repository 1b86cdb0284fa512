"""Versions of toolsets: seen before they are saved, saved with what they do to scenarios, undone as one."""

import json
from dataclasses import replace

import pytest

from tests.small_workspace import CLOCK, PING, TOOLSET
from workbench.actions import curate, runs, starting, tool_sources, toolsets
from workbench.actions.curate import ProblemsError
from workbench.errors import WorkbenchError
from workbench.records import Tool
from workbench.scenarios.toolset_edits import put_tool, remove_tool, set_profile
from workbench.store.scenarios import ScenarioFilter

STRICT = replace(
    PING,
    parameters={
        "type": "object",
        "properties": {"host": {"type": "string", "enum": ["host0", "host3"]}},
        "required": ["host"],
    },
)


def approved(store):
    return {s.id for s in curate.find(store, ScenarioFilter(status="approved"))}


def test_what_a_draft_breaks_is_seen_and_nothing_is_saved(store):
    seen = toolsets.preview(store, put_tool(toolsets.edit(store, "small"), "ping", STRICT))
    assert [one.scenario.id for one in seen.breakage.broken] == ["s6", "s9"]
    assert (seen.version, seen.problems, seen.breakage.checked) == (2, (), 12)
    assert seen.to_dict()["diff"]["changed"][0]["name"] == "ping"
    assert toolsets.current(store, "small").version == 1 and len(approved(store)) == 12


def test_approved_scenarios_that_break_ask_for_a_choice(store):
    draft = put_tool(toolsets.edit(store, "small"), "ping", STRICT)
    with pytest.raises(ProblemsError, match="breaks 2 scenarios") as caught:
        toolsets.save(store, draft)
    assert [p.field for p in caught.value.problems] == [f"s{n}: expected[0].arguments.host" for n in (6, 9)]
    saved = toolsets.save(store, draft.at(broken="draft"))
    assert (saved.version, saved.drafted, saved.left_broken) == (2, 2, 0)
    assert approved(store) == {f"s{n}" for n in range(12)} - {"s6", "s9"}
    assert curate.undo(store).kind == "tools"
    assert toolsets.current(store, "small").toolset == TOOLSET and len(approved(store)) == 12


def test_broken_scenarios_that_are_left_keep_snapshots_from_being_made(store):
    toolsets.save(store, put_tool(toolsets.edit(store, "small"), "ping", STRICT).at(broken="leave"))
    assert [one.scenario.id for one in toolsets.check(store, "small").broken] == ["s6", "s9"]
    with pytest.raises(ProblemsError, match=r"2 scenarios of 'small' are approved but do not fit.*s6, s9") as caught:
        runs.make_snapshot(store, "small")
    assert caught.value.problems[0].field == "s6: expected[0].arguments.host" and "tools check" in caught.value.hint
    with pytest.raises(ProblemsError):
        starting.start_training(store, "small")
    assert toolsets.draft_broken(store, "small") == 2 and toolsets.draft_broken(store, "small") == 0
    assert runs.make_snapshot(store, "small")


@pytest.mark.parametrize("rename_calls", [True, False])
def test_renaming_a_tool(store, rename_calls):
    draft = put_tool(toolsets.edit(store, "small"), "ping", replace(PING, name="reach")).at(rename_calls=rename_calls)
    seen = toolsets.preview(store, draft)
    if not rename_calls:
        assert (len(seen.breakage.broken), seen.renamed) == (4, ())
        return
    assert (seen.breakage.broken, seen.renamed) == ((), ("s0", "s3", "s6", "s9"))
    saved = toolsets.save(store, draft)
    assert saved.renamed == 4 and curate.count(store, ScenarioFilter(tool="reach", status="approved")) == 4
    assert toolsets.usage(store, "small") == {"reach": 4, "clock": 4, "NO_TOOL": 4}
    assert runs.make_snapshot(store, "small")
    curate.undo(store)
    assert curate.count(store, ScenarioFilter(tool="ping")) == 4
    assert toolsets.current(store, "small").toolset.tool_names == ("ping", "clock")


def test_a_rename_that_breaks_says_only_what_the_rest_of_the_edit_breaks(store):
    draft = put_tool(toolsets.edit(store, "small"), "ping", replace(STRICT, name="reach"))
    saved = toolsets.save(store, draft.at(broken="draft"))
    assert (saved.renamed, saved.drafted) == (4, 2)
    broken = curate.get(store, "s6")
    assert (broken.status, broken.outcome.label) == ("draft", "reach")


def test_versions_differ_and_come_back(store):
    toolsets.save(store, remove_tool(toolsets.edit(store, "small"), "clock").at(broken="draft"))
    assert toolsets.diff_versions(store, "small", 1).removed == ("clock",)
    assert toolsets.diff_versions(store, "small", 2, 1).added == ("clock",)
    draft = toolsets.restore(store, "small", 1)
    assert toolsets.preview(store, draft).breakage.mended == ("s1", "s10", "s4", "s7")
    assert toolsets.save(store, draft).version == 3
    assert [(v.version, v.note) for v in toolsets.versions(store, "small")] == [
        (3, "version 1 again"),
        (2, "remove clock"),
        (1, ""),
    ]
    assert toolsets.version(store, "small", 2).toolset.tools == (PING,)
    for wrong in (lambda: toolsets.version(store, "small", 9), lambda: toolsets.versions(store, "none")):
        with pytest.raises(WorkbenchError):
            wrong()


def test_a_toolset_that_breaks_rules_is_not_saved(store):
    wrong = Tool("x y", "", {"type": "object", "properties": {"a": {"type": "whatever"}}})
    draft = put_tool(toolsets.edit(store, "small"), "", wrong)
    assert {p.field for p in toolsets.preview(store, draft).problems} >= {"tools[2].name"}
    with pytest.raises(ProblemsError, match="cannot be saved"):
        toolsets.save(store, draft)


def test_two_people_do_not_overwrite_each_other(store):
    mine, yours = toolsets.edit(store, "small"), toolsets.edit(store, "small")
    toolsets.save(store, set_profile(mine, replace(mine.toolset.profile, style="context")))
    with pytest.raises(WorkbenchError, match="changed meanwhile"):
        toolsets.save(store, put_tool(yours, "", replace(CLOCK, name="watch")))


def test_deleting(store):
    with pytest.raises(WorkbenchError, match="12 scenarios belong"):
        toolsets.delete(store, "small")
    (store.workspace.root / "t.json").write_text(json.dumps([CLOCK.to_dict()]))
    found = tool_sources.read_file(store, store.workspace.root / "t.json", "other")
    toolsets.save(store, found.draft)
    toolsets.delete(store, "other")
    assert [t.name for t in curate.toolsets(store)] == ["small"]
    curate.undo(store)
    assert toolsets.export(store, "other") == json.dumps([CLOCK.to_dict()], indent=2) + "\n"


def test_tools_of_a_file_take_the_place_of_others_or_join_them(store):
    path = store.workspace.root / "lamps.py"
    path.write_text('def clock():\n    """Tell it."""\ndef dim(a: X):\n    """Dim."""\n')
    found = tool_sources.read_file(store, path, "small", "merge", "upload/lamps.py")
    assert found.draft.toolset.tool_names == ("ping", "clock") and found.draft.base == 1
    assert [(p.file, p.line, p.field) for p in found.problems] == [("upload/lamps.py", 3, "dim.a")]
    assert tool_sources.read_file(store, path, "small").draft.toolset.tool_names == ("clock",)
    assert tool_sources.read_file(store, path).draft.toolset.name == "lamps"
    assert toolsets.save(store, found.draft).version == 2
    path.write_text("def f(a): pass")
    with pytest.raises(WorkbenchError, match=r"No tool can be read.*no docstring"):
        tool_sources.read_file(store, path)
    (store.workspace.root / "s.jsonl").write_text('{"request": "x", "expected": "NO_TOOL"}')
    with pytest.raises(WorkbenchError, match="holds scenarios"):
        tool_sources.read_file(store, store.workspace.root / "s.jsonl")
