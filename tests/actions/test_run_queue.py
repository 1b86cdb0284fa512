"""Order of the queue, resuming, the trash and the list of runs; workers are stubs, but real processes."""

import csv
import os
from dataclasses import replace

import pytest

from tests.small_workspace import make_scenario
from tests.waiting import wait_for
from workbench.actions import auto_train, run_list, run_queue, runs
from workbench.actions.curate import ProblemsError
from workbench.actions.run_list import RunFilter
from workbench.errors import WorkbenchError
from workbench.runfolder import RunFolder, read_process, read_rows, write_json
from workbench.store import runs as run_store
from workbench.store.auto_train import AutoRule
from workbench.store.scenarios import save
from workbench.training.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("stub_workers")
QUICK = TrainSettings(epochs=3)
LONG = TrainSettings(epochs=1000)


def wait_for_lines(store, run_id, n=2):
    def look():
        runs.sync(store)
        return len(runs.run_metrics(store, run_id)) >= n

    wait_for(look)


def train(store, settings=QUICK, name=""):
    return runs.start_training(store, "small", settings=settings, name=name)


def test_the_queue_is_reordered_and_followed(store):
    first = train(store, LONG)
    a, b, c = (train(store, name=name).id for name in "abc")
    names = lambda: [run.name for run in run_queue.queue(store)]  # noqa: E731
    assert names() == ["a", "b", "c"]
    run_queue.move(store, c, "up")
    assert names() == ["a", "c", "b"]
    run_queue.move(store, a, "down")
    assert names() == ["c", "a", "b"]
    run_queue.move(store, b, "first")
    run_queue.move(store, b, "up")
    run_queue.move(store, c, "last")
    run_queue.move(store, c, "down")
    assert names() == ["b", "a", "c"]
    runs.cancel(store, a)
    runs.cancel(store, first.id)
    ended = [runs.wait(store, one) for one in (b, c)]
    assert ended[0].started_at < ended[1].started_at and runs.get_run(store, a).started_at == ""
    with pytest.raises(WorkbenchError, match="does not wait: it is done"):
        run_queue.move(store, b, "up")
    with pytest.raises(WorkbenchError, match="no place 'left'"):
        run_queue.move(store, b, "left")


def test_a_killed_run_says_why_and_is_resumed_to_the_end(store):
    run = train(store, replace(QUICK, epochs=40))
    wait_for_lines(store, run.id)
    os.kill(read_process(RunFolder(store.workspace.run_folder(run.id))).pid, 9)
    failed = runs.wait(store, run.id)
    assert failed.state == "failed" and "killed (SIGKILL)" in failed.message and failed.resumable
    folder = RunFolder(store.workspace.run_folder(run.id))
    assert len(read_rows(folder.metrics)) == len(runs.run_metrics(store, run.id)) >= 2
    again = run_queue.resume(store, run.id)
    assert (again.state, again.ended_at, again.message) == ("running", "", "")
    done = runs.wait(store, run.id)
    assert done.state == "done", done.message
    # The stub makes no checkpoints: it begins anew, and no line stands twice.
    assert [row["step"] for row in runs.run_metrics(store, run.id)] == [*range(1, 41), 40]
    assert runs.run_metrics(store, run.id) == read_rows(folder.metrics)
    with pytest.raises(WorkbenchError, match="is complete"):
        run_queue.resume(store, run.id)


def test_the_store_forgets_what_a_checkpoint_does_not_know(store):
    run = train(store, LONG)
    wait_for_lines(store, run.id, 5)
    runs.cancel(store, run.id)
    runs.wait(store, run.id)
    folder = RunFolder(store.workspace.run_folder(run.id))
    (folder.checkpoints / "000001").mkdir(parents=True)
    (folder.checkpoints / "000001" / "tensors.safetensors").write_bytes(b"12345678")
    write_json(folder.checkpoints / "000001" / "state.json", {"metrics_lines": 3, "bytes": 8})
    before = runs.run_metrics(store, run.id)
    blocker = train(store, LONG)
    assert run_queue.resume(store, run.id).state == "queued"
    assert runs.run_metrics(store, run.id) == read_rows(folder.metrics) == before[:3]
    assert read_rows(folder.superseded) == before[3:]
    runs.cancel(store, run.id)
    runs.cancel(store, blocker.id)
    runs.wait(store, blocker.id)


def test_what_cannot_be_resumed(store):
    run = train(store, LONG)
    with pytest.raises(WorkbenchError, match="goes on already"):
        run_queue.resume(store, run.id)
    runs.cancel(store, run.id)
    runs.wait(store, run.id)
    run_list.delete(store, [run.id])
    with pytest.raises(WorkbenchError, match="in the trash"):
        run_queue.resume(store, run.id)
    run_list.restore(store, [run.id])
    (store.workspace.run_folder(run.id) / "config.json").unlink()
    with pytest.raises(WorkbenchError, match="no readable config"):
        run_queue.resume(store, run.id)


def test_an_evaluation_goes_on_with_the_replies_it_has(store):
    snapshot = runs.make_snapshot(store, "small")
    run = runs.wait(store, runs.start_evaluation(store, "starter", snapshot).id)
    folder = RunFolder(store.workspace.run_folder(run.id))
    rows = folder.replies.read_bytes().splitlines(keepends=True)
    folder.replies.write_bytes(b"".join(rows[:2]) + b'{"torn')
    run_store.update(store, run.id, state="failed")
    run_queue.resume(store, run.id)
    assert runs.wait(store, run.id).state == "done"
    assert {row["scenario_id"] for row in read_rows(folder.replies) if row} >= {"s8", "s9", "s10", "s11"}


