"""Reads OpenHoof's JSONL: ``input.user_message``, ``output.tool_calls`` and ``metadata`` on each line.

Texts of ``metadata`` with the name of a scenario's field are taken over, any other entry becomes a tag
``name:value``. Other fields of ``input`` than the message and ``history`` (or ``messages``) become tags, too. What
OpenHoof captures while it runs (``messages`` with ``tool_call``) is read as chat.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.records import NO_TOOL, STATUSES, RecordError
from workbench.scenarios.importing import chat_jsonl
from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import Head, Source
from workbench.scenarios.importing.rows import Found, Row, outside_id, rows, tools_from

FIELDS = ("toolset", "os", "shell", "mode", "split", "source", "reasoning")


def matches(head: Head) -> bool:
    return {"input", "output"} <= head.keys and ("user_message" in head.text or "tool_calls" in head.text)


def read(source: Source) -> Iterator[Row]:
    """One row a line; see ``importing.read``."""
    return rows(source, entries(source, "data", "examples"), find)


def find(data: Mapping[str, Any]) -> Found:
    """The scenario of one line. Raises RecordError."""
    given, output = _object(data, "input"), _object(data, "output")
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise RecordError("metadata", "must be an object")
    earlier = given.get("history") or given.get("messages") or []
    request = {"role": "user", "content": given.get("user_message")}
    answer = {"role": "assistant"} | {key: output[key] for key in ("tool_calls", "reasoning_content") if key in output}
    answer["content"] = output.get("content") or output.get("text") or output.get("response") or NO_TOOL
    conversation = [*earlier, request, answer] if isinstance(earlier, list) else earlier
    found = chat_jsonl.find({"messages": conversation})
    row = dict(found.fields) | {key: metadata[key] for key in FIELDS if metadata.get(key)}
    row["id"] = outside_id(data.get("id") or metadata.get("id"), "openhoof")
    row["ordered"] = metadata.get("ordered") is True
    if metadata.get("status") in STATUSES:
        row["status"] = metadata["status"]
    row["tags"] = _tags(given, metadata)
    tools = tools_from(data.get("tools") or given.get("tools"), "tools")
    return Found(row, found.problems, tools)


def _tags(given: Mapping[str, Any], metadata: Mapping[str, Any]) -> list[Any]:
    tags = metadata.get("tags") or []
    if not isinstance(tags, list):
        raise RecordError("metadata.tags", "must be a list")
    handled = {*FIELDS, "id", "ordered", "tags", "user_message", "history", "messages", "tools"}
    others = [*given.items(), *((k, v) for k, v in metadata.items() if k != "status" or v not in STATUSES)]
    return [*tags, *(f"{k}:{_text(v)}" for k, v in others if k not in handled and v not in (None, ""))]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise RecordError(key, "must be an object", 'Write {"input": {"user_message": …}, "output": {…}}.')
    return value
