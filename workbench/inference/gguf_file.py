"""What can be said of a GGUF file without reading it, and of what reads it. Loads nothing heavy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from workbench.errors import WorkbenchError

PACKAGE = "llama_cpp"
MAGIC = b"GGUF"
"""The first four bytes, as the format's description in ggml's repository says."""


def check_gguf(path: Path) -> None:
    """Raise WorkbenchError when the file cannot answer: it is missing, of another kind, or nothing here reads it."""
    try:
        with path.open("rb") as file:
            begins_well = file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be read: {error.strerror}.", "Choose a GGUF file.") from error
    if not begins_well:
        raise WorkbenchError(f"{path} is not a GGUF file: it does not begin as one.", "Choose another file.")
    check_package()


def check_package() -> None:
    """Raise WorkbenchError when llama-cpp-python is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise WorkbenchError(
            "GGUF files need llama-cpp-python, which is not installed.",
            "Install it with 'pip install llama-cpp-python' (it needs a C++ compiler), then try again.",
        )
