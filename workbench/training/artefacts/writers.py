"""Write a trained model in one of the formats into a folder. Knows no run and no scenarios."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workbench.dialects import get_dialect
from workbench.errors import WorkbenchError
from workbench.inference.engine import load_tokenizer, load_weights
from workbench.inference.families import dialect_of
from workbench.inference.gguf_file import SUFFIX
from workbench.inference.quantise import quantise_int8, save_int8
from workbench.records import Model
from workbench.training.artefacts.gguf import refuse_unsayable, write_gguf

Progress = Callable[[int, int], None]
_DTYPES = {"merged-bf16": torch.bfloat16, "merged-fp32": torch.float32}


@dataclass(frozen=True)
class Order:
    """What to write.

    Attributes:
        name: of the file, where the format has one; letters, digits, ``-``, ``_`` and ``.`` only.
        probes: texts on which a GGUF file's vocabulary must cut as the tokenizer does.
    """

    model: Model
    format: str
    name: str
    description: str
    probes: Sequence[str] = ()


def write(order: Order, folder: Path, progress: Progress) -> None:
    """Fill an empty folder. Raises WorkbenchError when the format cannot express the model; OSError from the disk."""
    if order.format == "adapter":
        _write_adapter(order, folder)
        return
    weights, tokenizer = load_weights(order.model)
    if order.format.startswith("gguf-"):
        _write_gguf(order, folder, weights, tokenizer, progress)
        return
    if order.format == "int8":
        save_int8(quantise_int8(weights), folder)
    else:
        torch.nn.Module.to(weights, dtype=_DTYPES[order.format])
        weights.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def to_model(order: Order, folder: Path) -> Model:
    """What was written as a model that the engine loads."""
    if order.format == "adapter":
        return Model("artefact", order.name, order.model.base, str(folder), order.model.dialect)
    base = next((str(path) for path in folder.glob(f"*{SUFFIX}")), str(folder))
    return Model("artefact", order.name, base, dialect=order.model.dialect)


def _write_adapter(order: Order, folder: Path) -> None:
    """The adapter's own two files and the tokenizer's; what a training run keeps beside them stays there."""
    source = Path(order.model.adapter)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (source / name).is_file():
            raise WorkbenchError(f"The adapter folder {source} has no {name}.", "Train again.")
        shutil.copyfile(source / name, folder / name)
    load_tokenizer(order.model.base).save_pretrained(folder)


def _write_gguf(order: Order, folder: Path, weights: Any, tokenizer: Any, progress: Progress) -> None:
    refuse_unsayable(weights.config)
    file = f"{order.name}-{order.format.removeprefix('gguf-')}{SUFFIX}"
    about = {"name": order.name, "description": order.description}
    write_gguf(folder / file, weights, tokenizer, order.format, about, order.probes, progress)
    dialect = get_dialect(dialect_of(weights.config.model_type, tokenizer, order.model.dialect))
    (folder / "Modelfile").write_text(_modelfile(file, dialect.stops), "utf-8")


def _modelfile(file: str, stops: Sequence[str]) -> str:
    """For Ollama: prompts are passed on as they are, an answer ends where the dialect ends it."""
    lines = [f"FROM ./{file}", 'TEMPLATE "{{ .Prompt }}"', "PARAMETER temperature 0", "PARAMETER num_predict 128"]
    return "\n".join([*lines, *(f'PARAMETER stop "{stop}"' for stop in stops)]) + "\n"
