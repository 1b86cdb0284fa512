"""A run that was stopped or killed goes on as if nothing had happened: bit for bit the same curve."""

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.small_models import make_gemma
from tests.training.test_training_worker import QUICK, make_folder, run_here, stop_after
from workbench.errors import WorkbenchError
from workbench.jobs.local import launch
from workbench.jobs.watch import observe
from workbench.runfolder import RunFolder, append_rows, read_rows
from workbench.runfolder.checkpoints import newest_checkpoint, rewind
from workbench.runfolder.status import read_process
from workbench.training import checkpoint
from workbench.training.checkpoint import Checkpoint

SETTINGS = replace(QUICK, epochs=3, dropout=0.2, validate_every=5, batch_size=3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gemma(tmp_path_factory.mktemp("gemma"), window=64)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, base: Path) -> RunFolder:
    folder = make_folder(tmp_path_factory.mktemp("a"), base, SETTINGS)
    assert run_here(folder).state == "done"
    return folder


def curve(folder: RunFolder) -> list[dict[str, Any]]:
    return strip(read_rows(folder.metrics))


def strip(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without what depends on the clock."""
    clock = ("time", "steps_per_second", "examples_per_second", "memory_mb")
    return [{k: v for k, v in row.items() if k not in clock} for row in rows]


def adapter(folder: RunFolder) -> dict[str, torch.Tensor]:
    """Copies: what safetensors loads is the file itself."""
    return {name: t.clone() for name, t in load_file(folder.adapter / "adapter_model.safetensors").items()}


def assert_same(folder: RunFolder, other: RunFolder) -> None:
    assert curve(folder) == curve(other)
    ours, theirs = adapter(folder), adapter(other)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("step", [2, 5, 7])
def test_stopped_and_resumed_is_uninterrupted(
    step: int, tmp_path: Path, base: Path, uninterrupted: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of an epoch, right after a validation, and behind it: dropout, order and rates go on."""
    folder = make_folder(tmp_path / "b", base, SETTINGS)
    with monkeypatch.context() as patch:
        stop_after(patch, folder, step)
        assert run_here(folder).state == "stopped"
    assert [row["step"] for row in curve(folder) if "loss" in row] == list(range(1, step + 1))
    folder.cancel.unlink()
    torch.manual_seed(99)  # what a new process would have
    ending = run_here(folder)
    assert ending.state == "done" and ending.summary["steps"] == len([r for r in curve(folder) if "loss" in r])
    assert_same(folder, uninterrupted)


RECIPES = [
    {"b_rate_factor": 4.0, "accumulate": 2, "schedule": "cosine", "warmup": 0.2, "neftune": 5.0},
    {"max_steps": 11, "accumulate": 2, "epochs": 1},
    {"variant": "dora", "checkpointing": "on", "validation_scenarios": 1},
    {"optimizer": "muon", "b_rate_factor": 4.0},
]


@pytest.mark.parametrize("recipe", RECIPES, ids=["loraplus", "max_steps", "dora", "muon"])
def test_every_recipe_goes_on_bit_for_bit(
    recipe: dict[str, Any], tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rates of parameter groups, the place among accumulated batches, epochs that steps decide on, DoRA's lengths."""
    whole = make_folder(tmp_path / "a", base, SETTINGS, **recipe)
    assert run_here(whole).state == "done"
    folder = make_folder(tmp_path / "b", base, SETTINGS, **recipe)
    for step in (3, 6):
        with monkeypatch.context() as patch:
            stop_after(patch, folder, step)
            assert run_here(folder).state == "stopped"
        folder.cancel.unlink()
        torch.manual_seed(99)
    ending = run_here(folder)
    assert ending.state == "done" and ending.summary["steps"] == ending.summary["total_steps"]
    assert_same(folder, whole)


def test_a_warm_start_takes_the_lengths_of_dora_over(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "a", base, SETTINGS, variant="dora", epochs=1)
    run_here(folder)
    warm = make_folder(tmp_path / "b", base, SETTINGS, variant="dora", epochs=1)
    shutil.copytree(folder.adapter, warm.path / "warm_start")
    assert run_here(warm).state == "done"
    assert curve(warm)[0]["loss"] < curve(folder)[0]["loss"]
    plain = make_folder(tmp_path / "c", base, SETTINGS, epochs=1)
    shutil.copytree(folder.adapter, plain.path / "warm_start")
    with pytest.raises(WorkbenchError, match="other layers"):
        run_here(plain)


def test_a_killed_worker_goes_on_from_its_last_checkpoint(tmp_path: Path, base: Path, uninterrupted: RunFolder) -> None:
    folder = make_folder(tmp_path / "b", base, SETTINGS, checkpoint_every=2)
    launch(folder.path, "workbench.training.worker")
    process = read_process(folder)
    assert process is not None
    while len(read_rows(folder.metrics)) < 4:
        assert not observe(folder.path).finished, folder.log.read_text()
        time.sleep(0.002)
    os.kill(process.pid, 9)
    while not observe(folder.path).finished:
        time.sleep(0.01)
    written = curve(folder)
    assert run_here(folder).state == "done"
    assert_same(folder, uninterrupted)
    assert curve(folder)[: len(written)] == written
    taken_back = read_rows(folder.superseded)
    assert len(taken_back) <= 4 and all(row in written for row in strip(taken_back))


def test_the_time_that_was_used_counts_on(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "b", base, replace(SETTINGS, max_seconds=3600))
    with monkeypatch.context() as patch:
        stop_after(patch, folder, 3)
        run_here(folder)
    place = newest_checkpoint(folder)
    assert place is not None
    state = json.loads((place.folder / "state.json").read_text())
    (place.folder / "state.json").write_text(json.dumps({**state, "seconds": 3599}))
    folder.cancel.unlink()
    ending = run_here(folder)
    assert "time limit" in ending.message and ending.summary["steps"] == 3


def test_the_adapter_is_the_best_of_the_run_as_it_was_resumed(
    tmp_path: Path, base: Path, uninterrupted: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter that was saved after the checkpoint belongs to steps that never happened."""
    folder = make_folder(tmp_path / "b", base, SETTINGS)
    with monkeypatch.context() as patch:
        stop_after(patch, folder, 6)
        run_here(folder)
    folder.cancel.unlink()
    best = adapter(folder)
    shutil.copyfile(uninterrupted.adapter / "adapter_model.safetensors", folder.adapter / "adapter_model.safetensors")
    with monkeypatch.context() as patch:
        stop_after(patch, folder, 7)
        run_here(folder)
    assert all(torch.equal(best[name], tensor) for name, tensor in adapter(folder).items())


def test_no_half_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    append_rows(folder.metrics, [{"step": 1}, {"step": 2}])
    checkpoint.write(folder, Checkpoint({"weights/a": torch.ones(3)}, {"step": 2}))
    append_rows(folder.metrics, [{"step": 3}])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full)
        with pytest.raises(OSError, match="No space left"):
            checkpoint.write(folder, Checkpoint({"weights/a": torch.zeros(3)}, {"step": 3}))
    assert [path.name for path in folder.checkpoints.iterdir()] == ["000001"]
    found = checkpoint.restore(folder)
    assert found is not None and found.state["step"] == 2 and torch.equal(found.tensors["weights/a"], torch.ones(3))
    assert read_rows(folder.metrics) == [{"step": 1}, {"step": 2}] and read_rows(folder.superseded) == [{"step": 3}]
    assert rewind(folder) == 2


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for step in range(1, 5):
        append_rows(folder.metrics, [{"step": step}])
        checkpoint.write(folder, Checkpoint({"weights/a": torch.full((3,), float(step))}, {"step": step}))
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == ["000003", "000004"]
    (folder.checkpoints / "000004" / "tensors.safetensors").write_bytes(b"half")
    found = checkpoint.restore(folder)
    assert found is not None and found.state["step"] == 3 and len(read_rows(folder.metrics)) == 3
    shutil.rmtree(folder.checkpoints)
    assert checkpoint.restore(folder) is None and read_rows(folder.metrics) == []


def test_a_warm_start_begins_where_the_other_run_ended(tmp_path: Path, base: Path, uninterrupted: RunFolder) -> None:
    folder = make_folder(tmp_path / "warm", base, SETTINGS, epochs=1)
    shutil.copytree(uninterrupted.adapter, folder.path / "warm_start")
    assert run_here(folder).state == "done"
    assert curve(folder)[0]["loss"] < 0.8 * curve(uninterrupted)[0]["loss"]
    other = make_folder(tmp_path / "other", base, SETTINGS, rank=2)
    shutil.copytree(uninterrupted.adapter, other.path / "warm_start")
    with pytest.raises(WorkbenchError, match="another rank"):
        run_here(other)
