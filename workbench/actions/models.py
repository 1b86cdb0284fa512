"""Which models there are to train from and to evaluate."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from workbench import workspace
from workbench.errors import WorkbenchError
from workbench.records import Model, Run
from workbench.store import runs as run_store
from workbench.store.database import Store

STARTER_ID = "starter"
HUB_BASES: tuple[str, ...] = (
    "google/functiongemma-270m-it",
    "Qwen/Qwen3-0.6B",
    "meta-llama/Llama-3.2-1B-Instruct",
)
RUN_PREFIX = "run:"

_SAMPLES, _SAMPLE_BYTES = 256, 4096
_MODEL_SUFFIXES = (".safetensors", ".gguf", ".json", ".jinja", ".model")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def list_bases() -> list[Model]:
    """Base models to choose from: the starter, then hub models. Reads no disk and no network."""
    hub = (Model(hub_id, hub_id, hub_id) for hub_id in HUB_BASES)
    return [Model(STARTER_ID, "Starter (shipped, tiny)", str(workspace.STARTER)), *hub]


def list_models(store: Store) -> list[Model]:
    """Every model to choose from: the bases, then the adapters of finished training runs, the newest first."""
    runs = run_store.list_runs(store)
    return [*list_bases(), *(_tuned(store, run) for run in runs if _has_adapter(store, run))]


def resolve(store: Store, model_id: str) -> Model:
    """The model of that id: ``starter``, a hub id, a local directory, or ``run:<id>`` for a trained adapter.

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
    if _HUB_ID.fullmatch(model_id):
        return Model(model_id, model_id, model_id)
    raise WorkbenchError(
        f"There is no model '{model_id}'.",
        "Use 'starter', a hub id such as google/functiongemma-270m-it, a folder with config.json, or run:<run id>.",
    )


def fingerprint(model: Model) -> str:
    """What tells one state of a model's files from another, 16 hex digits; empty when they are not on this disk.

    Of each file its size and evenly spread samples are hashed, so that large weights take milliseconds: whoever
    trains them again changes nearly every byte. For a hub model it is that of the version that was downloaded last.
    """
    digest = hashlib.sha256()
    base = Path(model.base)
    places = [base if base.exists() else _downloaded(model.base), Path(model.adapter) if model.adapter else None]
    files = [path for place in places if place for path in _model_files(place)]
    for path in files:
        digest.update(f"{path.name}:{path.stat().st_size}".encode())
        for block in _samples(path):
            digest.update(block)
    return digest.hexdigest()[:16] if files else ""


def adapter_folder(store: Store, run_id: str) -> Path:
    """Where a training run keeps its adapter, in PEFT format."""
    return store.workspace.run_folder(run_id) / "adapter"


def _resolve_run(store: Store, run_id: str) -> Model:
    run = run_store.get(store, run_id)
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


def _model_files(place: Path) -> list[Path]:
    found = [place] if place.is_file() else place.glob("*")
    return sorted(path for path in found if path.suffix in _MODEL_SUFFIXES and path.is_file())


def _samples(path: Path) -> Iterator[bytes]:
    """A small file whole, of a large one pieces from the first byte to the last."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _SAMPLES * _SAMPLE_BYTES:
            yield file.read()
            return
        for i in range(_SAMPLES):
            file.seek(i * (size - _SAMPLE_BYTES) // (_SAMPLES - 1))
            yield file.read(_SAMPLE_BYTES)


def _downloaded(hub_id: str) -> Path | None:
    """Folder of a hub model in the cache, or None."""
    if not _HUB_ID.fullmatch(hub_id):
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub_id, "config.json")
    return Path(found).parent if isinstance(found, str) else None