def test_delete_undo_and_empty(store):
    run = runs.wait(store, train(store, name="gone").id)
    folder = store.workspace.run_folder(run.id)
    files = {path.name for path in folder.iterdir()}
    run_list.delete(store, [run.id])
    assert runs.runs(store) == [] and not folder.exists()
    assert [one.id for one in run_list.find(store, RunFilter(deleted=True))] == [run.id]
    assert run_list.empty_trash(store, days=1) == []
    run_list.restore(store, [run.id])
    assert runs.runs(store)[0].id == run.id and {path.name for path in folder.iterdir()} == files
    assert len(runs.run_metrics(store, run.id)) == 4
    run_list.delete(store, [run.id])
    assert run_list.empty_trash(store) == [run.id]
    assert list(store.workspace.trash.iterdir()) == [] and run_store.metrics(store, run.id) == []
    with pytest.raises(WorkbenchError, match="no run"):
        run_list.restore(store, [run.id])


def test_what_is_needed_is_not_deleted(store):
    run = train(store, LONG)
    with pytest.raises(WorkbenchError, match="still running"):
        run_list.delete(store, [run.id])
    runs.cancel(store, run.id)
    runs.wait(store, run.id)


def test_names_tags_filters_differences_and_curves(store):
    one = runs.wait(store, train(store, name="=one").id)
    other = runs.wait(store, train(store, replace(QUICK, rank=4), name="other").id)
    run_list.edit(store, one.id, tags=["good", " good ", "for  review", ""])
    run_list.edit(store, other.id, name="the other")
    assert runs.get_run(store, one.id).tags == ("good", "for review") and run_list.tags(store) == ["for review", "good"]
    found = lambda **filter: [run.id for run in run_list.find(store, RunFilter(**filter))]  # noqa: E731
    assert found(tag="good") == found(text="REVIEW") == [one.id] and found(text="the OTHER") == [other.id]
    assert found(state="failed") == [] and found(kind="train", state="done") == [other.id, one.id]
    assert found(text="100%") == []
    differ = {d.name: d.values for d in run_list.differences(store, one.id, other.id)}
    assert differ == {"rank": (16, 4)}
    rows = list(csv.DictReader("".join(run_list.curves(store, [one.id, other.id])).splitlines()))
    assert len(rows) == 8 and rows[0]["name"] == "'=one" and float(rows[1]["loss"]) == 0.5
    with pytest.raises(WorkbenchError, match="too long"):
        run_list.edit(store, one.id, name="x" * 200)


def test_a_warm_start_must_fit(store):
    run = runs.wait(store, train(store).id)
    for settings, message in (
        (replace(QUICK, warm_start="run:none"), "no training run"),
        (replace(QUICK, warm_start="starter"), "is no adapter"),
        (replace(QUICK, warm_start=f"run:{run.id}"), "cannot be read"),
    ):
        with pytest.raises(ProblemsError, match=message) as caught:
            train(store, settings)
        assert caught.value.problems[0].field == "warm_start"
    adapter = store.workspace.run_folder(run.id) / "adapter"
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    write_json(adapter / "adapter_config.json", {"r": 8})
    with pytest.raises(ProblemsError, match="has rank 8, this run 16"):
        train(store, replace(QUICK, warm_start=f"run:{run.id}"))
    warm = runs.wait(store, train(store, replace(QUICK, rank=8, warm_start=f"run:{run.id}")).id)
    copied = store.workspace.run_folder(warm.id) / "warm_start" / "adapter_model.safetensors"
    assert warm.state == "done" and copied.read_bytes() == b"weights"


def test_auto_train_waits_for_enough_and_evaluates(store):
    assert not auto_train.state(store, "small").rule.active
    rule = AutoRule("small", True, 5, settings={"epochs": 2})
    assert auto_train.set_rule(store, rule).new == 12
    auto_train.keep_up(store)
    (run,) = runs.runs(store)
    assert run.tags == ("auto",) and run.config["settings"]["epochs"] == 2
    auto_train.keep_up(store)
    assert len(runs.runs(store)) == 1 and auto_train.state(store, "small").new == 0
    runs.wait(store, run.id)
    auto_train.keep_up(store)
    evaluations = runs.runs(store, "evaluate")
    assert {one.model for one in evaluations} == {"starter", f"run:{run.id}"}
    for one in evaluations:
        runs.wait(store, one.id)
    save(store, [make_scenario(i) for i in range(20, 24)], "import", "test")
    auto_train.keep_up(store)
    assert len(runs.runs(store)) == 3 and auto_train.train_if_due(store, "small", 5) is None
    save(store, [make_scenario(24)], "import", "test")
    auto_train.set_rule(store, replace(rule, active=False))
    auto_train.keep_up(store)
    assert len(runs.runs(store)) == 3
    due = auto_train.train_if_due(store, "small", 5, settings={"epochs": 2})
    assert due is not None and runs.wait(store, due.id).state == "done"
    with pytest.raises(WorkbenchError, match="Known settings"):
        auto_train.set_rule(store, AutoRule("small", settings={"nonsense": 1}))
