"""Differences of scenarios field by field, of snapshots row by row."""

from dataclasses import replace

from hypothesis import given

from tests.scenarios.strategies import SCENARIOS
from workbench.records import ExpectedCall, Outcome, Scenario, Snapshot, SnapshotRow, Toolset
from workbench.scenarios.differences import compare_scenarios, compare_snapshots

BASE = Scenario("a", "desk", "ping x", Outcome((ExpectedCall("ping", {"host": "x", "count": 1}),)), tags=("t",))


def fields(before, after):
    return [(one.field, one.before, one.after) for one in compare_scenarios(before, after)]


def test_arguments_one_by_one_and_tags_whole():
    outcome = Outcome((ExpectedCall("ping", {"host": "y", "count": 1.0}),))
    after = replace(BASE, outcome=outcome, tags=("t", "u"), os="bsd")
    assert sorted(fields(BASE, after)) == [
        ("expected[0].arguments.count", 1, 1.0),
        ("expected[0].arguments.host", "x", "y"),
        ("os", None, "bsd"),
        ("tags", ["t"], ["t", "u"]),
    ]


def test_a_call_that_becomes_no_tool():
    found = dict((name, (old, new)) for name, old, new in fields(BASE, replace(BASE, outcome=Outcome())))
    assert found["expected"] == (None, "NO_TOOL") and found["expected[0].name"] == ("ping", None)


@given(SCENARIOS)
def test_nothing_differs_from_itself_and_all_from_nothing(scenario):
    assert compare_scenarios(scenario, scenario) == ()
    assert all(one.before is None for one in compare_scenarios(None, scenario)) and compare_scenarios(None, scenario)


def test_snapshots_row_by_row():
    def row(scenario, split="train"):
        return SnapshotRow(scenario, 1, split)

    b, c = replace(BASE, id="b"), replace(BASE, id="c")
    before = Snapshot(Toolset("desk", ()), (row(BASE), row(b), row(replace(BASE, id="d"))))
    after = Snapshot(Toolset("desk", ()), (row(replace(BASE, request="new")), row(b, "test"), row(c)))
    found = compare_snapshots(before, after)
    assert [(one.id, one.kind) for one in found] == [
        ("a", "changed"),
        ("b", "changed"),
        ("c", "added"),
        ("d", "removed"),
    ]
    assert [(f.field, f.before, f.after) for f in found[1].fields] == [("split", "train", "test")]
    assert compare_snapshots(before, before) == []
