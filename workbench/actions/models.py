"""Which models there are to train from and to evaluate."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from workbench import workspace
from workbench.actions import endpoints
from workbench.errors import WorkbenchError
from workbench.evaluation.job import Service
from workbench.inference.gguf_file import SUFFIX as GGUF_SUFFIX
from workbench.inference.gguf_file import check_gguf, is_gguf
from workbench.records import Model, ModelKind, Run
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
ENDPOINT_PREFIX = "endpoint:"
NEAREST = Model("nearest", "Nearest scenario (no model)", "nearest", kind="nearest")
"""The baseline that tells people when they need no model."""
MOST_SHOTS = 64

_SAMPLES, _SAMPLE_BYTES = 256, 4096
_MODEL_SUFFIXES = (".safetensors", ".gguf", ".json", ".jinja", ".model")
_ADAPTER = "adapter_config.json"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_VARIANT = re.compile(
    r"(?P<plain>.+?)(?P<int8>\+int8)?(?:\+k(?P<shots>[1-9]\d{0,5}))?(?P<grammar>\+grammar)?", re.DOTALL
)


@dataclass(frozen=True)
class ModelName:
    """A model id in its parts.

    ``starter+int8+k4+grammar`` is the starter in eight bits, with four examples in the prompt, its replies held to the
    toolset's grammar.
    """

    plain: str
    int8: bool = False
    shots: int = 0
    grammar: bool = False

    @classmethod
    def read(cls, model_id: str) -> ModelName:
        found = _VARIANT.fullmatch(model_id)
        if not found or _is_place(model_id):
            return cls(model_id)
        return cls(found["plain"], bool(found["int8"]), int(found["shots"] or 0), bool(found["grammar"]))

    def __str__(self) -> str:
        shots = f"+k{self.shots}" if self.shots else ""
        return self.plain + ("+int8" if self.int8 else "") + shots + ("+grammar" if self.grammar else "")

    def with_whole_path(self) -> ModelName:
        """With the path of a folder or file written from the root: who reads the id may stand elsewhere."""
        return replace(self, plain=str(Path(self.plain).resolve())) if _is_place(self.plain) else self


def variant(model_id: str, shots: int = 0, int8: bool = False) -> str:
    """The id of a model with so many examples in its prompts, in eight bits or not, as far as that makes sense for it.

    The baseline has no prompt, and only weights that run here can be rounded: those keep their id.
    """
    name = ModelName.read(model_id)
    if name.plain == NEAREST.id:
        return model_id
    rounds = int8 and not name.plain.startswith(ENDPOINT_PREFIX) and not name.plain.lower().endswith(GGUF_SUFFIX)
    return str(replace(name, shots=shots or name.shots, int8=name.int8 or rounds))


def with_grammar(model_id: str) -> str:
    """The id of the same model, its replies held to the toolset's grammar."""
    return str(replace(ModelName.read(model_id), grammar=True))


def list_bases() -> list[Model]:
    """Base models to choose from: the starter, then hub models. Reads no disk and no network."""
    hub = (Model(hub_id, hub_id, hub_id) for hub_id in HUB_BASES)
    return [Model(STARTER_ID, "Starter (shipped, tiny)", str(workspace.STARTER)), *hub]


def list_models(store: Store) -> list[Model]:
    """Every model to choose from: the bases, the baseline, saved endpoints, then adapters of training runs and
    artefacts, the newest first."""
    runs = run_store.list_runs(store)
    remote = (_remote(service) for service in endpoints.endpoints(store))
    tuned = (_tuned(store, run) for run in runs if _has_adapter(store, run))
    exported = (_exported(store, run) for run in runs if _has_artefact(store, run))
    return [*list_bases(), NEAREST, *remote, *tuned, *exported]


def resolve(store: Store, model_id: str) -> Model:
    """The model of that id: ``starter``, a hub id, a local folder or ``.gguf`` file, ``run:<id>`` of a training or an
    export, ``endpoint:<name>`` for a saved one, ``nearest``; with ``+int8``, ``+k<shots>``, ``+grammar`` for variants.

    Raises:
        WorkbenchError: there is no such model or variant, or the run has no adapter.
    """
    name = ModelName.read(model_id)
    model = _resolve_plain(store, name.plain)
    if name.int8 and model.kind != "weights":
        raise WorkbenchError(f"'{model_id}' cannot be: only weights that run here are rounded.", "Leave '+int8' out.")
    if name.shots and model.kind == "nearest":
        raise WorkbenchError("The baseline has no prompt that examples could stand in.", "Leave '+k' out.")
    if name.shots > MOST_SHOTS:
        raise WorkbenchError(f"{name.shots} examples are too many.", f"Choose at most {MOST_SHOTS}.")
    if name.grammar and model.kind != "weights":
        raise WorkbenchError(
            f"'{model_id}' cannot be: only weights that run here are held to a grammar.", "Leave '+grammar' out."
        )
    parts = ("int8" if name.int8 else "", f"k = {name.shots}" if name.shots else "", "grammar" if name.grammar else "")
    marks = [mark for mark in parts if mark]
    label = f"{model.label} ({', '.join(marks)})" if marks else model.label
    return replace(model, id=str(name), label=label, int8=name.int8, shots=name.shots)


