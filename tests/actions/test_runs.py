"""Runs with a stub worker: real detached processes that learn nothing."""

import os
import shutil
import threading

import pytest

from tests.waiting import wait_for
from workbench.actions import models, runs
from workbench.actions.curate import ProblemsError, set_status
from workbench.errors import WorkbenchError
from workbench.records import Run
from workbench.runfolder import Reporter, RunFolder, append_rows, read_process
from workbench.store import runs as run_store
from workbench.training.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("stub_workers")
QUICK = TrainSettings(epochs=3)
LONG = TrainSettings(epochs=1000)


def wait_until(store, run_id: str, state: str) -> Run:
    def look() -> Run | None:
        runs.sync(store)
        run = runs.get_run(store, run_id)
        return run if run.state == state else None

    return wait_for(look)


def test_training_to_the_end(store):
    run = runs.start_training(store, "small", settings=QUICK, name="mine")
    assert run.state == "running" and run.config["settings"]["epochs"] == 3
    seen = []
    ended = runs.wait(store, run.id, seen.append)
    assert (ended.state, ended.message, ended.name) == ("done", "", "mine")
    assert ended.started_at <= ended.ended_at and ended.summary["loss"] == 1 / 3
    assert seen[-1].fraction == 1.0 and seen[-1].figures["validation_loss"] == 0.5
    assert [row["step"] for row in runs.run_metrics(store, run.id)] == [1, 2, 3, 3]
    assert len(runs.run_metrics(store, run.id, after=3)) == 1
    model = models.resolve(store, f"run:{run.id}")
    assert model in models.list_models(store) and model.label == "mine"


def test_the_worker_sees_no_test_scenario(store):
    run = runs.start_training(store, "small", settings=QUICK)
    rows = (store.workspace.run_folder(run.id) / "train.jsonl").read_text().splitlines()
    assert len(rows) == 8 and not any('"split": "test"' in row for row in rows)
    runs.wait(store, run.id)


def test_one_run_at_a_time_the_others_wait_in_order(store):
    first = runs.start_training(store, "small", settings=LONG)
    second, third = (runs.start_training(store, "small", settings=QUICK) for _ in range(2))
    assert [run.state for run in (first, second, third)] == ["running", "queued", "queued"]
    assert runs.progress(store, second.id).phase == "queued"
    assert runs.cancel(store, second.id).state == "stopped"
    assert runs.cancel(store, first.id).state == "stopping"
    stopped = runs.wait(store, first.id)
    assert stopped.state == "stopped" and models.resolve(store, f"run:{first.id}").adapter
    assert runs.wait(store, third.id).state == "done"
    assert runs.cancel(store, third.id).state == "done"


def test_a_failing_worker_fails_its_run_only(store):
    bad = runs.wait(store, runs.start_training(store, "small", settings=TrainSettings(seed=13)).id)
    assert bad.state == "failed" and "out of memory" in bad.message
    assert "MemoryError" in runs.log_tail(store, bad.id)
    with pytest.raises(WorkbenchError, match="is not there"):
        models.resolve(store, f"run:{bad.id}")
    assert runs.wait(store, runs.start_training(store, "small", settings=QUICK).id).state == "done"


def test_a_killed_worker_is_noticed(store):
    run = runs.start_training(store, "small", settings=LONG)
    process = read_process(RunFolder(store.workspace.run_folder(run.id)))
    os.kill(process.pid, 9)
    assert "killed" in wait_until(store, run.id, "failed").message


def test_a_folder_deleted_by_hand(store):
    done = runs.wait(store, runs.start_training(store, "small", settings=QUICK).id)
    running = runs.start_training(store, "small", settings=LONG)
    queued = runs.start_training(store, "small", settings=QUICK)
    process = read_process(RunFolder(store.workspace.run_folder(running.id)))
    for run in (done, running, queued):
        shutil.rmtree(store.workspace.run_folder(run.id))
    assert "deleted" in wait_until(store, running.id, "failed").message
    assert "could not be started" in wait_until(store, queued.id, "failed").message
    assert runs.get_run(store, done.id).state == "done"
    assert len(runs.run_metrics(store, done.id)) == 4 and runs.log_tail(store, done.id) == ""
    with pytest.raises(WorkbenchError, match="train again"):
        models.resolve(store, f"run:{done.id}")
    # The worker of a deleted folder ends by itself, at its next line of metrics.
    wait_for(lambda: process.find() is None)


def test_evaluation_is_scored_and_summed_up(store):
    snapshot = runs.make_snapshot(store, "small")
    run = runs.wait(store, runs.start_evaluation(store, "starter", snapshot).id)
    assert run.state == "done"
    assert run.summary["n"] == 4 and run.summary["exact_calls"]["successes"] == 2
    assert run.summary["malformed"]["successes"] == 2
    assert len(run_store.replies(store, run.id)) == len(run_store.scores(store, run.id)) == 4


def test_sync_takes_in_what_grows_once(store):
    run = add_running(store)
    folder = RunFolder(store.workspace.run_folder(run.id))
    with Reporter(folder) as reporter:
        reporter.metric({"step": 1, "loss": 3.0})
        with folder.metrics.open("a") as file:
            file.write('{"step": 2, "lo')
        for _ in range(2):
            runs.sync(store)
            assert [row["step"] for row in runs.run_metrics(store, run.id)] == [1]
        with folder.metrics.open("a") as file:
            file.write('ss": 2.0}\n')
        runs.sync(store)
        assert [row["step"] for row in runs.run_metrics(store, run.id)] == [1, 2]
        reporter.finish("done")
    runs.sync(store)
    assert runs.get_run(store, run.id).state == "done"


