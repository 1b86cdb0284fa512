"""The wire format of Hermes and Qwen: ChatML turns, tools in ``<tools>``, calls in ``<tool_call>``.

Source: the chat templates of Qwen/Qwen2.5 and Qwen/Qwen3. Qwen 3 thinks aloud unless its turn begins with an empty
``<think>`` block; a router has no time for that, so the dialect ``qwen3`` writes that block into the prompt, as
``enable_thinking=False`` does. Replies that think all the same are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from workbench.dialects.foreign import (
    Malformed,
    as_call,
    expect,
    or_reason,
    plain,
    read_json,
    read_whole,
    skip_blank,
    strip,
    without_nulls,
    write_json,
)
from workbench.records import Message, Parsed, Tool, ToolCall

TURN_START, TURN_END, EOS = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CALL_START, CALL_END = "<tool_call>", "</tool_call>"
RESULT_START, RESULT_END = "<tool_response>", "</tool_response>"
THINK_START, THINK_END = "<think>", "</think>"
CONTROL_TOKENS: tuple[str, ...] = (
    EOS, TURN_START, TURN_END, CALL_START, CALL_END, RESULT_START, RESULT_END, THINK_START, THINK_END,
)  # fmt: skip
NO_THOUGHTS = f"{THINK_START}\n\n{THINK_END}\n\n"

_CONTROL = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))
_STOP = re.compile(f"{re.escape(TURN_END)}|{re.escape(EOS)}")
_BEFORE_TOOLS = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
_BEHIND_TOOLS = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    f"<tool_call></tool_call> XML tags:\n{CALL_START}\n"
    f'{{"name": <function-name>, "arguments": <args-json-object>}}\n{CALL_END}'
)


class Hermes:
    """Renders and parses the format; see ``Dialect``. ``thinks``: the model thinks unless it is told not to."""

    stops: tuple[str, ...] = (TURN_END, EOS)

    def __init__(self, name: str, thinks: bool) -> None:
        self.name = name
        self._prefill = NO_THOUGHTS if thinks else ""

    def render_prompt(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        rest = list(messages)
        system = [strip(rest.pop(0).content, _CONTROL)] if rest and rest[0].role == "system" else []
        if tools:
            declarations = "".join(f"\n{write_json(tool.to_dict(), _CONTROL)}" for tool in tools)
            system.append(f"{_BEFORE_TOOLS}{declarations}{_BEHIND_TOOLS}")
        parts = [f"{TURN_START}system\n" + "\n\n".join(system) + f"{TURN_END}\n"] if system else []
        for at, message in enumerate(rest):
            if message.role == "tool":
                first = at == 0 or rest[at - 1].role != "tool"
                last = at + 1 == len(rest) or rest[at + 1].role != "tool"
                parts.append(_result(message.result, first, last))
            else:
                thoughts = self._prefill if message.role == "assistant" and at + 1 == len(rest) else ""
                parts.append(f"{TURN_START}{message.role}\n{thoughts}{_content(message)}{TURN_END}\n")
        return "".join([*parts, f"{TURN_START}assistant\n{self._prefill}"])

    def render_reply(self, calls: Sequence[ToolCall], text: str) -> str:
        if calls:
            return "\n".join(map(render_call, calls)) + TURN_END
        return f"{strip(text, _CONTROL)}{TURN_END}"

    def parse(self, raw: str) -> Parsed:
        return or_reason(_parse, raw)


def render_call(call: ToolCall) -> str:
    written = {"name": call.name, "arguments": without_nulls(call.arguments)}
    return f"{CALL_START}\n{write_json(written, _CONTROL)}\n{CALL_END}"


def _content(message: Message) -> str:
    text = strip(message.content, _CONTROL)
    return "\n".join([*([text] if text or not message.calls else []), *map(render_call, message.calls)])


def _result(result: Any, first: bool, last: bool) -> str:
    """One result; results that follow each other share one user turn."""
    text = strip(result, _CONTROL) if isinstance(result, str) else write_json(result, _CONTROL)
    head, tail = f"{TURN_START}user" if first else "", f"{TURN_END}\n" if last else ""
    return f"{head}\n{RESULT_START}\n{text}\n{RESULT_END}{tail}"


def _parse(raw: str) -> Parsed:
    body = _behind_thoughts(raw)
    stop = _STOP.search(body)
    call = body.find(CALL_START)
    if call < 0 or (stop and stop.start() < call):
        return _as_text(body[: stop.start()] if stop else body)
    text = plain(body[:call], _CONTROL)
    calls, at = [], call
    while at < len(body) and not _STOP.match(body, at):
        at = expect(body, at, CALL_START, "text behind a call")
        value, at = read_json(body, at)
        at = expect(body, at, CALL_END, f"the call does not end: {CALL_END} is missing")
        calls.append(as_call(value, "arguments"))
        at = skip_blank(body, at)
    return Parsed("calls", calls=tuple(calls), text=text)


def _behind_thoughts(raw: str) -> str:
    """A reply without the thoughts at its beginning. They may have begun in the prompt."""
    text = raw.lstrip()
    if not text.startswith((THINK_START, THINK_END)):
        return raw
    _, end, rest = text.partition(THINK_END)
    if not end:
        raise Malformed(f"the thoughts do not end: {THINK_END} is missing")
    return rest


def _as_text(body: str) -> Parsed:
    text = plain(body, _CONTROL)
    if text.startswith("{") and _is_call(text):
        raise Malformed(f"a call without {CALL_START} around it")
    return Parsed("text", text=text)


def _is_call(text: str) -> bool:
    try:
        as_call(read_whole(text), "arguments")
    except Malformed:
        return False
    return True
