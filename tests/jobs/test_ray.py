"""Runs on a real Ray head of this machine: submitted, followed, adopted by a later app, cancelled, killed, lost."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.jobs.ray_head import Head, free_ports, ray_head
from tests.small_models import make_gemma
from tests.small_workspace import open_small
from workbench.actions import run_progress, run_queue, runs, starting
from workbench.errors import WorkbenchError
from workbench.jobs import ray, watch
from workbench.jobs.ray import RayJob
from workbench.records import Run
from workbench.runfolder import RunFolder
from workbench.runfolder.checkpoints import newest_checkpoint
from workbench.runfolder.status import read_status
from workbench.store import Store
from workbench.training.settings import TrainSettings
from workbench.workspace import Workspace

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Ray's Jobs API needs a POSIX shell here")
ON_RAY = TrainSettings(launcher="ray", device="cpu", threads=1, precision="fp32")
LONG = replace(ON_RAY, epochs=1000, augment=0)


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with ray_head() as found:
        yield found


@pytest.fixture
def cluster(head: Head, monkeypatch: pytest.MonkeyPatch) -> Head:
    """The head as the environment names it; tests need not wait for a silence as long as a person would."""
    head.assert_alive()
    monkeypatch.setenv("RAY_ADDRESS", head.address)
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    monkeypatch.setattr(watch, "ASK_SECONDS", 2.0)
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 4.0)
    return head


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_small(tmp_path) as opened:
        yield opened


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runs.WORKERS, "train", "tests.stub_worker")


def folder_of(store: Store, run: Run) -> RunFolder:
    return RunFolder(store.workspace.run_folder(run.id))


def until(store: Store, run: Run, *states: str, phase: str = "", rows: int = 0) -> Run:
    """Look until the run is in a state and phase and has so many metrics rows."""
    deadline = time.time() + 240
    while True:
        runs.sync(store)
        found = run_progress.progress(store, run.id)
        there = found.run.state in states and phase in ("", found.phase)
        if there and len(run_progress.run_metrics(store, run.id)) >= rows:
            return found.run
        assert time.time() < deadline and not (found.run.finished and not there), (
            found,
            run_progress.log_tail(store, run.id),
        )
        time.sleep(0.1)


def test_a_training_is_followed_adopted_and_cancelled(cluster: Head, tmp_path: Path) -> None:
    """One real run of a tiny model; the app that started it is gone before its first step."""
    base = make_gemma(tmp_path / "base", window=64)
    with open_small(tmp_path / "workspace") as first:
        started = starting.start_training(first, "small", str(base), LONG)
        assert started.state == "running" and started.config["settings"]["launcher"] == "ray"
        job = ray.read_job(folder_of(first, started))
        assert job is not None and job.address == cluster.address
    with Store.open(Workspace(tmp_path / "workspace")) as second:
        run = until(second, started, "running", phase="training", rows=3)
        rows = [row for row in run_progress.run_metrics(second, run.id) if "loss" in row]
        assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
        assert ray.ask(job).kind == "running"
        runs.cancel(second, run.id)
        ended = until(second, run, "stopped")
        assert "adapter has what was learned" in ended.message and ended.resumable
        folder = folder_of(second, run)
        assert newest_checkpoint(folder) and (folder.adapter / "adapter_model.safetensors").exists()
        deadline = time.time() + 60
        while ray.ask(job).kind == "running" and time.time() < deadline:
            time.sleep(0.2)
        assert ray.ask(job).kind == "ended"


def test_a_killed_worker_fails_with_a_reason_and_is_submitted_anew(cluster: Head, store: Store, stubs: None) -> None:
    run = until(store, starting.start_training(store, "small", settings=LONG), "running", rows=1)
    status = read_status(folder_of(store, run))
    assert status is not None
    psutil.Process(status.pid).kill()
    failed = until(store, run, "failed")
    assert "ended on the cluster" in failed.message and failed.resumable
    before = ray.read_job(folder_of(store, run))
    run_queue.resume(store, run.id)
    assert ray.read_job(folder_of(store, run)) != before
    until(store, run, "running", rows=1)
    runs.cancel(store, run.id)
    until(store, run, "stopped")


def test_runs_wait_for_a_machine_but_not_for_runs_here(cluster: Head, store: Store, stubs: None) -> None:
    """The head has one CPU: the second run waits at Ray, one of this machine goes on beside them."""
    first, second = (starting.start_training(store, "small", settings=LONG) for _ in range(2))
    here = starting.start_training(store, "small", settings=TrainSettings(epochs=2))
    assert [first.state, second.state, here.state] == ["running"] * 3
    until(store, here, "done")
    until(store, second, "running", phase="waiting")
    assert "no free machine" in run_progress.progress(store, second.id).message
    runs.cancel(store, second.id)
    assert until(store, second, "stopped").message == "Stopped before it began."
    runs.cancel(store, first.id)
    until(store, first, "stopped")
    # The second job gets the machine now, and finds that nobody wants it.
    job = ray.read_job(folder_of(store, second))
    while (word := ray.ask(job)).kind != "ended":
        time.sleep(0.2)
    assert "exit status 0" in word.message and run_progress.log_tail(store, second.id) == ""


def test_a_machine_without_the_folder_is_told(
    cluster: Head, store: Store, stubs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ray.PYTHON_NAME, "/no/such/python")
    run = until(store, starting.start_training(store, "small", settings=LONG), "failed")
    assert "/no/such/python is missing" in run.message and "shared storage" in run.message


def test_a_job_that_the_cluster_does_not_know_is_lost(cluster: Head) -> None:
    word = ray.ask(RayJob(cluster.address, "never-submitted"))
    assert word.kind == "lost" and cluster.address in word.message


def test_a_dead_cluster_fails_its_runs(cluster: Head, store: Store, stubs: None) -> None:
    """The last of this file: it ends the head."""
    run = until(store, starting.start_training(store, "small", settings=LONG), "running", rows=1)
    cluster.stop()
    failed = until(store, run, "failed")
    assert f"No Ray cluster answers at {cluster.address}" in failed.message
    with pytest.raises(WorkbenchError, match="ray start --head"):
        starting.start_training(store, "small", settings=LONG)
    assert len(runs.runs(store)) == 1


def test_ray_is_optional(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WorkbenchError, match=r"pip install 'ray\[default\]"):
        starting.start_training(store, "small", settings=LONG)
    assert runs.runs(store) == []


@pytest.mark.parametrize("place", ["auto", "ray://head:10001", "head:6379", "http://"])
def test_an_address_that_takes_no_jobs_is_refused(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", place)
    with pytest.raises(WorkbenchError, match="dashboard"):
        ray.check()


def test_the_address_is_the_environments_or_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ray.ADDRESS_NAMES:
        monkeypatch.delenv(name, raising=False)
    (port,) = free_ports(1)
    kept = RayJob(f"http://127.0.0.1:{port}", "x")
    assert f":{port}" in ray.ask(kept).message and ray.ask(kept).kind == "silent"
    assert ray.address() == ray.DEFAULT_ADDRESS
    monkeypatch.setenv("RAY_ADDRESS", "https://head:8265/")
    assert ray.address(kept.address) == "https://head:8265"


def test_killing_a_job_of_a_dead_cluster_is_only_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ray.ADDRESS_NAMES:
        monkeypatch.delenv(name, raising=False)
    ray.kill(RayJob(f"http://127.0.0.1:{free_ports(1)[0]}", "x"))
    assert "could not be stopped" in caplog.text
