"""Reads PC-AI's scenarios: ``mode``, ``user_content``, and what must happen.

That is ``tool_name`` with ``tool_arguments``, ``assistant_content`` where no tool is called, or ``tool_sequence``:
names of tools in their order. A sequence has no arguments, so such a scenario is incomplete and says so. The rows stand
in a list, under ``scenarios`` of an object, or one a line. Source: PC-AI's Deploy/rust-functiongemma-train examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workbench.errors import Problem
from workbench.records import NO_TOOL, RecordError
from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import Head, Source
from workbench.scenarios.importing.rows import NO_ARGUMENTS, Found, Row, call_from, outside_id, rows, tools_from

KNOWN = ("mode", "user_content", "tool_name", "tool_arguments", "assistant_content", "tool_sequence", "id", "tags")


def matches(head: Head) -> bool:
    return "user_content" in head.keys


def read(source: Source) -> Iterator[Row]:
    """One row an entry; see ``importing.read``."""
    return rows(source, entries(source, "scenarios"), find)


def find(data: Mapping[str, Any]) -> Found:
    """The scenario of one entry. Raises RecordError."""
    row: dict[str, Any] = {"request": data.get("user_content"), "id": outside_id(data.get("id"), "pcai")}
    row["mode"] = data.get("mode") or ""
    if data.get("tags"):
        row["tags"] = data["tags"]
    row |= _expected(data)
    problems = []
    if isinstance(data.get("tool_sequence"), list):
        row["tags"] = [*_list(row.get("tags", [])), NO_ARGUMENTS]
        hint = f"Fill in the arguments, then remove the tag {NO_ARGUMENTS}."
        problems.append(Problem("names tools without arguments", "tool_sequence", hint=hint))
    problems += [Problem("is not a known field and was passed over", key) for key in data if key not in KNOWN]
    return Found(row, tuple(problems), tools_from(data.get("tools"), "tools"))


def _expected(data: Mapping[str, Any]) -> dict[str, Any]:
    sequence = data.get("tool_sequence")
    if sequence is not None:
        if not isinstance(sequence, list) or not sequence:
            raise RecordError("tool_sequence", "must be a list of tool names")
        calls = [_step(step, f"tool_sequence[{i}]") for i, step in enumerate(sequence)]
        return {"expected": calls, "ordered": True}
    if data.get("tool_name") not in (None, "", NO_TOOL):
        return {"expected": [call_from(data["tool_name"], data.get("tool_arguments"), "tool_name")]}
    if data.get("assistant_content") or data.get("tool_name") == NO_TOOL:
        return {"expected": NO_TOOL}
    hint = "Give tool_name, tool_sequence, or assistant_content where no tool is called."
    raise RecordError("tool_name", "is missing", hint)


def _step(step: Any, path: str) -> dict[str, Any]:
    """A step is a name, or an object that has the arguments, too."""
    if isinstance(step, dict):
        name = step.get("tool_name") or step.get("name")
        return call_from(name, step.get("tool_arguments") or step.get("arguments"), path)
    return call_from(step, None, path)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise RecordError("tags", "must be a list")
    return value
