"""Embeddings as OpenAI's clients ask for them. Source: OpenAI's API reference, "Create embeddings". Loads no torch."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.actions.chat import NoModelError
from workbench.records import RecordError

MAX_TEXTS, MAX_CHARACTERS = 2048, 32_768


@dataclass(frozen=True)
class EmbeddingAsk:
    """One request, read and checked.

    Attributes:
        compact: base64 of the numbers rather than the numbers.
    """

    model: str
    texts: tuple[str, ...]
    compact: bool

    def shaped(self, found: Mapping[str, Any]) -> list[Any]:
        """The vectors that ``Serving.embed`` gave, as they were asked for."""
        rows = list(found["vectors"])
        return rows if self.compact else [np.frombuffer(base64.b64decode(row), "<f4").tolist() for row in rows]


def encoder_name(encoder: str) -> str:
    """What requests call an encoder: its hub id, or the name of its folder."""
    return Path(encoder).name if Path(encoder).is_absolute() or Path(encoder).is_dir() else encoder


def read_embedding(body: Any, encoder: str) -> EmbeddingAsk:
    """Check a request's body.

    Args:
        encoder: folder or hub id of the one that is served; empty when there is none.

    Raises:
        NoModelError: no such encoder is served.
        RecordError: a field is wrong; its path names it.
    """
    if not isinstance(body, Mapping):
        raise RecordError("", "the body must be a JSON object")
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise RecordError("model", "must be text")
    if not encoder:
        raise RecordError("model", "No encoder is configured, so there are no embeddings", "Name one where you serve.")
    if name != encoder_name(encoder):
        raise NoModelError("model", f"the model '{name}' makes no embeddings", f"'{encoder_name(encoder)}' does.")
    if body.get("dimensions") is not None:
        raise RecordError("dimensions", "cannot be chosen: the encoder's vectors come as they are")
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise RecordError("encoding_format", "must be float or base64")
    return EmbeddingAsk(name, _texts(body.get("input")), form == "base64")


def _texts(value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not 0 < len(texts) <= MAX_TEXTS or not all(isinstance(t, str) for t in texts):
        raise RecordError("input", f"must be a text or 1 to {MAX_TEXTS} texts", "Token ids are not taken.")
    for i, text in enumerate(texts):
        if not text or len(text) > MAX_CHARACTERS:
            raise RecordError(f"input[{i}]", f"must have 1 to {MAX_CHARACTERS} characters")
    return tuple(texts)
