"""Reads tools: a JSON list of tools in OpenAI form, a single one, or the workbench's own toolset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import RecordError, Toolset
from workbench.scenarios.importing.files import BROKEN_BYTES, Head, read_text
from workbench.scenarios.importing.rows import parse_json


def matches(head: Head) -> bool:
    return is_tools(head.value)


def read(path: Path, toolset_name: str) -> Toolset:
    """The toolset; a list of tools gets ``toolset_name``, or else the name of the file.

    Raises:
        RecordError: the content is not a list of tools.
        WorkbenchError: the file cannot be read.
    """
    text = read_text(path)
    if BROKEN_BYTES in text:
        raise WorkbenchError(f"{path.name} is not UTF-8 text.", "Save the file as UTF-8.")
    return from_value(parse_json(text.removeprefix("\ufeff")), toolset_name or path.stem)


def is_tools(data: Any) -> bool:
    """Does a JSON value look like tools, rather than like a scenario or a conversation?"""
    if isinstance(data, list):
        return bool(data) and all(isinstance(row, dict) and _is_tool(row) for row in data)
    if not isinstance(data, dict) or {"messages", "request", "question", "examples"} & data.keys():
        return False
    return isinstance(data.get("tools"), list) or (_is_tool(data) and "function" in data)


def _is_tool(row: dict[str, Any]) -> bool:
    inner = row.get("function", row)
    return isinstance(inner, dict) and "name" in inner and not {"ground_truth", "question"} & row.keys()


def from_value(data: Any, toolset_name: str) -> Toolset:
    """The toolset of a JSON value; ``toolset_name`` counts where the value has none."""
    if isinstance(data, dict) and "tools" in data:
        return Toolset.from_dict({**data, "name": data.get("name") or toolset_name})
    if isinstance(data, (dict, list)):
        return Toolset.from_dict({"name": toolset_name, "tools": data if isinstance(data, list) else [data]})
    raise RecordError("", "must be a list of tools", "Write a JSON list of tools in OpenAI form.")
