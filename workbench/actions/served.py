"""Which models are served, under which names, and for which toolset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.actions import curate
from workbench.actions.models import RUN_PREFIX, STARTER_ID, ModelName, list_models, resolve
from workbench.errors import WorkbenchError
from workbench.records import Model, RecordError, Toolset
from workbench.store import runs as run_store
from workbench.store.database import Store

SERVED_KINDS = ("weights", "gguf")


class NoModelError(RecordError):
    """The model that was asked for is not served."""


def served_models(store: Store, more: Sequence[str] = (), names: Mapping[str, str] | None = None) -> list[Model]:
    """Models that a request may name: the given names, the configured ones, the starter, and every trained one.

    A name stands as the model's id. What is configured but cannot be found is left out.
    """
    named = []
    for name in dict.fromkeys([*(names or {}), *more]):
        try:
            named.append(replace(find_served(store, name, more, names), id=name))
        except NoModelError:
            continue
    known = {model.id for model in named}
    return [*named, *(model for model in list_models(store) if _is_own(model) and model.id not in known)]


def find_served(store: Store, name: str, more: Sequence[str] = (), names: Mapping[str, str] | None = None) -> Model:
    """The model that a name stands for.

    Raises:
        NoModelError: no such model is served.
    """
    model_id = (names or {}).get(name, name)
    plain = ModelName.read(model_id).plain if model_id == name else model_id
    # Only ids that were configured may lead to folders of this computer.
    if name in (names or {}) or name in more or model_id == STARTER_ID or plain.startswith(RUN_PREFIX):
        try:
            return check_served(resolve(store, model_id))
        except NoModelError:
            raise
        except WorkbenchError as error:
            raise NoModelError("model", f"the model '{name}' cannot be served: {error.message}", error.hint) from error
    raise NoModelError("model", f"the model '{name}' does not exist", "GET /v1/models lists those that do.")


def check_served(model: Model) -> Model:
    """The model again. Raises NoModelError where it answers in a way that is not served."""
    if model.kind not in SERVED_KINDS or model.shots:
        raise NoModelError("model", f"the model '{model.id}' is not served", "Weights and GGUF files are, no examples.")
    return model


def served_toolset(store: Store, model_id: str, name: str) -> Toolset:
    """The toolset of requests without tools: the one of that name, or the one that the model was trained for.

    Raises:
        WorkbenchError: there is no such toolset, or none at all.
    """
    plain = ModelName.read(model_id).plain
    run = run_store.get(store, plain.removeprefix(RUN_PREFIX)) if plain.startswith(RUN_PREFIX) else None
    if run and not name and "toolset" in run.config:
        return Toolset.from_dict(run.config["toolset"])
    return curate.toolset(store, name or curate.default_toolset(store))


def snapshot_of(store: Store, model_id: str) -> str:
    """Hash of the snapshot that a model was trained on; empty where it was trained on none."""
    plain = ModelName.read(model_id).plain
    run = run_store.get(store, plain.removeprefix(RUN_PREFIX)) if plain.startswith(RUN_PREFIX) else None
    return run.snapshot if run else ""


def _is_own(model: Model) -> bool:
    return model.id == STARTER_ID or (model.id.startswith(RUN_PREFIX) and model.kind in SERVED_KINDS)
