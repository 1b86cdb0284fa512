"""A GGUF file that answers through llama.cpp beside others, held to grammars, as weights in torch do.

Tokens are those of the file's own vocabulary, so that grammars and prompts need no other tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from workbench.inference.engine import LoadedModel, load, stops_of
from workbench.inference.families import dialect_of
from workbench.inference.gguf_file import LLAMA, check_gguf, engine_of
from workbench.inference.gguf_reader import GgufFile, read_gguf
from workbench.inference.llama import LlamaContext
from workbench.inference.prefix_cache import MAX_BYTES
from workbench.inference.sequences import Context, SequenceBatch
from workbench.records import Model

LEAST_SLOTS, MOST_SLOTS = 8192, 32768
"""Tokens that a context holds at least, whatever memory that takes, and at most."""
BYTES = 2
"""Of a number among keys and values, which llama.cpp keeps in 16 bits."""


@dataclass(frozen=True)
class LlamaModel(LoadedModel):
    """A model whose ``model`` is a context of llama.cpp.

    Attributes:
        precision: how the file keeps its weights, such as ``F16``.
    """

    precision: str = ""

    @property
    def engine(self) -> str:
        return LLAMA

    @property
    def dtype(self) -> str:
        return self.precision

    @property
    def vocabulary(self) -> int:
        return int(self.model.vocabulary)

    def batch(self) -> SequenceBatch:
        return SequenceBatch(self.model, self.stops)


def load_for_serving(model: Model, memory: int = MAX_BYTES) -> LoadedModel:
    """Load a model into what answers for it, see ``engine_of``.

    Args:
        memory: bytes for keys and values in llama.cpp.

    Raises:
        WorkbenchError: see ``engine.load``.
    """
    return load_in_llama(model, memory) if engine_of(model) == LLAMA else load(model)


def load_in_llama(
    model: Model, memory: int = MAX_BYTES, open_context: Callable[[Path, int, int], Context] = LlamaContext
) -> LlamaModel:
    """Load the file ``model.base``.

    Args:
        open_context: makes the context of a file, of so many tokens, on so many CPU threads.

    Raises:
        WorkbenchError: llama-cpp-python is missing, the file cannot be read, or no dialect is known for it.
    """
    path = Path(model.base)
    check_gguf(path)
    file = read_gguf(path)
    tokenizer = file.tokenizer()
    dialect = dialect_of(file.family, tokenizer, model.dialect)
    context = open_context(path, _slots(file, memory), torch.get_num_threads())
    stops, reason = stops_of(tokenizer, dialect), "it answers through llama.cpp"
    return LlamaModel(
        context, tokenizer, dialect, file.family, torch.device("cpu"), stops, reason, precision=file.precision
    )


def _slots(file: GgufFile, memory: int) -> int:
    config = file.config()
    a_token = 2 * BYTES * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return min(max(LEAST_SLOTS, memory // a_token), MOST_SLOTS)
