"""Which models there are to train from and to evaluate."""

from __future__ import annotations

import json
import re
from pathlib import Path

from workbench import workspace
from workbench.errors import WorkbenchError
from workbench.records import Model, Run
from workbench.store import runs as run_store
from workbench.store.database import Store
from workbench.training.artefacts.settings import ARTEFACT

STARTER_ID = "starter"
HUB_BASES: tuple[str, ...] = (
    "google/functiongemma-270m-it",
    "Qwen/Qwen3-0.6B",
    "meta-llama/Llama-3.2-1B-Instruct",
)
RUN_PREFIX = "run:"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def list_bases() -> list[Model]:
    """Base models to choose from: the starter, then hub models. Reads no disk and no network."""
    hub = (Model(hub_id, hub_id, hub_id) for hub_id in HUB_BASES)
    return [Model(STARTER_ID, "Starter (shipped, tiny)", str(workspace.STARTER)), *hub]


def list_models(store: Store) -> list[Model]:
    """Every model to choose from: the bases, then adapters of training runs and artefacts, the newest first."""
    runs = run_store.list_runs(store)
    tuned = [_tuned(store, run) for run in runs if _has_adapter(store, run)]
    exported = [_exported(store, run) for run in runs if _has_artefact(store, run)]
    return [*list_bases(), *tuned, *exported]


def resolve(store: Store, model_id: str) -> Model:
    """The model of that id: ``starter``, a hub id, a local folder or GGUF file, or ``run:<id>`` of training or export.

    Raises:
        WorkbenchError: there is no such model, or the run has no adapter.
    """
    for model in list_bases():
        if model.id == model_id:
            return model
    if model_id.startswith(RUN_PREFIX):
        return _resolve_run(store, model_id.removeprefix(RUN_PREFIX))
    if (Path(model_id) / "config.json").is_file():
        return Model(model_id, Path(model_id).name, str(Path(model_id).resolve()))
    if Path(model_id).suffix.lower() == ".gguf" and Path(model_id).is_file():
        return Model(model_id, Path(model_id).name, str(Path(model_id).resolve()))
    if (Path(model_id) / "adapter_config.json").is_file():
        folder = Path(model_id).resolve()
        return Model(model_id, folder.name, _base_of(folder), str(folder))
    if _HUB_ID.fullmatch(model_id):
        return Model(model_id, model_id, model_id)
    raise WorkbenchError(
        f"There is no model '{model_id}'.",
        "Use 'starter', a hub id such as google/functiongemma-270m-it, a folder with config.json, a .gguf file, or "
        "run:<run id>.",
    )


def adapter_folder(store: Store, run_id: str) -> Path:
    """Where a training run keeps its adapter, in PEFT format."""
    return store.workspace.run_folder(run_id) / "adapter"


def artefact_folder(store: Store, run_id: str) -> Path:
    """Where an export run keeps its files."""
    return store.workspace.run_folder(run_id) / ARTEFACT


def _resolve_run(store: Store, run_id: str) -> Model:
    run = run_store.get(store, run_id)
    if run and _has_artefact(store, run):
        return _exported(store, run)
    if run is None or run.kind != "train":
        raise WorkbenchError(f"There is no training run '{run_id}'.", "Choose one from the list of runs.")
    if not run.finished:
        raise WorkbenchError(f"The run '{run_id}' is still {run.state}.", "Wait until it has finished, or stop it.")
    if not _has_adapter(store, run):
        raise WorkbenchError(
            f"The adapter of run '{run_id}' is not there ({adapter_folder(store, run_id)}).",
            "The run failed or its folder was deleted; train again.",
        )
    return _tuned(store, run)


def _has_adapter(store: Store, run: Run) -> bool:
    trained = run.kind == "train" and run.state in ("done", "stopped")
    return trained and (adapter_folder(store, run.id) / "adapter_config.json").is_file()


def _tuned(store: Store, run: Run) -> Model:
    base, dialect = run.config["model"]["base"], run.config["settings"].get("dialect", "auto")
    return Model(RUN_PREFIX + run.id, run.name or run.id, base, str(adapter_folder(store, run.id)), dialect)


def _has_artefact(store: Store, run: Run) -> bool:
    return run.kind == "export" and run.finished and artefact_folder(store, run.id).is_dir()


def _exported(store: Store, run: Run) -> Model:
    """What an export wrote: a GGUF file, a folder of weights, or an adapter for the same base."""
    folder, given = artefact_folder(store, run.id), run.config["model"]
    label = f"{run.name or run.id} ({run.config['settings']['format']})"
    if (folder / "adapter_config.json").is_file():
        return Model(RUN_PREFIX + run.id, label, given["base"], str(folder), given["dialect"])
    base = next(folder.glob("*.gguf"), folder)
    return Model(RUN_PREFIX + run.id, label, str(base), dialect=given["dialect"])


def _base_of(adapter: Path) -> str:
    """The base that an adapter folder names. Raises WorkbenchError when it names none."""
    try:
        return str(json.loads((adapter / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkbenchError(f"The adapter {adapter} names no base model.", "Choose another folder.") from error
