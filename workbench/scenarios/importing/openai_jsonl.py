"""Reads OpenAI's fine-tuning JSONL: chat rows whose call arguments are JSON text, with ``tools`` or ``functions``.

The conversation is read as ``chat_jsonl`` reads it. Source: OpenAI's fine-tuning guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.scenarios.importing import chat_jsonl
from workbench.scenarios.importing.files import Head, Source
from workbench.scenarios.importing.rows import Row


def matches(head: Head) -> bool:
    messages = head.row.get("messages")
    if {"parallel_tool_calls", "functions"} & head.keys and chat_jsonl.matches(head):
        return True
    return isinstance(messages, list) and any(map(_has_json_text, messages))


def read(source: Source) -> Iterator[Row]:
    """One row a line; see ``importing.read``."""
    return chat_jsonl.read(source)


def _has_json_text(message: Any) -> bool:
    """Does the message call something with arguments that are text?"""
    calls = (
        message.get("tool_calls") or [{"function": message.get("function_call")}] if isinstance(message, dict) else 0
    )
    inner = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return any(isinstance(call, dict) and isinstance(call.get("arguments"), str) for call in inner)
