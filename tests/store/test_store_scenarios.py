"""Scenarios in the store: revisions, pages, filters, undo, coverage; values come back as they went in."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.scenarios.strategies import SCENARIOS
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome, Scenario
from workbench.scenarios import coverage
from workbench.scenarios.splitting import split_of
from workbench.store import Store, changes
from workbench.store import scenarios as scenario_store
from workbench.store.scenarios import ScenarioFilter
from workbench.workspace import Workspace


def scenario(id: str, request: str = "hi", *tools: str, **rest: object) -> Scenario:
    outcome = Outcome(tuple(ExpectedCall(tool) for tool in tools))
    return Scenario(id, "desk", request, outcome, **rest)  # type: ignore[arg-type]


def save(store: Store, *scenarios: Scenario) -> int:
    return scenario_store.save(store, scenarios, "edit", "me")


def ids(store: Store, **filter: str) -> list[str]:
    return [found.id for found in scenario_store.find(store, ScenarioFilter(**filter))]


def test_json_comes_back_to_the_letter(store: Store) -> None:
    arguments = {"z": 1, "a": 1.0, "big": 10**40, "deep": [{"y": None, "x": -0.0}], "t": 'ü "\u2028\x00'}
    sent = Scenario("a", "desk", "hi", Outcome((ExpectedCall("t", arguments),)))
    save(store, sent)
    got = scenario_store.get(store, "a")
    assert got is not None and json.dumps(got.to_dict()) == json.dumps(sent.to_dict())


@settings(max_examples=30, deadline=None)
@given(scenarios=st.lists(SCENARIOS, min_size=1, max_size=4, unique_by=lambda s: s.id))
def test_any_scenario_comes_back_and_saving_it_again_changes_nothing(scenarios: list[Scenario]) -> None:
    with TemporaryDirectory() as folder, Store.open(Workspace(Path(folder))) as store:
        assert save(store, *scenarios) == 1
        found = {s.id: json.dumps(s.to_dict()) for s in scenario_store.stream(store)}
        assert found == {s.id: json.dumps(s.to_dict()) for s in scenarios}
        assert save(store, *scenarios) == 0


def test_only_what_differs_makes_a_revision(store: Store) -> None:
    number = replace(scenario("b", "n"), outcome=Outcome((ExpectedCall("t", {"n": 1}),)))
    first = save(store, scenario("a"), number)
    assert save(store, scenario("a"), number) == 0
    as_float = replace(number, outcome=Outcome((ExpectedCall("t", {"n": 1.0}),)))
    second = save(store, scenario("a"), as_float)
    assert second > first
    assert [r.revision for r in scenario_store.history(store, "a")] == [1]
    assert [r.revision for r in scenario_store.history(store, "b")] == [2, 1]
    assert [change.scenarios for change in changes.changes(store)] == [1, 2]


def test_history_says_who_and_how(store: Store) -> None:
    scenario_store.save(store, [scenario("a", "one")], "import", "ann", "file.csv")
    scenario_store.save(store, [scenario("a", "two")], "edit", "bob")
    scenario_store.delete(store, ["a"], "cy")
    story = [(r.revision, r.kind, r.author, r.scenario.request, r.deleted) for r in scenario_store.history(store, "a")]
    assert story == [
        (3, "delete", "cy", "two", True),
        (2, "edit", "bob", "two", False),
        (1, "import", "ann", "one", False),
    ]
    assert scenario_store.history(store, "nobody") == []
    assert changes.changes(store)[-1].note == "file.csv"


def test_the_same_id_twice_is_refused_whole(store: Store) -> None:
    with pytest.raises(WorkbenchError, match="Two scenarios have the id 'a'"):
        save(store, scenario("b"), scenario("a"), scenario("a", "other"))
    assert scenario_store.count(store) == 0 and changes.changes(store) == []


def test_pages_hold_the_newest_change_first(store: Store) -> None:
    save(store, *(scenario(f"s{i}") for i in range(5)))
    save(store, scenario("s3", "edited"), scenario("new"))
    assert ids(store) == ["new", "s3", "s0", "s1", "s2", "s4"]
    page = scenario_store.find(store, offset=2, limit=2)
    assert [found.id for found in page] == ["s0", "s1"]
    assert [found.id for found in scenario_store.stream(store)] == ["new", "s0", "s1", "s2", "s3", "s4"]


def test_each_filter(store: Store) -> None:
    save(
        store,
        scenario("a", "Ping 100% of it", "ping", os="linux", mode="act", tags=("x", "y"), split="test"),
        scenario("b", "two things", "ping", "list", status="approved", split="train"),
        scenario("c", "under_score \\ back", tags=("y",)),
        replace(scenario("d"), toolset="other"),
    )
    assert ids(store, toolset="other") == ["d"]
    assert ids(store, tool="ping") == ["a", "b"] and ids(store, tool="list") == ["b"]
    assert ids(store, tool="NO_TOOL") == ["c", "d"]
    assert ids(store, os="linux") == ids(store, mode="act") == ids(store, tag="x") == ["a"]
    assert ids(store, tag="y") == ["a", "c"]
    assert ids(store, split="test", toolset="desk", tag="x") == ["a"] and ids(store, status="approved") == ["b"]
    assert ids(store, text="PING") == ["a"] and ids(store, text="100%") == ["a"]
    assert ids(store, text="%") == ["a"] and ids(store, text="_") == ["c"] and ids(store, text="\\") == ["c"]
    assert ids(store, text="B") == ["b", "c"]  # an id counts, too
    assert ids(store, text="' OR 1=1 --") == []
    assert scenario_store.count(store, ScenarioFilter(tool="ping", status="draft")) == 1


def test_the_resolved_split_is_kept(store: Store) -> None:
    pinned, free = scenario("a", "free some space", split="test"), scenario("b", "free some space")
    save(store, pinned, free)
    assert ids(store, split="test", text="a") == ["a"]
    assert "b" in ids(store, split=split_of(free))


def test_existing(store: Store) -> None:
    save(store, scenario("a"), scenario("b"))
    scenario_store.delete(store, ["b"], "me")
    assert scenario_store.existing(store, ["a", "b", "c"]) == {"a"}
    assert scenario_store.existing(store, []) == set()


def test_deleting_passes_over_unknown_ids(store: Store) -> None:
    save(store, scenario("a"), scenario("b"))
    assert scenario_store.delete(store, ["nobody"], "me") == 0
    assert scenario_store.delete(store, ["a", "a", "nobody"], "me") > 0
    assert scenario_store.get(store, "a") is None and ids(store) == ["b"]
    save(store, scenario("a", "back"))
    assert [r.revision for r in scenario_store.history(store, "a")] == [3, 2, 1]


def test_undo_goes_back_step_by_step(store: Store) -> None:
    save(store, scenario("a", "one"))
    save(store, scenario("a", "two"), scenario("b"))
    scenario_store.delete(store, ["a"], "me")

    undone = changes.undo(store, "ann")
    assert undone is not None and (undone.kind, undone.scenarios) == ("delete", 1)
    assert scenario_store.get(store, "a") == scenario("a", "two")
    changes.undo(store, "ann")
    assert scenario_store.get(store, "a") == scenario("a", "one") and scenario_store.get(store, "b") is None
    changes.undo(store, "ann")
    assert scenario_store.count(store) == 0
    assert changes.undo(store, "ann") is None
    assert [r.kind for r in scenario_store.history(store, "a")] == ["undo", "undo", "undo", "delete", "edit", "edit"]


def test_work_after_an_undo_is_undone_first(store: Store) -> None:
    save(store, scenario("a", "one"))
    save(store, scenario("a", "two"))
    changes.undo(store, "me")
    save(store, scenario("a", "three"))
    changes.undo(store, "me")
    assert scenario_store.get(store, "a") == scenario("a", "one")
    changes.undo(store, "me")
    assert scenario_store.get(store, "a") is None


def test_coverage_is_that_of_the_pure_count(store: Store) -> None:
    rows = [
        scenario("a", "x", "ping", os="linux", mode="act", status="approved"),
        scenario("b", "y", "ping", "list", "ping", os="linux"),
        scenario("c", "z", os="bsd", split="validation"),
        scenario("d", "w", "ping", os="linux", mode="act", status="approved"),
    ]
    save(store, *rows, replace(scenario("e"), toolset="other"))
    assert scenario_store.coverage(store, "desk") == coverage.count(rows)
    assert scenario_store.coverage(store, "desk", ScenarioFilter(os="bsd")) == coverage.count(rows[2:3])
    assert scenario_store.coverage(store, "nothing") == []


class Model(RuleBasedStateMachine):
    """The store beside the simplest thing that does the same: a list of whole states."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.store = Store.open(Workspace(Path(self.folder.name)))
        self.states: list[dict[str, Scenario]] = [{}]
        self.undone: list[dict[str, Scenario]] = []

    @rule(pairs=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["one", "two"]), min_size=1))
    def save(self, pairs: dict[str, str]) -> None:
        new = self.states[-1] | {id: scenario(id, request) for id, request in pairs.items()}
        changed = save(self.store, *(new[id] for id in pairs)) > 0
        assert changed == (new != self.states[-1])
        if changed:
            self.states.append(new)
            self.undone.clear()

    @rule(gone=st.sets(st.sampled_from("abc"), min_size=1))
    def delete(self, gone: set[str]) -> None:
        new = {id: kept for id, kept in self.states[-1].items() if id not in gone}
        changed = scenario_store.delete(self.store, gone, "me") > 0
        assert changed == (new != self.states[-1])
        if changed:
            self.states.append(new)
            self.undone.clear()

    @rule()
    def undo(self) -> None:
        undone = changes.undo(self.store, "me")
        assert (undone is None) == (len(self.states) == 1)
        if undone:
            self.undone.append(self.states.pop())

    @rule()
    def redo(self) -> None:
        redone = changes.redo(self.store, "me")
        assert (redone is None) == (not self.undone)
        if redone:
            self.states.append(self.undone.pop())

    @invariant()
    def same(self) -> None:
        assert {s.id: s for s in scenario_store.stream(self.store)} == self.states[-1]

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


