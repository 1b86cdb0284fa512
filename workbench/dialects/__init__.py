"""Wire formats of model families, one file each."""

from __future__ import annotations

from workbench.dialects.base import Dialect
from workbench.dialects.functiongemma import FunctionGemma
from workbench.dialects.hermes import Hermes
from workbench.dialects.llama3 import Llama3
from workbench.dialects.openai import OpenAI
from workbench.errors import WorkbenchError

_ALL: tuple[Dialect, ...] = (
    FunctionGemma(),
    Hermes("hermes", thinks=False),
    Hermes("qwen3", thinks=True),
    Llama3(),
    OpenAI(),
)
_DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}

DIALECT_NAMES: tuple[str, ...] = tuple(_DIALECTS)


def get_dialect(name: str) -> Dialect:
    """The dialect of that name. Raises WorkbenchError when there is none."""
    if name not in _DIALECTS:
        raise WorkbenchError(f"There is no dialect '{name}'.", f"Known dialects: {', '.join(DIALECT_NAMES)}.")
    return _DIALECTS[name]


__all__ = ["DIALECT_NAMES", "Dialect", "get_dialect"]
