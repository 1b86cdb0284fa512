"""What can be said of a GGUF file without reading it, and of what reads it. Loads nothing heavy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.records import Model

PACKAGE = "llama_cpp"
SUFFIX = ".gguf"
LLAMA, TORCH = "llama.cpp", "torch"
MAGIC = b"GGUF"
"""The first four bytes, as the format's description in ggml's repository says."""


def is_gguf(base: str) -> bool:
    """Whether this names a GGUF file that is there."""
    return base.lower().endswith(SUFFIX) and Path(base).is_file()


def check_gguf(path: Path) -> None:
    """Raise WorkbenchError when the file cannot answer: it is missing or of another kind."""
    try:
        with path.open("rb") as file:
            begins_well = file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be read: {error.strerror}.", "Choose a GGUF file.") from error
    if not begins_well:
        raise WorkbenchError(f"{path} is not a GGUF file: it does not begin as one.", "Choose another file.")


def has_package() -> bool:
    """Whether llama-cpp-python is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def engine_of(model: Model) -> str:
    """What computes the answers of a served model: ``llama.cpp`` for a GGUF file where it is installed, else torch."""
    return LLAMA if model.kind == "gguf" and has_package() else TORCH


def check_package() -> None:
    """Raise WorkbenchError when llama-cpp-python is not installed."""
    if not has_package():
        raise WorkbenchError(
            "llama.cpp needs llama-cpp-python, which is not installed.",
            "Install it with 'pip install llama-cpp-python' (it needs a C++ compiler), then try again.",
        )
