"""Snapshots: approved only, immutable whatever happens later, equal content has one hash."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome, Scenario, Tool, Toolset
from workbench.scenarios.splitting import split_of
from workbench.store import Store, changes, scenarios, snapshots, toolsets

DESK = Toolset("desk", (Tool("look", "", {"type": "object", "properties": {}}),))


@pytest.fixture
def rows(store: Store) -> list[Scenario]:
    toolsets.save_toolset(store, DESK, "me")
    look = Outcome((ExpectedCall("look", {"n": 1.0}),))
    kept = [Scenario(f"s{i}", "desk", f"request {'x' * i}", look, status="approved") for i in range(6)]
    rest = [Scenario("draft", "desk", "d"), Scenario("no", "desk", "n", status="rejected")]
    scenarios.save(store, [*kept, *rest, replace(kept[0], id="other", toolset="other")], "edit", "me")
    return kept


def test_a_snapshot_holds_the_approved_with_their_splits(store: Store, rows: list[Scenario]) -> None:
    found = snapshots.load(store, snapshots.create(store, "desk", "first"))
    assert found.toolset == DESK
    assert [(row.scenario, row.revision, row.split) for row in found.rows] == [(s, 1, split_of(s)) for s in rows]


def test_the_hash_is_that_of_the_record(store: Store, rows: list[Scenario]) -> None:
    name = snapshots.create(store, "desk")
    assert snapshots.load(store, name).hash == name


def test_later_edits_leave_it_alone(store: Store, rows: list[Scenario]) -> None:
    name = snapshots.create(store, "desk")
    before = snapshots.load(store, name)
    scenarios.save(store, [replace(rows[0], request="changed")], "edit", "me")
    scenarios.delete(store, [rows[1].id], "me")
    toolsets.save_toolset(store, replace(DESK, tools=()), "me")
    assert snapshots.load(store, name) == before
    assert snapshots.create(store, "desk") != name


def test_equal_content_makes_one_snapshot(store: Store, rows: list[Scenario]) -> None:
    name = snapshots.create(store, "desk", "first")
    scenarios.save(store, [replace(rows[0], request="changed")], "edit", "me")
    changes.undo(store, "me")
    assert snapshots.create(store, "desk", "second") == name
    (info,) = snapshots.list_snapshots(store)
    assert (info.hash, info.toolset, info.note) == (name, "desk", "first")
    assert info.train + info.validation + info.test == 6


def test_the_list_begins_with_the_newest(store: Store, rows: list[Scenario]) -> None:
    assert snapshots.list_snapshots(store) == []
    first = snapshots.create(store, "desk")
    with store.write() as cursor:
        cursor.execute("UPDATE snapshots SET created_at = '2000'")
    scenarios.delete(store, [rows[0].id], "me")
    second = snapshots.create(store, "desk")
    assert [info.hash for info in snapshots.list_snapshots(store)] == [second, first]


def test_faults_say_what_to_do(store: Store) -> None:
    with pytest.raises(WorkbenchError, match="no toolset 'desk'"):
        snapshots.create(store, "desk")
    toolsets.save_toolset(store, DESK, "me")
    scenarios.save(store, [Scenario("draft", "desk", "d")], "edit", "me")
    with pytest.raises(WorkbenchError, match=r"no approved scenarios.*Approve some"):
        snapshots.create(store, "desk")
    with pytest.raises(WorkbenchError, match="no snapshot 'cafe'"):
        snapshots.load(store, "cafe")
    assert snapshots.list_snapshots(store) == []
