"""Writes the tools of a toolset as JSON. Every key that came with them goes out with them.

``openai``: a list of tools, as chat templates and most programs take it. ``request``: the list under ``tools``, as
OpenAI's requests and PC-AI have it, with what stood beside it. ``toolset``: the workbench's own form, with name and
prompt profile.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import Toolset

WRITERS: dict[str, Callable[[Toolset], Any]] = {
    "openai": lambda toolset: toolset.to_dict()["tools"],
    "request": lambda toolset: {k: v for k, v in toolset.to_dict().items() if k not in ("name", "profile")},
    "toolset": lambda toolset: toolset.to_dict(),
}


def write(toolset: Toolset, format: str = "openai") -> str:
    """The file's text, indented, with a line end.

    Raises:
        WorkbenchError: an unknown format.
    """
    if format not in WRITERS:
        raise WorkbenchError(f"'{format}' is not a form of tools.", f"Choose one of {', '.join(WRITERS)}.")
    return json.dumps(WRITERS[format](toolset), ensure_ascii=False, indent=2) + "\n"
