"""Two processes that share a run's steps learn what one process learns from twice as many batches a step."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tests.small_models import make_gemma
from tests.training.test_training_worker import QUICK, make_folder, run_here
from workbench.jobs import cancel
from workbench.jobs.command import Resources, worker_command
from workbench.jobs.local import launch
from workbench.jobs.watch import observe
from workbench.runfolder import RunFolder, read_rows
from workbench.runfolder.status import RunStatus, read_process
from workbench.training.settings import TrainSettings
from workbench.training.team import device_of

# Mixed batches of two prefixes, an odd number of them, and an early validation.
SETTINGS = replace(QUICK, epochs=5, batch_size=2, device="cpu", checkpoint_every=1, validate_every=3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gemma(tmp_path_factory.mktemp("gemma"), window=64)


def wait_for_end(folder: RunFolder) -> RunStatus:
    deadline = time.time() + 240
    while not (status := observe(folder.path)).finished:
        assert time.time() < deadline, status
        time.sleep(0.05)
    return status


def curve(folder: RunFolder) -> list[list[float]]:
    """Loss, length of the gradient, rate and validation loss of every row."""
    names = ("step", "loss", "grad_norm", "learning_rate", "validation_loss")
    return [[row.get(name, 0.0) for name in names] for row in read_rows(folder.metrics)]


def start_pair(folder: RunFolder) -> None:
    launch(folder.path, "workbench.training.worker", resources=Resources(processes=2))


def test_two_processes_learn_what_one_learns_from_twice_as_much(tmp_path: Path, base: Path) -> None:
    """Also when they are stopped and one goes on by itself: a checkpoint knows nothing of processes."""
    alone = make_folder(tmp_path / "alone", base, replace(SETTINGS, accumulate=2))
    pair = make_folder(tmp_path / "pair", base, replace(SETTINGS, processes=2))
    start_pair(pair)
    while len(read_rows(pair.metrics)) < 2:
        assert not observe(pair.path).finished, pair.log.read_text()
        time.sleep(0.005)
    cancel.ask(pair.path)
    stopped = wait_for_end(pair)
    assert stopped.state == "stopped", pair.log.read_text()
    pair.cancel.unlink()
    assert run_here(pair).state == "done"
    assert run_here(alone).state == "done"
    assert len(curve(alone)) > 6
    torch.testing.assert_close(torch.tensor(curve(pair)), torch.tensor(curve(alone)), rtol=1e-3, atol=1e-5)
    ours, theirs = (load_file(folder.adapter / "adapter_model.safetensors") for folder in (pair, alone))
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, rtol=1e-3, atol=1e-5)


def until_gone(pid: int) -> None:
    """The launcher of the processes ends after them."""
    try:
        psutil.Process(pid).wait(60)
    except psutil.NoSuchProcess:
        return


def test_a_lost_helper_ends_the_run_with_its_log(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "pair", base, replace(SETTINGS, processes=2, epochs=500))
    start_pair(folder)
    while not read_rows(folder.metrics):
        assert not observe(folder.path).finished, folder.log.read_text()
        time.sleep(0.02)
    process, leader = read_process(folder), observe(folder.path).pid
    assert process is not None
    (helper,) = (child.pid for child in psutil.Process(process.pid).children() if child.pid != leader)
    os.kill(helper, signal.SIGKILL)
    failed = wait_for_end(folder)
    assert failed.state == "failed" and failed.message
    until_gone(process.pid)
    assert not psutil.pid_exists(leader)


def test_the_command_of_one_process_is_plain(tmp_path: Path) -> None:
    assert worker_command("python", "some.worker", tmp_path) == ["python", "-m", "some.worker", str(tmp_path)]
    shared = worker_command("python", "some.worker", tmp_path, 4)
    assert shared[shared.index("--num_processes") + 1] == "4" and shared[-3:] == ["-m", "some.worker", str(tmp_path)]


def test_gpus_are_handed_out_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_of(TrainSettings(device="cpu"), 3) == "cpu"
    monkeypatch.setattr("workbench.training.team.pick_device", torch.device)
    assert [device_of(TrainSettings(device="cuda"), rank) for rank in (0, 1)] == ["cuda:0", "cuda:1"]
