"""Checks, splits that follow clusters, merging, variants, and the gate before training."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.small_workspace import make_scenario
from workbench.actions import curate, duplicates, run_progress, runs, starting
from workbench.actions.curate import ProblemsError
from workbench.actions.duplicates import LeakError
from workbench.actions.verbs import Verbs
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome
from workbench.scenarios.splitting import split_of as hashed
from workbench.store import clusters as cluster_store
from workbench.store import scenarios as scenario_store
from workbench.store.scenarios import ScenarioFilter
from workbench.training.settings import TrainSettings

TIME = Outcome((ExpectedCall("clock"),))


def add(store, id: str, request: str, **changes) -> None:
    fields = {"id": id, "request": request, "outcome": TIME, "split": None} | changes
    scenario_store.save(store, [make_scenario(2, **fields)], "import", "test")


def rewrite(store, id: str, request: str) -> None:
    scenario_store.save(store, [replace(curate.get(store, id), request=request)], "edit", "test")


def split_of(store, id: str) -> str:
    return curate.splits(store, [id])[id]


WORDS = "office garden kitchen basement library workshop harbour station museum castle".split()


def unpinned_on(split: str) -> str:
    """A request that the hash puts on that split, unlike those of the other splits."""
    requests = (f"when does the {one} next to the {other} open its doors please" for one in WORDS for other in WORDS)
    return next(text for text in requests if hashed(make_scenario(2, request=text, split=None)) == split)


def test_numbers_are_no_duplicates_and_a_check_is_kept(store):
    assert duplicates.last_findings(store, "small").check is None
    found = duplicates.check(store, "small")
    assert found.of_kind() == () and found.found.total == 12 and found.check.current
    add(store, "a", "what time is it")
    assert not duplicates.last_findings(store, "small").check.current
    assert duplicates.check(store, "small").found.total == 13
    with pytest.raises(WorkbenchError, match="no toolset"):
        duplicates.check(store, "nowhere")
    with pytest.raises(WorkbenchError, match="no kind"):
        found.of_kind("other")


@pytest.mark.parametrize(("elder", "younger"), [("train", "test"), ("test", "train"), ("validation", "train")])
def test_a_new_scenario_joins_its_elder_and_the_elder_stays(store, elder, younger):
    first, second = unpinned_on(elder), unpinned_on(younger)
    add(store, "old", first)
    duplicates.check(store, "small")
    add(store, "new", second)
    rewrite(store, "new", first.replace("please", "plaese"))
    assert split_of(store, "new") == younger  # an edit moves nothing
    found = duplicates.check(store, "small")
    assert (split_of(store, "old"), split_of(store, "new")) == (elder, elder)
    assert [(move.scenario_id, move.after, move.settled) for move in found.moves] == [("new", elder, False)]
    assert not found.found.leaks


def test_what_is_held_out_stays_so_when_a_cluster_forces_a_move(store):
    train, test = unpinned_on("train"), unpinned_on("test")
    add(store, "a", train)
    add(store, "b", test)
    duplicates.check(store, "small")
    rewrite(store, "b", f"{train}s")
    found = duplicates.check(store, "small")
    assert (split_of(store, "a"), split_of(store, "b")) == ("test", "test")
    assert [(move.scenario_id, move.before, move.after, move.settled) for move in found.moves] == [
        ("a", "train", "test", True)
    ]
    curate.delete(store, ["a"])
    curate.undo(store)
    assert split_of(store, "a") == "test"


def test_near_duplicates_are_searched_once_for_a_run(store, stub_workers, monkeypatch):
    """The second search is of what the first one found; a snapshot that is given is searched whole."""
    add(store, "a", "what time is it in the office", split="train")
    add(store, "b", "what time is it in teh office", split="test")
    add(store, "c", "the cat sat on the mat", split="train")
    searched = []
    search = duplicates.find_duplicates

    def counted(entries, **more):
        searched.append(len(entries))
        return search(entries, **more)

    monkeypatch.setattr(duplicates, "find_duplicates", counted)
    with pytest.raises(LeakError) as caught:
        starting.start_training(store, "small")
    assert caught.value.leaks[0].ids == ("a", "b") and searched == [15, 2]
    snapshot = runs.make_snapshot(store, "small")
    with pytest.raises(LeakError):
        starting.start_training(store, "small", snapshot=snapshot)
    assert searched == [15, 2, 15]
    frozen, found = runs.snapshot_store.load(store, snapshot), duplicates.last_findings(store, "small")
    add(store, "d", "the cat sat on the mat", split="test")
    stale = duplicates.last_findings(store, "small")
    assert len(duplicates.leaks_of(frozen, found)) == len(duplicates.leaks_of(frozen, stale)) == 1
    assert searched[3:] == [2, 15]


def test_pins_that_part_a_cluster_are_a_leak_that_gates_training(store, stub_workers):
    add(store, "a", "what time is it in the office", split="train")
    add(store, "b", "what time is it in the ofice", split="test")
    with pytest.raises(LeakError, match=r"1 held-out scenario nearly repeats.*'b' what 'a' says") as caught:
        starting.start_training(store, "small")
    assert caught.value.hint and caught.value.leaks[0].ids == ("a", "b") and runs.runs(store) == []
    with pytest.raises(LeakError):
        starting.start_training(store, "small", allow_leaks="  ")
    duplicates.mark_variants(store, ["a", "b"], True)
    with pytest.raises(LeakError):  # on purpose or not, it is a leak
        starting.start_training(store, "small")
    run = Verbs(store).train("small", settings=TrainSettings(epochs=1).to_dict(), allow_leaks="a rehearsal")
    assert run["allowed_leaks"] == {"reason": "a rehearsal", "scenarios": 1}
    assert run_progress.wait(store, run["id"]).config["allowed_leaks"]["reason"] == "a rehearsal"


def test_a_reason_without_leaks_is_not_kept(store, stub_workers):
    run = starting.start_training(store, "small", settings=TrainSettings(epochs=1), allow_leaks="in case")
    assert run_progress.wait(store, run.id).config["allowed_leaks"] == {}


def test_merge_is_one_change_and_comes_back(store):
    add(store, "a", "what time is it", tags=("x", "y"), status="draft")
    add(store, "b", "what time is it?", tags=("y", "z"))
    before = [curate.get(store, id) for id in ("a", "b")]
    assert duplicates.best_of(before, duplicates.check(store, "small").found.cluster_of["a"]) == "b"
    duplicates.merge(store, ["a", "b"], "a", "ada")
    merged = curate.get(store, "a")
    assert (merged.tags, merged.status) == (("x", "y", "z"), "approved")
    assert curate.count(store, ScenarioFilter()) == 13 and duplicates.check(store, "small").of_kind() == ()
    undone = curate.undo(store)
    assert (undone.kind, undone.scenarios) == ("merge", 2)
    assert [curate.get(store, id) for id in ("a", "b")] == before


def test_a_merge_that_would_approve_what_is_wrong_is_refused(store):
    wrong = Outcome((ExpectedCall("ping", {"count": 0}),))
    add(store, "a", "what time is it", outcome=wrong, status="draft")
    add(store, "b", "what time is it")
    with pytest.raises(ProblemsError):
        duplicates.merge(store, ["a", "b"], "a")
    assert curate.get(store, "b")


def test_keep_one_and_what_cannot_be_kept(store):
    for id in "abc":
        add(store, id, "what time is it")
    for ids, kept in ((["a", "b"], "c"), (["a"], "a")):
        with pytest.raises(WorkbenchError, match="not clear"):
            duplicates.keep_one(store, ids, kept)
    duplicates.keep_one(store, ["a", "b", "c"], "b")
    assert scenario_store.existing(store, "abc") == {"b"}


def test_variants_are_hidden_until_something_joins_them(store):
    add(store, "a", "what time is it")
    add(store, "b", "what time is it")
    duplicates.mark_variants(store, ["a", "b"], True)
    found = duplicates.check(store, "small")
    assert found.of_kind() == () and found.counts["deliberate"] == 1
    add(store, "c", "what time is it")
    assert [one.ids for one in duplicates.check(store, "small").of_kind()] == [("a", "b", "c")]
    duplicates.mark_variants(store, ["a", "b"], False)
    assert cluster_store.marks(store) == {}


def test_similar_to_what_is_being_written(store):
    add(store, "a", "what time is it in the office")
    add(store, "b", "call my mother")
    (best, score), *_ = duplicates.similar(store, "small", "What time is it in teh office?")
    assert best.id == "a" and 0.9 < score < 1
    assert duplicates.similar(store, "small", "what time is it in the office", but="a") == []
    assert duplicates.similar(store, "small", "wh") == []


def test_the_verbs_speak_json(store):
    add(store, "a", "is anybody there")
    add(store, "b", "is anybody there", outcome=Outcome())
    verbs = Verbs(store)
    found = verbs.duplicates("small")
    assert found["counts"]["conflicts"] == 1 and found["compared"] == "words"
    assert found["clusters"][0]["conflicts"] == [["a", "b"]] and found["clusters"][0]["kinds"] == ["conflicts", "exact"]
    assert verbs.duplicates("small", "leaks")["clusters"] == []
    assert verbs.similar("is anybody here", "small")["similar"][0]["scenario"]["id"] == "a"
    assert verbs.settle("variants", ["a", "b"])["deliberate"] and not verbs.settle("unmark", ["a", "b"])["deliberate"]
    assert verbs.settle("keep", ["a", "b"], "a")["change"] > 0
    with pytest.raises(WorkbenchError, match="nothing to do"):
        verbs.settle("burn", ["a"])
