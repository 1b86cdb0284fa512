"""Undo and redo of any change, across restarts; later changes are never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import WorkbenchError
from workbench.records import Scenario
from workbench.store import Store, changes
from workbench.store import scenarios as scenario_store
from workbench.store.changes import LaterChangesError
from workbench.workspace import Workspace


def scenario(id: str, request: str = "hi") -> Scenario:
    return Scenario(id, "desk", request)


def save(store: Store, *scenarios: Scenario, kind: str = "edit") -> int:
    return scenario_store.save(store, scenarios, kind, "me")


def requests(store: Store) -> dict[str, str]:
    return {one.id: one.request for one in scenario_store.stream(store)}


def test_redo_brings_back_what_was_undone_last_first(store: Store) -> None:
    for text in "xyz":
        save(store, scenario("a", text))
    changes.undo(store, "me")
    changes.undo(store, "me")
    for text in "yz":
        waiting = changes.next_redo(store)
        redone = changes.redo(store, "ann")
        assert redone is not None and redone == waiting
        assert requests(store) == {"a": text}
    assert changes.redo(store, "ann") is None and changes.next_redo(store) is None
    undone = changes.undo(store, "me")
    assert undone is not None and undone.id == 3 and requests(store) == {"a": "y"}


def test_redo_across_a_restart(tmp_path: Path) -> None:
    with Store.open(Workspace(tmp_path)) as store:
        save(store, scenario("a"), scenario("b"), kind="import")
        changes.undo(store, "me")
    with Store.open(Workspace(tmp_path)) as store:
        assert requests(store) == {}
        redone = changes.redo(store, "me")
        assert redone is not None and (redone.kind, redone.scenarios) == ("import", 2)
        assert requests(store) == {"a": "hi", "b": "hi"}


def test_a_new_change_leaves_nothing_to_redo(store: Store) -> None:
    save(store, scenario("a"))
    changes.undo(store, "me")
    save(store, scenario("b"))
    assert changes.redo(store, "me") is None
    assert changes.redo(store, "me", 1) is not None
    assert requests(store) == {"a": "hi", "b": "hi"}


def test_any_change_is_undone_where_nothing_later_touched_it(store: Store) -> None:
    first = save(store, scenario("a"), scenario("b"))
    save(store, scenario("c"))
    assert changes.undo(store, "me", first) is not None
    assert requests(store) == {"c": "hi"}
    assert [one.holds for one in changes.changes(store, ordinary=True)] == [True, False]
    with pytest.raises(WorkbenchError, match="undone already"):
        changes.undo(store, "me", first)


def test_what_later_changes_touched_is_kept(store: Store) -> None:
    first = save(store, scenario("a"), scenario("b"), kind="import")
    save(store, scenario("a", "mended"))
    with pytest.raises(
        LaterChangesError, match=r"1 of its 2 scenarios were changed again later: edit by me \(change 2"
    ):
        changes.undo(store, "me", first)
    assert requests(store) == {"a": "mended", "b": "hi"}
    changes.undo(store, "me", first, rest=True)
    assert requests(store) == {"a": "mended"}
    changes.redo(store, "me")
    assert requests(store) == {"a": "mended", "b": "hi"}


def test_a_later_change_that_was_undone_is_not_in_the_way(store: Store) -> None:
    first = save(store, scenario("a", "one"))
    second = save(store, scenario("a", "two"))
    scenario_store.delete(store, ["a"], "me")
    changes.undo(store, "me")
    changes.undo(store, "me", second)
    changes.undo(store, "me", first)
    assert requests(store) == {}


def test_deleted_and_edited_again_is_in_the_way(store: Store) -> None:
    save(store, scenario("a", "one"))
    gone = scenario_store.delete(store, ["a"], "me")
    save(store, scenario("a", "anew"))
    with pytest.raises(LaterChangesError, match="Its scenario was changed"):
        changes.undo(store, "me", gone)
    with pytest.raises(LaterChangesError):
        changes.undo(store, "me", gone, rest=True)
    assert requests(store) == {"a": "anew"}


@pytest.mark.parametrize(("name", "match"), [(7, "no change 7"), (2, "itself an undo of change 1")])
def test_what_cannot_be_undone(store: Store, name: int, match: str) -> None:
    save(store, scenario("a"))
    changes.undo(store, "me")
    with pytest.raises(WorkbenchError, match=match):
        changes.undo(store, "me", name)
    save(store, scenario("b"))
    with pytest.raises(WorkbenchError, match="was not undone"):
        changes.redo(store, "me", 3)


def test_what_a_change_did(store: Store) -> None:
    save(store, scenario("a"), scenario("b"))
    save(store, scenario("a", "new"), scenario("c"))
    scenario_store.delete(store, ["b"], "me")
    edited = [(t.id, t.before and t.before.request, t.after and t.after.request) for t in changes.touched(store, 2)]
    assert edited == [("a", "hi", "new"), ("c", None, "hi")]
    assert [(t.id, t.after) for t in changes.touched(store, 3)] == [("b", None)]
    assert [one.id for one in changes.changes(store, 1, before=3)] == [2]