def test_broken_files_of_one_run_do_not_stop_the_others(store):
    broken, fine = add_running(store), add_running(store)
    folders = [RunFolder(store.workspace.run_folder(run.id)) for run in (broken, fine)]
    append_rows(folders[0].metrics, [{"step": "not a number"}])
    with Reporter(folders[0]), Reporter(folders[1]) as reporter:
        reporter.finish("done")
        with pytest.raises(ExceptionGroup):
            runs.sync(store)
    assert runs.get_run(store, fine.id).state == "done"


def test_many_threads_start_a_queued_run_once(store):
    runs.start_training(store, "small", settings=QUICK)
    runs.start_training(store, "small", settings=QUICK)
    threads = [threading.Thread(target=lambda: [runs.sync(store) for _ in range(40)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run in runs.runs(store):
        assert runs.wait(store, run.id).state == "done"
        assert len(runs.run_metrics(store, run.id)) == 4


def test_a_run_is_stopped_or_started_but_never_both(store):
    stop = threading.Event()
    thread = threading.Thread(target=lambda: [runs.sync(store) for _ in iter(stop.is_set, True)])
    thread.start()
    try:
        for _ in range(10):
            run = runs.start_training(store, "small", settings=LONG)
            runs.cancel(store, run.id)
            ended = runs.wait(store, run.id)
            launched = (store.workspace.run_folder(run.id) / "process.json").exists()
            assert ended.state == "stopped" and launched == (ended.message != "Stopped before it began.")
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"toolset": "x"}, "no toolset 'x'"),
        ({"base": "no such model"}, "no model 'no such model'"),
        ({"snapshot": "feed"}, "no snapshot 'feed'"),
        ({"base": "run:none"}, "no training run 'none'"),
    ],
)
def test_a_training_that_cannot_be(store, change, message):
    with pytest.raises(WorkbenchError, match=message):
        runs.start_training(store, **({"toolset": "small", "settings": QUICK} | change))
    assert runs.runs(store) == [] and not list(store.workspace.runs.glob("train-*"))


def test_a_silly_setting_is_refused_with_its_field(store):
    with pytest.raises(ProblemsError, match="learning rate of 2") as caught:
        runs.start_training(store, "small", settings=TrainSettings(learning_rate=2))
    assert caught.value.problems[0].field == "learning_rate"


def test_no_approved_scenarios(store):
    ids = [f"s{i}" for i in range(12)]
    set_status(store, ids[:6], "draft")
    with pytest.raises(WorkbenchError, match="no training scenarios"):
        runs.start_training(store, "small")
    set_status(store, ids, "draft")
    with pytest.raises(WorkbenchError, match="no approved scenarios"):
        runs.start_training(store, "small")
    set_status(store, ids[:6], "approved")
    with pytest.raises(WorkbenchError, match="no test scenarios"):
        runs.start_evaluation(store, "starter", runs.make_snapshot(store, "small"))


def test_an_adapter_is_no_base(store):
    run = runs.wait(store, runs.start_training(store, "small", settings=QUICK).id)
    with pytest.raises(WorkbenchError, match="adapter already"):
        runs.start_training(store, "small", base=f"run:{run.id}")


def test_a_disk_that_refuses(store, monkeypatch):
    def full(path, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "write_json", full)
    with pytest.raises(WorkbenchError, match="The disk is full"):
        runs.start_training(store, "small", settings=QUICK)
    assert runs.runs(store) == [] and not list(store.workspace.runs.glob("train-*"))


def test_unknown_runs(store):
    for ask in (runs.get_run, runs.cancel, runs.progress, runs.run_metrics, runs.log_tail):
        with pytest.raises(WorkbenchError, match="no run '../x'"):
            ask(store, "../x")


@pytest.mark.parametrize("model_id", ["../secret", "a/b/c", "", "run:../x", "http://x/y", "a b/c"])
def test_no_such_model(store, model_id):
    with pytest.raises(WorkbenchError):
        models.resolve(store, model_id)


def test_models_to_choose_from(store, tmp_path):
    assert models.resolve(store, "starter").base.endswith("model")
    assert models.resolve(store, "google/functiongemma-270m-it").adapter == ""
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "config.json").write_text("{}")
    assert models.resolve(store, str(tmp_path / "local")).label == "local"


def add_running(store) -> Run:
    """A run whose worker is this test."""
    number = len(runs.runs(store))
    run = Run(f"train-{number}", "train", "running", "snap", "starter", {}, f"2025-01-01T00:00:0{number}")
    store.workspace.run_folder(run.id).mkdir()
    run_store.add(store, run)
    return run


def test_the_same_model_under_a_grammar_is_another_column(store):
    snapshot = runs.make_snapshot(store, "small")
    free = runs.start_evaluation(store, "starter", snapshot)
    named = runs.start_evaluation(store, "starter+grammar", snapshot)
    asked = runs.start_evaluation(store, "starter", snapshot, settings=runs.EvaluationSettings(constrained=True))
    assert [run.model for run in (free, named, asked)] == ["starter", "starter+grammar", "starter+grammar"]
    assert [run.config["settings"]["constrained"] for run in (free, named, asked)] == [False, True, True]
    assert named.name == "Starter (shipped, tiny) (grammar)"
    for run in (free, named, asked):
        runs.wait(store, run.id)
    with pytest.raises(WorkbenchError, match="cannot be trained"):
        runs.start_training(store, "small", "starter+grammar")
    with pytest.raises(WorkbenchError, match="no model 'nothing'"):
        models.resolve(store, "nothing+grammar")
