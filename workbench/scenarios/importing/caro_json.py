"""Reads Caro's examples: ``context`` (os, shell, user_preferences), ``user_query`` and a ``conversation``.

The model's turn holds its reasoning in ``<think>`` and the call in FunctionGemma's tokens with JSON inside. Caro's
names of systems become ours (``darwin`` is macOS, distributions are Linux); where that loses something, a tag
``os:ubuntu`` keeps it. Preferences become tags ``preference:name=value``. Source: Caro's training_examples.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.records import NO_TOOL, RecordError
from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import Head, Source
from workbench.scenarios.importing.replies import split_reply
from workbench.scenarios.importing.rows import Found, Row, outside_id, rows, tools_from
from workbench.scenarios.systems import OS_TAG, SYSTEMS, preference_tag

_KEPT = {"os", "shell", "user_preferences", "mode"}


def matches(head: Head) -> bool:
    return "conversation" in head.keys and bool({"context", "user_query"} & head.keys)


def read(source: Source) -> Iterator[Row]:
    """One row an example; see ``importing.read``."""
    return rows(source, entries(source, "examples"), find)


def find(data: Mapping[str, Any]) -> Found:
    """The scenario of one example. Raises RecordError."""
    context = data.get("context") or {}
    if not isinstance(context, dict):
        raise RecordError("context", "must be an object")
    index, reply = _last_reply(data.get("conversation"))
    reasoning, calls, text = split_reply(reply, f"conversation[{index}].content")
    if not calls and not text:
        raise RecordError(f"conversation[{index}].content", "neither calls a tool nor says anything")
    system = context.get("os") or ""
    known = SYSTEMS.get(system.lower(), system) if isinstance(system, str) else system
    kept = system if isinstance(system, str) and system not in ("darwin", known) else ""
    row: dict[str, Any] = {
        "id": outside_id(data.get("id"), "caro"),
        "request": data.get("user_query"),
        "expected": calls or NO_TOOL,
        "reasoning": reasoning,
        "os": known,
        "shell": context.get("shell") or "",
        "mode": context.get("mode") or "",
        "tags": _tags(data, context, kept),
    }
    return Found(row, (), tools_from(data.get("tools"), "tools"))


def _last_reply(conversation: Any) -> tuple[int, str]:
    """Place and text of the model's last turn."""
    turns = list(enumerate(conversation)) if isinstance(conversation, list) else []
    for index, turn in reversed(turns):
        if isinstance(turn, dict) and turn.get("role") in ("model", "assistant"):
            content = turn.get("content")
            if not isinstance(content, str):
                raise RecordError(f"conversation[{index}].content", "must be text")
            return index, content
    raise RecordError("conversation", "there is no turn of the model", "Add the expected answer.")


def _tags(data: Mapping[str, Any], context: Mapping[str, Any], system: str) -> list[Any]:
    tags = list(data["tags"]) if isinstance(data.get("tags"), list) else []
    preferences = context.get("user_preferences") or {}
    if not isinstance(preferences, dict):
        raise RecordError("context.user_preferences", "must be an object")
    tags += [preference_tag(name, value) for name, value in preferences.items()]
    tags += [f"{OS_TAG}{system}"] if system else []
    others = {name: value for name, value in context.items() if name not in _KEPT}
    return tags + [f"{name}:{json.dumps(value)}" for name, value in others.items()]
