"""What an export is asked for. Knows no torch, so that every door can show and check it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from workbench.errors import Problem, WorkbenchError
from workbench.records import SPLITS

FORMATS: dict[str, str] = {
    "adapter": "LoRA adapter (PEFT)",
    "merged-bf16": "Merged weights, bfloat16",
    "merged-fp32": "Merged weights, float32",
    "gguf-f16": "GGUF F16",
    "gguf-bf16": "GGUF BF16",
    "gguf-q8_0": "GGUF Q8_0",
    "int8": "8-bit integers (CPU)",
}
"""Formats and what people call them."""
ARTEFACT = "artefact"
"""Folder inside a run's folder that holds the files."""
FLIPS = "flips.jsonl"
"""File inside a run's folder that lists the scenarios that the artefact answers otherwise."""


@dataclass(frozen=True)
class ExportSettings:
    """How a model is exported and checked.

    Attributes:
        format: one of FORMATS.
        split: whose scenarios are put to the artefact and to the model.
        limit: part of them, 0 to 1, that may be answered otherwise before the export counts as not matching.
        batch_size, max_new_tokens, threads: as for an evaluation.
    """

    format: str = "merged-bf16"
    split: str = "test"
    limit: float = 0.01
    batch_size: int = 32
    max_new_tokens: int = 128
    threads: int = 0

    def check(self) -> list[Problem]:
        """What makes no sense, by field."""
        problems = []
        for name, known in (("format", tuple(FORMATS)), ("split", SPLITS)):
            if (value := getattr(self, name)) not in known:
                problems.append(Problem(f"there is no {name} '{value}'", name, hint=f"Choose {' or '.join(known)}."))
        for name, low, high in (
            ("limit", 0, 1),
            ("batch_size", 1, 1024),
            ("max_new_tokens", 1, 4096),
            ("threads", 0, 1024),
        ):
            if not low <= getattr(self, name) <= high:
                problems.append(Problem("is out of range", name, hint=f"Choose a number from {low} to {high}."))
        return problems

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ExportSettings:
        """Settings that are not mentioned keep their defaults. Raises WorkbenchError for unknown names and types."""
        known = {f.name: f.default for f in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise WorkbenchError(f"'{name}' is not a setting of exports.", f"Known: {', '.join(known)}.")
            kinds = (int, float) if isinstance(known[name], float) else type(known[name])
            if isinstance(value, bool) or not isinstance(value, kinds):
                wanted = {int: "a whole number", float: "a number", str: "text"}[type(known[name])]
                raise WorkbenchError(f"The setting '{name}' must be {wanted}; it is {value!r}.", "Correct it.")
        return cls(**data)