def _resolve_plain(store: Store, model_id: str) -> Model:
    for model in (*list_bases(), NEAREST):
        if model.id == model_id:
            return model
    if model_id.startswith(RUN_PREFIX):
        return _resolve_run(store, model_id.removeprefix(RUN_PREFIX))
    if model_id.startswith(ENDPOINT_PREFIX):
        return _remote(endpoints.find(store, model_id.removeprefix(ENDPOINT_PREFIX)))
    if model_id.lower().endswith(GGUF_SUFFIX):
        return _gguf(model_id)
    if (Path(model_id) / "config.json").is_file():
        return Model(model_id, Path(model_id).name, str(Path(model_id).resolve()))
    if (Path(model_id) / _ADAPTER).is_file():
        folder = Path(model_id).resolve()
        return Model(model_id, folder.name, _base_of(folder), str(folder))
    if _HUB_ID.fullmatch(model_id):
        return Model(model_id, model_id, model_id)
    raise WorkbenchError(
        f"There is no model '{model_id}'.",
        "Use 'starter', a hub id such as google/functiongemma-270m-it, a folder with config.json, a .gguf file, "
        "run:<run id>, endpoint:<name> or 'nearest'.",
    )


def service_of(store: Store, model: Model) -> Service | None:
    """The saved endpoint behind a model, or None for a model that answers here."""
    if model.kind != "endpoint":
        return None
    return endpoints.find(store, ModelName.read(model.id).plain.removeprefix(ENDPOINT_PREFIX))


def fingerprint(model: Model) -> str:
    """What tells one state of a model's files from another, 16 hex digits; empty when they are not on this disk.

    Of each file its size and evenly spread samples are hashed, so that large weights take milliseconds: whoever
    trains them again changes nearly every byte. For a hub model it is that of the version that was downloaded last,
    for an endpoint that of its address and the model's name there.
    """
    digest = hashlib.sha256()
    if model.kind == "endpoint":
        return hashlib.sha256(model.base.encode()).hexdigest()[:16]
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


def _remote(service: Service) -> Model:
    base = f"{service.endpoint.url} {service.endpoint.model}"
    return Model(ENDPOINT_PREFIX + service.name, service.name, base, dialect="openai", kind="endpoint")


def _gguf(model_id: str) -> Model:
    path = Path(model_id)
    check_gguf(path)
    return Model(model_id, path.stem, str(path.resolve()), kind="gguf")


def _is_place(model_id: str) -> bool:
    """Whether a folder with a model or an adapter, or a GGUF file of exactly that name is there."""
    return is_gguf(model_id) or any((Path(model_id) / name).is_file() for name in ("config.json", _ADAPTER))


def _has_adapter(store: Store, run: Run) -> bool:
    trained = run.kind == "train" and run.state in ("done", "stopped")
    return trained and (adapter_folder(store, run.id) / _ADAPTER).is_file()


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


def _has_artefact(store: Store, run: Run) -> bool:
    return run.kind == "export" and run.finished and artefact_folder(store, run.id).is_dir()


def _exported(store: Store, run: Run) -> Model:
    """What an export wrote: a GGUF file, a folder of weights, or an adapter for the same base."""
    folder, given = artefact_folder(store, run.id), run.config["model"]
    label = f"{run.name or run.id} ({run.config['settings']['format']})"
    if (folder / _ADAPTER).is_file():
        return Model(RUN_PREFIX + run.id, label, given["base"], str(folder), given["dialect"])
    file = next(folder.glob("*" + GGUF_SUFFIX), None)
    kind: ModelKind = "gguf" if file else "weights"
    return Model(RUN_PREFIX + run.id, label, str(file or folder), dialect=given["dialect"], kind=kind)


def _base_of(adapter: Path) -> str:
    """The base that an adapter folder names. Raises WorkbenchError when it names none."""
    try:
        return str(json.loads((adapter / _ADAPTER).read_text("utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkbenchError(f"The adapter {adapter} names no base model.", "Choose another folder.") from error
