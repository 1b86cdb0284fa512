"""Warm start: a new training run that begins with the adapter of an earlier one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from workbench.actions.curate import ProblemsError
from workbench.actions.models import resolve
from workbench.errors import Problem, WorkbenchError
from workbench.records import Model
from workbench.store.database import Store
from workbench.training.settings import TrainSettings

WARM_START = "warm_start"
"""Folder inside the run's: a copy, so that the earlier run may be deleted."""

_FILES = ("adapter_config.json", "adapter_model.safetensors")


def find_warm_start(store: Store, settings: TrainSettings, base: Model) -> Path | None:
    """The folder of the adapter to begin with, or None when the run begins anew.

    Raises:
        ProblemsError: there is no such adapter, or it does not fit the base model or the settings.
    """
    if not settings.warm_start:
        return None
    try:
        model = resolve(store, settings.warm_start)
    except WorkbenchError as error:
        raise _refused(error.message, error.hint) from error
    if not model.adapter:
        raise _refused(f"'{settings.warm_start}' is no adapter.", "Name a training run, such as run:ID.")
    if model.base != base.base:
        raise _refused(f"That adapter belongs to another base model ({model.base}).", "Choose the same base model.")
    folder = Path(model.adapter)
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        rank = config["r"]
    except (OSError, ValueError, KeyError) as error:
        raise _refused("That adapter cannot be read.", "Choose another run.") from error
    if rank != settings.rank:
        raise _refused(f"That adapter has rank {rank}, this run {settings.rank}.", f"Set the rank to {rank}.")
    variant = "dora" if config.get("use_dora") else "rslora" if config.get("use_rslora") else "lora"
    if variant != settings.variant:
        message = f"That adapter is of the variant {variant}, this run of {settings.variant}."
        raise _refused(message, f"Set the variant to {variant}.")
    return folder


def copy_adapter(source: Path, target: Path) -> None:
    """Raises OSError."""
    target.mkdir()
    for name in _FILES:
        shutil.copyfile(source / name, target / name)


def _refused(message: str, hint: str) -> ProblemsError:
    return ProblemsError(message, [Problem(message, WARM_START, hint=hint)], hint)
