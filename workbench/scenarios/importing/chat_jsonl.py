"""Reads chat JSONL as Hugging Face data sets have it: ``messages`` and ``tools`` on each line.

The last user message is the request, the assistant message after it the outcome (text without calls is NO_TOOL), what
came before is history. System messages are dropped: the toolset's profile writes them. Further columns with the names
of a scenario's fields are taken over. Calls may have OpenAI's shape or Hugging Face's, arguments may be an object or a
JSON string.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import Problem
from workbench.records import NO_TOOL, RecordError, Scenario, Tool, Toolset
from workbench.scenarios.importing.rows import Row, json_lines, parse_json, to_problem, with_defaults

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


def read(path: Path, toolset_name: str) -> Iterator[Row]:
    """One row a line; see ``importing.read``."""
    for line, data in json_lines(path):
        if isinstance(data, Problem):
            yield Row(line, data)
            continue
        try:
            yield Row(line, _scenario(data, toolset_name))
        except RecordError as error:
            yield Row(line, to_problem(error, path, line))


def read_toolset(path: Path, toolset_name: str) -> Toolset:
    """The tools of all rows together, each name as it is declared first.

    Raises:
        RecordError: no row declares tools, or a declaration is broken.
    """
    tools: dict[str, Tool] = {}
    for line, data in json_lines(path):
        rows = data.get("tools") if isinstance(data, dict) else None
        rows = parse_json(rows) if isinstance(rows, str) else rows
        for i, row in enumerate(rows if isinstance(rows, list) else ()):
            tool = Tool.from_dict(row, f"line {line}: tools[{i}]")
            tools.setdefault(tool.name, tool)
    if not tools:
        raise RecordError("tools", "no row declares a tool", "Import the tools from a file of their own first.")
    return Toolset(toolset_name or path.stem, tuple(tools.values()))


def _scenario(data: Any, toolset_name: str) -> Scenario:
    if not isinstance(data, dict):
        raise RecordError("", "must be an object")
    messages = _messages(data.get("messages"))
    last = next((k for k in reversed(range(len(messages))) if _role(messages[k]) == "user"), None)
    if last is None:
        raise RecordError("messages", "there is no user message")
    names = _names_by_id(messages)
    row = {key: data[key] for key in FIELDS if data.get(key) is not None}
    if type(row.get("id")) is int:
        row["id"] = str(row["id"])
    row.setdefault("request", _content(messages[last]))
    row |= _answer(messages[last + 1 :])
    if history := [_turn(message, names) for message in messages[:last]]:
        row["history"] = history
    return Scenario.from_dict(with_defaults(row, toolset_name))


def _messages(value: Any) -> list[Numbered]:
    """The messages with their place in the row, without the system's."""
    if not isinstance(value, list):
        raise RecordError("messages", "must be a list of messages")
    for i, message in enumerate(value):
        if not isinstance(message, dict) or _ROLES.get(str(message.get("role"))) is None:
            hint = "Roles: system, developer, user, assistant, tool."
            raise RecordError(f"messages[{i}]", "is not a message with a known role", hint)
    return [(i, message) for i, message in enumerate(value) if _role((i, message)) != "system"]


def _answer(messages: Sequence[Numbered]) -> dict[str, Any]:
    """``expected`` and ``reasoning`` of the assistant message that follows the request."""
    if not messages or _role(messages[0]) != "assistant":
        raise RecordError("messages", "no assistant message follows the last user message", "Add the expected answer.")
    for index, message in messages[1:]:
        if _raw_calls(message):
            hint = "A scenario holds one step: make the earlier steps a history, or split the row."
            raise RecordError(f"messages[{index}]", "the answer calls tools in more than one step", hint)
    calls = _calls(messages[0])
    index, message = messages[0]
    if not calls and not _content(messages[0]).strip():
        raise RecordError(f"messages[{index}]", "the assistant neither calls a tool nor says anything")
    reasoning = message.get("reasoning_content") or message.get("thinking")
    return {"expected": calls or NO_TOOL} | ({"reasoning": reasoning} if reasoning else {})


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
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise RecordError(path, "is not a call with a name")
    arguments = inner.get("arguments")
    if isinstance(arguments, str):
        arguments = _parse_arguments(arguments, f"{path}.arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise RecordError(f"{path}.arguments", "must be an object", "Write the arguments by name.")
    return {"name": inner["name"], "arguments": arguments or {}}


def _parse_arguments(text: str, path: str) -> Any:
    if not text.strip():
        return {}
    try:
        return parse_json(text)
    except RecordError as error:
        raise RecordError(path, error.reason, error.hint) from error


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
