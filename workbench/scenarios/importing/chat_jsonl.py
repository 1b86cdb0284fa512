"""Reads chat JSONL as Hugging Face data sets have it: ``messages`` and ``tools`` on each line.

The last user message is the request, the assistant message after it the outcome (text without calls is NO_TOOL), what
came before is history. System messages are dropped: the toolset's profile writes them. Text between ``<think>`` and
``</think>`` is reasoning. Further columns with the names of a scenario's fields are taken over. Calls may have OpenAI's
shape or Hugging Face's, arguments may be an object or a JSON string; ``tool_call`` beside the messages (OpenHoof's
router samples) is the answer where no message is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.errors import Problem
from workbench.records import NO_TOOL, RecordError
from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import Head, Source
from workbench.scenarios.importing.replies import split_reply
from workbench.scenarios.importing.rows import (
    NO_REQUEST,
    Found,
    Row,
    call_from,
    parse_json,
    rows,
    tools_from,
    without_request,
)

FIELDS = ("id", "toolset", "request", "ordered", "os", "shell", "mode", "tags", "reasoning") + (
    "status",
    "split",
    "source",
)
"""Columns beside ``messages`` and ``tools`` that carry a scenario's fields."""

_ROLES = {"system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant"} | {
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}

Numbered = tuple[int, Mapping[str, Any]]


def matches(head: Head) -> bool:
    return "messages" in head.keys


def read(source: Source) -> Iterator[Row]:
    """One row a line; see ``importing.read``."""
    return rows(source, entries(source, "data", "examples", "conversations"), find)


def find(data: Mapping[str, Any]) -> Found:
    """The scenario of one conversation. Raises RecordError."""
    messages = _messages(data.get("messages"))
    last = next((k for k in reversed(range(len(messages))) if _role(messages[k]) == "user"), -1)
    before, after = (messages[:last], messages[last + 1 :]) if last >= 0 else _without_user(messages)
    names = _names_by_id(messages)
    row = {key: data[key] for key in FIELDS if data.get(key) is not None}
    if type(row.get("id")) is int:
        row["id"] = str(row["id"])
    answer, problems = _answer(after, data.get("tool_call"))
    row = answer | row  # a column of its own says more than what stands inside the messages
    if "request" not in row and last >= 0:
        row["request"] = _content(messages[last])
    elif "request" not in row:
        row["request"], problem = without_request(row["expected"] if row["expected"] != NO_TOOL else [])
        row["tags"] = [*row.get("tags", ()), NO_REQUEST]
        problems = (*problems, problem)
    if history := [_turn(message, names) for message in before]:
        row["history"] = history
    return Found(row, problems, tools_from(data.get("tools") or data.get("functions"), "tools"))


def _messages(value: Any) -> list[Numbered]:
    """The messages with their place in the row, without the system's."""
    if not isinstance(value, list):
        raise RecordError("messages", "must be a list of messages")
    for i, message in enumerate(value):
        if not isinstance(message, dict) or _ROLES.get(str(message.get("role"))) is None:
            hint = "Roles: system, developer, user, assistant, tool."
            raise RecordError(f"messages[{i}]", "is not a message with a known role", hint)
    return [(i, message) for i, message in enumerate(value) if _role((i, message)) != "system"]


def _without_user(messages: Sequence[Numbered]) -> tuple[Sequence[Numbered], Sequence[Numbered]]:
    """What came before the first call, and the call with what follows: all that a log of calls without requests has."""
    for k, (_, message) in enumerate(messages):
        if _raw_calls(message):
            return messages[:k], messages[k:]
    raise RecordError("messages", "there is no user message", "Add what the person said.")


def _answer(messages: Sequence[Numbered], beside: Any) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """``expected`` and ``reasoning`` of the assistant message that follows the request, and what was left aside."""
    if not messages and isinstance(beside, dict):
        return {"expected": [call_from(beside.get("name"), beside.get("arguments"), "tool_call")]}, ()
    if not messages or _role(messages[0]) != "assistant":
        raise RecordError("messages", "no assistant message follows the last user message", "Add the expected answer.")
    index, message = messages[0]
    reasoning, written, text = split_reply(_content(messages[0]), f"messages[{index}].content")
    calls = _calls(messages[0]) or written
    if not calls and not text:
        raise RecordError(f"messages[{index}]", "the assistant neither calls a tool nor says anything")
    reasoning = message.get("reasoning_content") or message.get("thinking") or reasoning
    answer = {"expected": calls or NO_TOOL} | ({"reasoning": reasoning} if reasoning else {})
    for later, message in messages[1:]:
        if _raw_calls(message):
            hint = "A scenario holds one step: the first was taken. Write the others as scenarios of their own."
            return answer, (Problem("the answer calls tools in more than one step", f"messages[{later}]", hint=hint),)
    return answer, ()


def _turn(numbered: Numbered, names: Mapping[str, str]) -> dict[str, Any]:
    _, message = numbered
    role = _role(numbered)
    if role == "tool":
        name = message.get("name") or names.get(str(message.get("tool_call_id")), "")
        return {"role": role, "name": name, "result": _result(message.get("content"))}
    turn: dict[str, Any] = {"role": role, "content": _content(numbered)}
    if calls := _calls(numbered):
        turn["calls"] = calls
    return turn


def _role(numbered: Numbered) -> str:
    return _ROLES[str(numbered[1]["role"])]


def _content(numbered: Numbered) -> str:
    """The text of a message, whether it is one text or a list of text parts."""
    index, message = numbered
    content = message.get("content")
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list) and all(isinstance(p, dict) and isinstance(p.get("text"), str) for p in content):
        return "".join(part["text"] for part in content)
    raise RecordError(f"messages[{index}].content", "must be text", "Only text can be read, no images or sound.")


def _result(content: Any) -> Any:
    """A tool's result: JSON where the text is JSON, else the text itself."""
    if not isinstance(content, str):
        return content
    try:
        return parse_json(content)
    except RecordError:
        return content


def _raw_calls(message: Mapping[str, Any]) -> list[Any]:
    calls = message.get("tool_calls") or ([message["function_call"]] if message.get("function_call") else [])
    return calls if isinstance(calls, list) else [calls]


def _calls(numbered: Numbered) -> list[dict[str, Any]]:
    index, message = numbered
    return [_call(call, f"messages[{index}].tool_calls[{i}]") for i, call in enumerate(_raw_calls(message))]


def _call(call: Any, path: str) -> dict[str, Any]:
    inner = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(inner, dict):
        raise RecordError(path, "is not a call with a name")
    return call_from(inner.get("name"), inner.get("arguments"), path)


def _names_by_id(messages: Sequence[Numbered]) -> dict[str, str]:
    """Tool names by call id: OpenAI's tool messages name the call, not the tool."""
    return {
        str(call["id"]): call["function"]["name"]
        for _, message in messages
        for call in _raw_calls(message)
        if isinstance(call, dict)
        and "id" in call
        and isinstance(call.get("function"), dict)
        and isinstance(call["function"].get("name"), str)
    }