def test_any_sequence_of_saves_deletes_and_undos() -> None:
    run_state_machine_as_test(Model, settings=settings(max_examples=15, stateful_step_count=15, deadline=None))


def test_the_same_scenario_may_be_saved_again_and_again_while_it_is_being_read(store: Store) -> None:
    """Rows are replaced by delete and insert: DuckDB must not take an old reader's row for a duplicate key."""
    save(store, *(scenario(f"s{i}") for i in range(3000)))
    readers = []
    for round in range(4):
        reader = scenario_store.stream(store)
        next(reader)
        readers.append(reader)
        save(store, *(scenario(f"s{i}", f"round {round}") for i in range(3000)))
        changes.undo(store, "me")
        scenario_store.delete(store, ["s5"], "me")
        save(store, scenario("s5", f"back {round}"))
    assert [sum(1 for _ in reader) for reader in readers] == [2999] * 4
    assert scenario_store.count(store) == 3000
    found = scenario_store.get(store, "s5")
    assert found is not None and found.request == "back 3"


def test_threads_save_and_read_scenarios_together(store: Store) -> None:
    def work(name: str) -> int:
        for i in range(15):
            save(store, scenario("shared", f"{name} {i}"), scenario(name, str(i)))
            assert scenario_store.get(store, name) == scenario(name, str(i))
        return len(scenario_store.history(store, name))

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, [f"t{i}" for i in range(6)])) == [15] * 6
    assert [r.revision for r in scenario_store.history(store, "shared")] == list(range(90, 0, -1))
