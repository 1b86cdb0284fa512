"""OpenAI's chat format, as endpoints answer in it: a message as JSON, its calls in ``tool_calls``.

Source: OpenAI's API reference, "Create chat completion". The prompt is the JSON of ``messages`` and ``tools`` for the
body of a request; a reply is the JSON of the assistant's message. Arguments stand in it as a text that is JSON itself.
The older ``function_call`` (one call) is read, too, and arguments that come as an object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.dialects.foreign import Malformed, as_call, or_reason, read_whole, without_nulls, write_json
from workbench.records import Message, Parsed, Tool, ToolCall

_NO_CONTROL = re.compile(r"(?!)")


class OpenAI:
    """Renders and parses the messages of chat endpoints; see ``Dialect``."""

    name = "openai"
    stops: tuple[str, ...] = ()

    def render_prompt(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        body: dict[str, Any] = {"messages": as_messages(messages)}
        if tools:
            body["tools"] = [tool.to_dict() for tool in tools]
        return _write(body)

    def render_reply(self, calls: Sequence[ToolCall], text: str) -> str:
        return _write(as_messages([Message("assistant", "" if calls else text, tuple(calls))])[0])

    def parse(self, raw: str) -> Parsed:
        return or_reason(lambda text: _parse(read_whole(text)), raw)


def as_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in the form of a request's body. A result refers to the earliest call of its tool without one."""
    found: list[dict[str, Any]] = []
    open_calls: list[tuple[str, str]] = []
    count = 0
    for message in messages:
        if message.role == "tool":
            at = next((i for i, (_, name) in enumerate(open_calls) if name == message.name), None)
            call_id = "call_0" if at is None else open_calls.pop(at)[0]
            text = message.result if isinstance(message.result, str) else _write(message.result)
            found.append({"role": "tool", "tool_call_id": call_id, "content": text})
            continue
        row: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.calls:
            ids = [f"call_{count + i}" for i in range(len(message.calls))]
            count += len(ids)
            open_calls += zip(ids, (call.name for call in message.calls), strict=True)
            row["content"] = message.content or None
            row["tool_calls"] = list(map(_call, ids, message.calls))
        found.append(row)
    return found


def _call(call_id: str, call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _write(without_nulls(call.arguments))}
    return {"id": call_id, "type": "function", "function": function}


def _write(value: Any) -> str:
    return write_json(value, _NO_CONTROL)


def _parse(message: Any) -> Parsed:
    if not isinstance(message, Mapping):
        raise Malformed("the reply is no message: not an object")
    if message.get("role", "assistant") != "assistant":
        raise Malformed(f"the message has the role '{message['role']}'")
    text = _text(message.get("content")) or _text(message.get("refusal"))
    rows, legacy = message.get("tool_calls"), message.get("function_call")
    if rows and legacy:
        raise Malformed("both 'tool_calls' and 'function_call' hold calls")
    if rows is not None and not isinstance(rows, list):
        raise Malformed("'tool_calls' is not a list")
    calls = tuple(map(_read_call, rows or ())) + ((_read_function(legacy),) if legacy is not None else ())
    if calls:
        return Parsed("calls", calls=calls, text=text)
    if not {"content", "refusal", "tool_calls"} & set(message):
        raise Malformed("the message has neither content nor calls")
    return Parsed("text", text=text)


def _read_call(row: Any) -> ToolCall:
    if not isinstance(row, Mapping) or "function" not in row:
        raise Malformed("an entry of 'tool_calls' has no 'function'")
    if row.get("type", "function") not in ("function", None):
        raise Malformed(f"an entry of 'tool_calls' has the type '{row['type']}'")
    return _read_function(row["function"])


def _read_function(function: Any) -> ToolCall:
    if isinstance(function, Mapping) and isinstance(function.get("arguments"), str):
        try:
            function = {**function, "arguments": read_whole(function["arguments"])}
        except Malformed as error:
            raise Malformed(f"the arguments of {function.get('name')}: {error}") from error
    return as_call(function, "arguments")


def _text(content: Any) -> str:
    """Content is text, null, or a list of parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
        texts = [part.get("text", part.get("refusal")) for part in content]
        if all(isinstance(text, str) for text in texts):
            return "".join(texts).strip()
    raise Malformed("the content is neither text nor a list of texts")
