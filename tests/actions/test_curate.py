from dataclasses import replace

import pytest

from tests.small_workspace import make_scenario
from workbench.actions import coverage, curate
from workbench.actions.curate import ProblemsError
from workbench.errors import WorkbenchError
from workbench.records import NO_TOOL, ExpectedCall, Outcome
from workbench.store.scenarios import ScenarioFilter

BROKEN = Outcome((ExpectedCall("ping", {"host": "a", "count": "5"}),))


def test_an_approved_scenario_must_fit_its_tools(store):
    wrong = make_scenario(20, outcome=BROKEN)
    with pytest.raises(ProblemsError) as caught:
        curate.save_scenario(store, wrong)
    assert [problem.field for problem in caught.value.problems] == ["expected[0].arguments.count"]
    assert "draft" in caught.value.hint
    curate.save_scenario(store, replace(wrong, status="draft"))
    assert curate.get(store, "s20").status == "draft"
    with pytest.raises(ProblemsError):
        curate.set_status(store, ["s20"], "approved")


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"request": " "}, "request"), ({"outcome": Outcome((ExpectedCall(""),))}, "expected[0].name")],
)
def test_what_could_not_be_read_back_is_not_even_a_draft(store, changes, field):
    with pytest.raises(ProblemsError) as caught:
        curate.save_scenario(store, make_scenario(20, status="draft", **changes))
    assert [problem.field for problem in caught.value.problems] == [field]
    assert curate.count(store, ScenarioFilter()) == 12


def test_an_unknown_toolset_is_refused_even_for_a_draft(store):
    with pytest.raises(ProblemsError, match="no toolset 'nowhere'") as caught:
        curate.save_scenario(store, make_scenario(20, toolset="nowhere", status="draft"))
    assert caught.value.problems[0].field == "toolset"


def test_edit_history_undo(store):
    edited = replace(curate.get(store, "s1"), request="what time is it")
    assert curate.save_scenario(store, edited, "ada") > 0
    assert curate.save_scenario(store, edited, "ada") == 0
    assert [revision.author for revision in curate.history(store, "s1")] == ["ada", "test"]
    undone = curate.undo(store)
    assert (undone.kind, undone.author) == ("edit", "ada")
    assert curate.get(store, "s1") == make_scenario(1)


def test_delete_and_unknown_ids(store):
    curate.delete(store, ["s1", "s2"])
    assert curate.count(store, ScenarioFilter()) == 10
    for act in (curate.get, lambda s, i: curate.delete(s, [i]), lambda s, i: curate.set_status(s, [i], "draft")):
        with pytest.raises(WorkbenchError, match="no scenario 's1'"):
            act(store, "s1")
    assert curate.undo(store).scenarios == 2
    assert curate.count(store, ScenarioFilter()) == 12


def test_status_of_several_is_one_change(store):
    curate.set_status(store, ["s1", "s2"], "rejected")
    assert curate.count(store, ScenarioFilter(status="rejected")) == 2
    curate.undo(store)
    assert curate.count(store, ScenarioFilter(status="rejected")) == 0
    with pytest.raises(WorkbenchError, match="not a status"):
        curate.set_status(store, ["s1"], "perfect")


@pytest.mark.parametrize("page", [(-1, 10), (0, 1001), (0, -1)])
def test_pages_have_limits(store, page):
    with pytest.raises(WorkbenchError, match="A page cannot"):
        curate.find(store, ScenarioFilter(), *page)


def test_coverage(store):
    curate.save_scenario(
        store, make_scenario(20, os="", outcome=Outcome((ExpectedCall("clock"), ExpectedCall("clock"))))
    )
    found = coverage.coverage(store, "small")
    assert found.tools == ("ping", "clock", NO_TOOL)
    assert found.oses == ("linux", "macos", "")
    assert found.total == 13
    assert found.by_tool_os["ping", "linux"] == 2 and ("ping", "") not in found.by_tool_os
    assert found.by_tool_split["clock", "train"] == 2
    table = found.to_dict()
    assert table["by_tool_os"]["clock"] == {"linux": 2, "macos": 2, "": 1}
    assert table["by_tool_mode"][NO_TOOL] == {"act": 4}
    assert sum(table["by_tool_status"]["ping"].values()) == 4
    with pytest.raises(WorkbenchError, match="no toolset 'x'"):
        coverage.coverage(store, "x")


def test_a_variant_of_a_test_scenario_must_say_it_differently(store):
    draft = curate.variant(store, "s9", "v1")
    like = curate.get(store, "s9")
    assert (draft.status, draft.split, draft.request) == ("draft", "train", "")
    assert draft.outcome == like.outcome and draft.source == "variant:s9"
    for words in (like.request, f"  {like.request.upper()}! "):
        with pytest.raises(ProblemsError) as caught:
            curate.save_scenario(store, replace(draft, request=words))
        assert caught.value.problems[0].field == "request"
    assert curate.save_scenario(store, replace(draft, request="is it reachable"))
    from_train = curate.variant(store, "s0", "v2")
    assert curate.save_scenario(store, replace(from_train, request=curate.get(store, "s0").request))
