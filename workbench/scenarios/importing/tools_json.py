"""Reads tools: a JSON list of tools in OpenAI form, a single one, or the workbench's own toolset.

Lists as MCP servers and Anthropic's API write them (``inputSchema``, ``input_schema``) are taken, too. Keys that are
not ours are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import RecordError, Toolset
from workbench.scenarios.importing.files import BROKEN_BYTES, Head, read_text
from workbench.scenarios.importing.rows import parse_json
from workbench.scenarios.importing.tool_files import ToolsFile

_SCHEMA_KEYS = ("inputSchema", "input_schema")


def matches(head: Head) -> bool:
    return is_tools(head.value)


def read(path: Path, toolset_name: str) -> ToolsFile:
    """The toolset; a list of tools gets ``toolset_name``, or else the name of the file.

    Raises:
        RecordError: the content is not a list of tools.
        WorkbenchError: the file cannot be read.
    """
    return ToolsFile(from_value(read_json(path), toolset_name or path.stem))


def read_json(path: Path) -> Any:
    """The JSON document in a file.

    Raises:
        RecordError: it is not JSON that would survive.
        WorkbenchError: the file cannot be read.
    """
    text = read_text(path)
    if BROKEN_BYTES in text:
        raise WorkbenchError(f"{path.name} is not UTF-8 text.", "Save the file as UTF-8.")
    return parse_json(text.removeprefix("\ufeff"))


def is_tools(data: Any) -> bool:
    """Does a JSON value look like tools, rather than like a scenario or a conversation?"""
    if isinstance(data, list):
        return bool(data) and all(isinstance(row, dict) and ("function" in row or "name" in row) for row in data)
    if not isinstance(data, dict) or "messages" in data:
        return False
    return isinstance(data.get("tools"), list) if "tools" in data else "function" in data


def from_value(data: Any, toolset_name: str) -> Toolset:
    """The toolset of a JSON value; ``toolset_name`` counts where the value has none."""
    if isinstance(data, dict) and "tools" in data:
        named = {**data, "name": data.get("name") or toolset_name}
        return Toolset.from_dict({**named, "tools": _rows(data["tools"])})
    if isinstance(data, (dict, list)):
        return Toolset.from_dict({"name": toolset_name, "tools": _rows(data if isinstance(data, list) else [data])})
    raise RecordError("", "must be a list of tools", "Write a JSON list of tools in OpenAI form.")


def _rows(rows: Any) -> Any:
    return [_openai(row) for row in rows] if isinstance(rows, list) else rows


def _openai(row: Any) -> Any:
    """A tool with its schema under another name, in OpenAI form; everything else as it is."""
    key = next((key for key in _SCHEMA_KEYS if isinstance(row, Mapping) and key in row), "")
    if not key or "function" in row or "parameters" in row:
        return row
    function = {"name": row.get("name"), "description": row.get("description") or "", "parameters": row[key]}
    kept = {name: value for name, value in row.items() if name not in (*function, key, "type")}
    return {"type": "function", "function": function, **kept}
