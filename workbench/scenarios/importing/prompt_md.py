"""Reads a system prompt from Markdown, such as PC-AI's ``router_chat_prompt.md``: the file's name says the mode."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from workbench.errors import WorkbenchError
from workbench.scenarios.importing.files import BROKEN_BYTES, Head, read_text

_MODE = re.compile(r"(?:^|.*?[_-])?([A-Za-z0-9]+)[_-]prompt$")
DEFAULT_MODE = "default"


class Prompt(NamedTuple):
    """A system prompt and the mode that it is for; ``default`` serves every mode without one."""

    mode: str
    text: str


def matches(head: Head) -> bool:
    return head.suffix in (".md", ".markdown")


def read(path: Path, name: str = "") -> Prompt:
    """The prompt; ``name`` is the file's where it is another on disk.

    Raises:
        WorkbenchError: the file is not text.
    """
    text = read_text(path).removeprefix("\ufeff")
    if BROKEN_BYTES in text or "\0" in text:
        raise WorkbenchError(f"{name or path.name} is not UTF-8 text.", "Save the file as UTF-8.")
    found = _MODE.match((name or path.name).rpartition(".")[0])
    mode = found.group(1).lower() if found else DEFAULT_MODE
    return Prompt(DEFAULT_MODE if mode in ("system", "router") else mode, text.strip())
