"""Reads tools: a JSON list of tools in OpenAI form, a single one, or the workbench's own toolset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import RecordError, Toolset
from workbench.scenarios.importing.rows import open_bytes, parse_json


def read(path: Path, toolset_name: str) -> Toolset:
    """The toolset; a list of tools gets ``toolset_name``, or else the name of the file.

    Raises:
        RecordError: the content is not a list of tools.
        WorkbenchError: the file cannot be read.
    """
    with open_bytes(path) as file:
        raw = file.read()
    try:
        data = parse_json(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise WorkbenchError(f"{path.name} is not UTF-8 text.", "Save the file as UTF-8.") from error
    return from_value(data, toolset_name or path.stem)


def is_tools(data: Any) -> bool:
    """Does a JSON value look like tools, rather than like a scenario or a conversation?"""
    if isinstance(data, list):
        return bool(data) and all(isinstance(row, dict) and ("function" in row or "name" in row) for row in data)
    return isinstance(data, dict) and "messages" not in data and ("tools" in data or "function" in data)


def from_value(data: Any, toolset_name: str) -> Toolset:
    """The toolset of a JSON value; ``toolset_name`` counts where the value has none."""
    if isinstance(data, dict) and "tools" in data:
        return Toolset.from_dict({**data, "name": data.get("name") or toolset_name})
    if isinstance(data, (dict, list)):
        return Toolset.from_dict({"name": toolset_name, "tools": data if isinstance(data, list) else [data]})
    raise RecordError("", "must be a list of tools", "Write a JSON list of tools in OpenAI form.")
