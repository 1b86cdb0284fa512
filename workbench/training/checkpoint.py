"""Checkpoints of a training run: everything that the next step depends on. Knows files, no schedule and no model.

A checkpoint is a folder ``checkpoints/<number>/``, written under a temporary name and renamed when it is complete:
``tensors.safetensors`` and ``state.json``, which also says how many lines of ``metrics.jsonl`` belong to it.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.runfolder import RunFolder, count_lines, sync_to_disk, write_json
from workbench.runfolder.checkpoints import newest_checkpoint, rewind

KEPT = 2
"""Checkpoints that stay; the older one is there should a broken disk lose the newest."""

_TENSORS = "tensors.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on as if it had never stopped.

    Attributes:
        tensors: by a name of the writer's choice.
        state: JSON values.
    """

    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]


def write(folder: RunFolder, checkpoint: Checkpoint) -> None:
    """Keep a checkpoint with the random generators' states; older ones go.

    Raises:
        OSError, SafetensorError: the disk refuses; the checkpoints before stay as they were.
    """
    number = 1 + max((int(path.name) for path in _complete(folder)), default=0)
    fresh = folder.checkpoints / f".{number:06}.tmp"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        save_file(_contiguous({**checkpoint.tensors, **_random_tensors()}), fresh / _TENSORS)
        sync_to_disk(fresh / _TENSORS)
        sync_to_disk(folder.metrics)
        extent = {"metrics_lines": count_lines(folder.metrics), "bytes": (fresh / _TENSORS).stat().st_size}
        write_json(fresh / "state.json", {**checkpoint.state, **extent, "python_random": random.getstate()})
        sync_to_disk(fresh / "state.json")
        fresh.replace(folder.checkpoints / f"{number:06}")
        sync_to_disk(folder.checkpoints)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    for old in _complete(folder)[:-KEPT]:
        _remove(old)


def restore(folder: RunFolder) -> Checkpoint | None:
    """The newest checkpoint, or None when there is none.

    Sets the random generators and takes metrics rows that were written after it out of ``metrics.jsonl``.
    """
    rewind(folder)
    path = newest_checkpoint(folder)
    if path is None:
        return None
    tensors = load_file(path.folder / _TENSORS)
    version, values, gauss = path.state["python_random"]
    random.setstate((version, tuple(values), gauss))
    torch.set_rng_state(tensors.pop("random/cpu"))
    for name in [name for name in tensors if name.startswith("random/cuda/")]:
        device = int(name.rpartition("/")[2])
        if device < torch.cuda.device_count():
            torch.cuda.set_rng_state(tensors[name], device)
        del tensors[name]
    return Checkpoint(tensors, path.state)


def _complete(folder: RunFolder) -> list[Path]:
    """The oldest first."""
    if not folder.checkpoints.is_dir():
        return []
    return sorted(path for path in folder.checkpoints.iterdir() if path.name.isdigit())


def _remove(path: Path) -> None:
    """Under another name first: a process killed in here must not leave half a checkpoint."""
    doomed = path.with_name(f".{path.name}.{os.getpid()}.old")
    path.replace(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _random_tensors() -> dict[str, Tensor]:
    states = {"random/cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"random/cuda/{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU: safetensors refuses tensors that share memory."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
