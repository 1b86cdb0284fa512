"""Quality gates: each finds what it must, a clean workspace passes; files are checked without a workspace."""

import json
from dataclasses import replace

import pytest

from tests.small_workspace import PING, TOOLSET, make_scenario
from workbench.actions import duplicates, targets
from workbench.actions.check import check, check_files
from workbench.actions.content import open_workspace
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome, PromptProfile, Toolset
from workbench.store import scenarios as scenario_store
from workbench.store.toolsets import save_toolset


def put(store, *scenarios):
    """Into the store as an older version or another program left them: nothing checks them on the way."""
    scenario_store.save(store, scenarios, "import", "test")


def found(store, **options):
    return [(one.gate, one.scenario, one.problem.field) for one in check(store, "small", **options).violations]


def test_a_clean_workspace_passes(store):
    report = check(store)
    assert (
        report.ok
        and report.checked == 12
        and set(report.gates)
        == {
            "tools",
            "schema",
            "os",
            "duplicates",
            "near-duplicates",
            "leaks",
            "reasoning",
            "targets",
        }
    )


def test_each_gate(store):
    put(
        store,
        make_scenario(30, outcome=Outcome((ExpectedCall("ping", {"host": 1}),))),
        make_scenario(31, os="amiga"),
        make_scenario(32, request="  Please PING host0", os="linux", outcome=Outcome(), split=make_scenario(0).split),
        make_scenario(33, os="amiga", status="draft"),
    )
    targets.set_targets(store, "small", ["total >= 20", "os linux >= 1"])
    assert found(store) == [
        ("schema", "s30", "expected[0].arguments.host"),
        ("os", "s31", "os"),
        ("duplicates", "s32", "request"),
        ("targets", "", "total"),
    ]
    report = check(store, "small")
    assert "but expects something else" in report.violations[2].problem.message
    assert "Approve 5 more" in report.violations[3].problem.hint
    assert not report.ok and report.to_dict()["gates"][1]["violations"] == 1


def test_the_same_words_in_another_context_are_no_duplicate(store):
    put(store, make_scenario(0, id="n", os="bsd"), make_scenario(0, id="m", shell="zsh"))
    assert found(store) == []


def test_near_duplicates_and_leaks(store):
    request = "please ping the big printer in the hall downstairs"
    put(
        store,
        make_scenario(40, request=request, split="train"),
        make_scenario(41, request=request.replace("printer", "pritner"), split="train"),
        make_scenario(42, request=request.replace("hall", "hal"), split="train", status="draft"),
    )
    assert found(store) == [("near-duplicates", "s40", "request")]
    duplicates.mark_variants(store, ["s40", "s41", "s42"], True)
    assert found(store) == []
    put(store, make_scenario(43, request=request.replace("please", "plese"), split="test"))
    duplicates.mark_variants(store, ["s40", "s41", "s42", "s43"], True)
    assert found(store) == [("leaks", "s43", "split")]


def test_reasoning_where_the_profile_demands_it(store):
    save_toolset(store, replace(TOOLSET, profile=PromptProfile(reasoning="required")), "test")
    put(store, make_scenario(0, reasoning="because"))
    assert len(found(store)) == 11 and {one[0] for one in found(store)} == {"reasoning"}


def test_a_tool_that_is_not_sound(store):
    broken = replace(PING, parameters={**PING.parameters, "required": ["host", "ghost"]})
    save_toolset(store, Toolset("small", (broken, TOOLSET.tools[1])), "test")
    assert ("tools", "", "tools[0].parameters.required") in found(store)


def test_other_targets_for_once(store):
    assert found(store, targets=["each mode >= 13"]) == [("targets", "", "mode")]
    assert {one.problem.field for one in check(store, "small", preset_name="caro").violations} == {
        "os",
        "category",
        "total",
    }
    assert found(store) == []
    with pytest.raises(WorkbenchError, match="no preset"):
        check(store, preset_name="none")


def test_the_demand_for_reasoning_is_told_only_where_it_is_made():
    assert "reasoning" not in PromptProfile().to_dict()
    required = PromptProfile(reasoning="required")
    assert PromptProfile.from_dict(required.to_dict()) == required


def test_the_shipped_content_passes_with_its_targets(tmp_path):
    with open_workspace(tmp_path) as store:
        assert check(store).ok and len(targets.standing(store, "desktop").targets) == 4


def test_files(tmp_path):
    tools, rows = tmp_path / "small.json", tmp_path / "rows.jsonl"
    tools.write_text(json.dumps([tool.to_dict() for tool in TOOLSET.tools]))
    good, bad = make_scenario(0).to_dict(), make_scenario(3, outcome=Outcome((ExpectedCall("ping", {}),))).to_dict()
    rows.write_text(json.dumps(good) + "\n")
    assert check_files([tools, rows]).ok
    rows.write_text("\n".join([json.dumps(good), json.dumps(bad), "{broken"]))
    report = check_files([rows, tools], targets=["total >= 2"])
    assert [(one.gate, one.problem.file, one.problem.line) for one in report.violations] == [
        ("rows", "rows.jsonl", 2),
        ("rows", "rows.jsonl", 3),
        ("targets", "", 0),
    ]
