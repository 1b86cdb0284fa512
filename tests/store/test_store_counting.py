"""Counts along two axes, for targets, and the filters that the cells lead to."""

from __future__ import annotations

import pytest

from workbench.records import NO_TOOL, ExpectedCall, Outcome, Scenario
from workbench.scenarios.targets import read_all
from workbench.store import Store, counting
from workbench.store import demands as demand_store
from workbench.store import scenarios as scenario_store
from workbench.store.scenarios import UNSET, ScenarioFilter

TWO = Outcome((ExpectedCall("ping"), ExpectedCall("clock"), ExpectedCall("ping")))


@pytest.fixture
def filled(store: Store) -> Store:
    scenarios = [
        Scenario("a", "desk", "x", TWO, os="bsd", shell="zsh", tags=("t", "u"), status="approved"),
        Scenario("b", "desk", "x", Outcome((ExpectedCall("ping"),)), tags=("t",), status="approved"),
        Scenario("c", "desk", "x", os="linux", shell="sh"),
        Scenario("d", "else", "x", TWO, os="bsd"),
    ]
    scenario_store.save(store, scenarios, "edit", "me")
    return store


def test_each_scenario_counts_once_in_a_cell(filled: Store) -> None:
    assert counting.table(filled, "desk", "tool", "category") == {
        ("ping", "t"): 2,
        ("ping", "u"): 1,
        ("clock", "t"): 1,
        ("clock", "u"): 1,
        (NO_TOOL, ""): 1,
    }
    assert counting.table(filled, "desk", "os", "shell") == {("bsd", "zsh"): 1, ("", ""): 1, ("linux", "sh"): 1}
    assert counting.table(filled, "desk", "tool", "os", ScenarioFilter(tag="u")) == {
        ("ping", "bsd"): 1,
        ("clock", "bsd"): 1,
    }


def test_marked_tags_are_the_only_categories(filled: Store) -> None:
    scenario_store.save(filled, [Scenario("e", "desk", "x", tags=("t", "category:net"))], "edit", "me")
    assert counting.table(filled, "desk", "tool", "category") == {
        (NO_TOOL, "category:net"): 1,
        (NO_TOOL, ""): 1,
        ("ping", ""): 2,
        ("clock", ""): 1,
    }


def test_approved_ones_for_targets(filled: Store) -> None:
    counts = counting.approved_counts(filled, "desk")
    assert counts.total == 2
    assert counts.by["tool"] == {"ping": 2, "clock": 1, NO_TOOL: 0}
    assert counts.by["os"] == {"": 1, "bsd": 1, "linux": 0}
    assert counts.by["category"] == {"t": 2, "u": 1, "": 0}


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        (ScenarioFilter(shell="zsh"), ["a"]),
        (ScenarioFilter(os=UNSET), ["b"]),
        (ScenarioFilter(shell=UNSET), ["b", "d"]),
        (ScenarioFilter(tag=UNSET), ["c", "d"]),
        (ScenarioFilter(mode=UNSET, toolset="else"), ["d"]),
    ],
)
def test_what_is_not_set_is_found(filled: Store, filter: ScenarioFilter, ids: list[str]) -> None:
    assert [one.id for one in scenario_store.stream(filled, filter)] == ids


def test_demands_of_a_toolset(store: Store) -> None:
    assert demand_store.get_demands(store, "desk") == demand_store.Demands()
    demand_store.save_reviewers(store, "desk", 2, "me")
    demand_store.save_targets(store, "desk", read_all(["each os >= 5"]), "me")
    assert demand_store.get_demands(store, "desk") == demand_store.Demands(read_all(["each os >= 5"]), 2)
