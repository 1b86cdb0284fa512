"""GGUF files answer through llama.cpp, one prompt after the other; the prefix that two have in common is kept.

llama-cpp-python is not among the requirements: it is compiled while it is installed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.dialects import get_dialect
from workbench.errors import WorkbenchError
from workbench.inference.families import dialect_in
from workbench.inference.gguf_file import check_gguf, check_package
from workbench.records import Model, Reply, Scenario, Toolset
from workbench.scenarios.messages import Shots, no_shots, to_messages


@dataclass(frozen=True)
class GgufModel:
    """A GGUF file that was opened for its vocabulary; ``dialect`` is the wire format that it speaks."""

    path: Path
    dialect: str
    vocabulary: Any
    threads: int


def open_gguf(model: Model, threads: int = 0) -> GgufModel:
    """Read the vocabulary of the file ``model.base``.

    Args:
        threads: CPU threads; 0 lets llama.cpp decide.

    Raises:
        WorkbenchError: llama-cpp-python is missing, the file cannot be read, or no dialect is known for it.
    """
    path = Path(model.base)
    check_gguf(path)
    check_package()
    opened = _open(path, vocab_only=True)
    metadata = opened.metadata
    family = metadata.get("general.architecture", "GGUF")
    found = dialect_in(family, _Vocabulary(opened), metadata.get("tokenizer.chat_template"), model.dialect)
    return GgufModel(path, found, opened, threads)


def reply_from_gguf(
    model: GgufModel,
    scenarios: Sequence[Scenario],
    toolset: Toolset,
    max_new_tokens: int = 128,
    shots: Shots = no_shots,
) -> Iterator[Reply]:
    """Greedy replies in the order of the scenarios, without confidence.

    Raises:
        WorkbenchError: the file cannot be read.
    """
    if not scenarios:
        return
    dialect = get_dialect(model.dialect)
    texts = (dialect.render_prompt(to_messages(s, toolset, shots(s)), toolset.offered(s)) for s in scenarios)
    prompts = [_encode(model.vocabulary, text) for text in texts]
    room = max(map(len, prompts)) + max_new_tokens
    loaded = _open(model.path, n_ctx=room, n_threads=model.threads or None)
    stops = {tokens[0] for stop in dialect.stops if len(tokens := _encode(loaded, stop)) == 1} | {loaded.token_eos()}
    for scenario, prompt in zip(scenarios, prompts, strict=True):
        began = time.perf_counter()
        written: list[int] = []
        for token in loaded.generate(prompt, temp=0.0, repeat_penalty=1.0):
            written.append(token)
            if token in stops or len(written) == max_new_tokens:
                break
        raw = loaded.detokenize(written, special=True).decode("utf-8", "replace")
        latency = (time.perf_counter() - began) * 1000
        yield Reply(scenario.id, raw, dialect.parse(raw), latency, len(prompt), len(written))


class _Vocabulary:
    """Answers whether a text is one token."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened

    def __contains__(self, token: object) -> bool:
        return len(_encode(self._opened, str(token))) == 1


def _open(path: Path, **options: Any) -> Any:
    from llama_cpp import Llama

    try:
        return Llama(str(path), verbose=False, **options)
    except (ValueError, OSError) as error:
        raise WorkbenchError(f"{path} cannot be read: {error}.", "Is it a whole GGUF file?") from error


def _encode(opened: Any, text: str) -> list[int]:
    tokens: list[int] = opened.tokenize(text.encode(), add_bos=False, special=True)
    return tokens
