"""The pretraining script as it is documented: a few steps, on from its own weights, and a folder that loads."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from workbench.inference.engine import Prompt, answer, load
from workbench.records import Model
from workbench.workspace import STARTER

ROOT = Path(__file__).resolve().parents[3]


def test_a_few_steps_from_the_shipped_weights(tmp_path):
    command = [sys.executable, "-m", "workbench.inference.starter.pretrain", "--tokens", "12e3", "--out", str(tmp_path)]
    options = ["--resume", str(STARTER), "--rows", "1", "--log-every", "1", "--save-every", "1", "--threads", "1"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    curve = [json.loads(line) for line in (tmp_path / "pretraining.jsonl").read_text().splitlines()]
    assert len(curve) >= 2
    # Saving must not touch the model in training: the loss stays that of the shipped weights.
    assert all(entry["held_out_loss"] < 2 for entry in curve)
    loaded = load(Model("new", "new", str(tmp_path)))
    assert [found.id for found in answer(loaded, [Prompt("a", "<bos><start_of_turn>user\nhi")], 4)] == ["a"]


def test_several_folders_go_on_from_their_mean(tmp_path):
    other, out = tmp_path / "other", tmp_path / "out"
    shutil.copytree(STARTER, other)
    weights = load_file(STARTER / "model.safetensors")
    save_file({name: weight * 3 for name, weight in weights.items()}, other / "model.safetensors", {"format": "pt"})
    command = [sys.executable, "-m", "workbench.inference.starter.pretrain", "--start", "1", "--out", str(out)]
    done = subprocess.run(
        [*command, "--resume", str(STARTER), str(other)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name, weight in load_file(out / "model.safetensors").items():
        torch.testing.assert_close(weight, weights[name] * 2)


def test_the_shipped_weights_are_small_and_render_their_own_format():
    assert (STARTER / "model.safetensors").stat().st_size < 20e6
    assert (STARTER / "chat_template.jinja").read_text() == (STARTER.parent / "chat_template.jinja").read_text()
