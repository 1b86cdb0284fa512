"""Reads a knowledge base of command-line programs, as Caro keeps it: ``{"metadata": …, "tools": {"ls": {…}, …}}``.

Each program becomes a tool that takes flags and operands. What the base knows beyond name and description (category,
availability, use cases …) is kept in the tool's ``cli``, what stands beside ``tools`` in the toolset's ``cli``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.records import PromptProfile, RecordError, Tool, Toolset
from workbench.scenarios.importing.files import Head
from workbench.scenarios.importing.tool_files import ToolsFile
from workbench.scenarios.importing.tools_json import read_json

KEY = "cli"
_PROGRAM_KEYS = {"category", "availability", "common_flags", "use_cases", "posix_standard"}


def matches(head: Head) -> bool:
    return is_knowledge(head.value)


def read(path: Path, toolset_name: str) -> ToolsFile:
    """One tool a program, in the order of the file.

    Raises:
        RecordError: a program has no name or description.
        WorkbenchError: the file cannot be read.
    """
    return ToolsFile(from_value(read_json(path), toolset_name or path.stem))


def is_knowledge(data: Any) -> bool:
    """Does a JSON value look like such a base: programs by name, with what only programs have?"""
    programs = data.get("tools") if isinstance(data, Mapping) else None
    if not isinstance(programs, Mapping) or not programs:
        return False
    return all(isinstance(one, Mapping) and "function" not in one for one in programs.values()) and any(
        _PROGRAM_KEYS & one.keys() for one in programs.values()
    )


def from_value(data: Any, toolset_name: str) -> Toolset:
    """The toolset of a JSON value."""
    if not is_knowledge(data):
        raise RecordError("tools", "holds no programs", 'Write {"tools": {"ls": {"description": …, "category": …}}}.')
    tools = tuple(_tool(name, entry) for name, entry in data["tools"].items())
    rest = {key: value for key, value in data.items() if key != "tools"}
    # Such routers are told OS and shell beside the request.
    return Toolset(toolset_name, tools, PromptProfile("context"), {KEY: rest} if rest else {})


def _tool(key: str, entry: Mapping[str, Any]) -> Tool:
    name, description = entry.get("name", key), entry.get("description", "")
    for field, value in (("name", name), ("description", description)):
        if not isinstance(value, str) or not value.strip():
            raise RecordError(f"tools.{key}.{field}", "must be text that is not empty", "Write it in the file.")
    kept = {field: value for field, value in entry.items() if field not in ("name", "description")}
    return Tool(name, description, _parameters(entry.get("common_flags")), {KEY: kept} if kept else {})


def _parameters(flags: Any) -> dict[str, Any]:
    common = ", ".join(map(str, flags)) if isinstance(flags, list) and flags else ""
    said = f"Flags, such as {common}." if common else "Flags, each with its dash."
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "flags": {"type": "array", "items": text, "description": said},
            "operands": {
                "type": "array",
                "items": text,
                "description": "What it works on: files, patterns, addresses.",
            },
        },
    }
