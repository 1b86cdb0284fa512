"""Llama 3's wire format: tools in the first user turn, a call is one JSON object.

Source: the chat templates of meta-llama/Llama-3.1 and Llama-3.2, and Meta's prompt format pages. Their system turn
holds today's date, so that prompts (and prefixes that are computed once) would change daily: it is pinned to the date
that the templates themselves fall back to.

The templates refuse several calls in one turn. Ours writes them one behind the other with ``; `` between them, which
vLLM's parser for these models reads; so a scenario with several calls can be trained and served.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.dialects.foreign import (
    Malformed,
    as_call,
    expect,
    or_reason,
    plain,
    read_json,
    skip_blank,
    strip,
    without_nulls,
    write_json,
)
from workbench.records import Message, Parsed, Tool, ToolCall

BOS, EOS = "<|begin_of_text|>", "<|end_of_text|>"
HEAD_START, HEAD_END = "<|start_header_id|>", "<|end_header_id|>"
TURN_END, MESSAGE_END = "<|eot_id|>", "<|eom_id|>"
PYTHON_TAG = "<|python_tag|>"
CONTROL_TOKENS: tuple[str, ...] = (BOS, EOS, HEAD_START, HEAD_END, TURN_END, MESSAGE_END, PYTHON_TAG)
DATE = "26 Jul 2024"
BETWEEN_CALLS = "; "

_OTHERS = (r"<\|finetune_right_pad_id\|>", r"<\|reserved_special_token_\d+\|>", r"<\|image\|>")
_CONTROL = re.compile("|".join([*map(re.escape, CONTROL_TOKENS), *_OTHERS]))
_STOP = re.compile("|".join(map(re.escape, (TURN_END, MESSAGE_END, EOS))))
_CALL_INSIDE = re.compile(r'\{\s*"(?:name|type)"\s*:')
_BUILT_IN = re.compile(r"([A-Za-z_][\w-]*)\.call\(")
_KEYWORD = re.compile(r"\s*([A-Za-z_]\w*)\s*=")
_BEFORE_TOOLS = (
    "Given the following functions, please respond with a JSON for a function call with its proper arguments that best "
    'answers the given prompt.\n\nRespond in the format {"name": function name, "parameters": dictionary of argument '
    "name and its value}.Do not use variables.\n\n"
)


class Llama3:
    """Renders and parses Llama 3's format; see ``Dialect``."""

    name = "llama3"
    stops: tuple[str, ...] = (TURN_END, MESSAGE_END, EOS)

    def render_prompt(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        rest = list(messages)
        system = _text(rest.pop(0).content) if rest and rest[0].role == "system" else ""
        head = "Environment: ipython\n" if tools else ""
        parts = [BOS, _turn("system", f"{head}Cutting Knowledge Date: December 2023\nToday Date: {DATE}\n\n{system}")]
        if tools:
            # Without a user turn in front there would be no place for the tools: they get one of their own.
            first = _text(rest.pop(0).content) if rest and rest[0].role == "user" else ""
            declarations = "".join(f"{write_json(tool.to_dict(), _CONTROL, indent=4)}\n\n" for tool in tools)
            parts.append(_turn("user", f"{_BEFORE_TOOLS}{declarations}{first}"))
        parts += map(_render_turn, rest)
        return "".join([*parts, f"{HEAD_START}assistant{HEAD_END}\n\n"])

    def render_reply(self, calls: Sequence[ToolCall], text: str) -> str:
        if calls:
            return _calls(calls) + TURN_END
        return f"{strip(text, _CONTROL)}{TURN_END}"

    def parse(self, raw: str) -> Parsed:
        return or_reason(_parse, raw)


def render_call(call: ToolCall) -> str:
    return write_json({"name": call.name, "parameters": without_nulls(call.arguments)}, _CONTROL)


def render_result(result: Any) -> str:
    """Texts, lists and objects as JSON, other values as the template prints them."""
    if isinstance(result, (str, Mapping, list, tuple)):
        return write_json(result, _CONTROL)
    return str(result)


def _calls(calls: Sequence[ToolCall]) -> str:
    return BETWEEN_CALLS.join(map(render_call, calls))


def _turn(role: str, text: str) -> str:
    return f"{HEAD_START}{role}{HEAD_END}\n\n{text}{TURN_END}"


def _render_turn(message: Message) -> str:
    if message.role == "tool":
        return _turn("ipython", render_result(message.result))
    if message.calls:
        return _turn("assistant", _calls(message.calls))
    return _turn(message.role, _text(message.content))


def _text(text: str) -> str:
    return strip(text, _CONTROL).strip()


def _parse(raw: str) -> Parsed:
    at = skip_blank(raw, 0)
    if raw.startswith("{", at):
        return Parsed("calls", calls=_read_calls(raw, at))
    stop = _STOP.search(raw)
    tag = raw.find(PYTHON_TAG)
    if tag < 0 or (stop and stop.start() < tag):
        text = plain(raw[: stop.start()] if stop else raw, _CONTROL)
        if _CALL_INSIDE.search(text):
            raise Malformed("a call stands behind text; the whole reply must be the call")
        return Parsed("text", text=text)
    text, at = plain(raw[:tag], _CONTROL), skip_blank(raw, tag + len(PYTHON_TAG))
    calls = _read_calls(raw, at) if raw.startswith("{", at) else (_read_built_in(raw, at),)
    return Parsed("calls", calls=calls, text=text)


def _read_calls(raw: str, at: int) -> tuple[ToolCall, ...]:
    """JSON objects with semicolons between them, to the end of the reply."""
    calls = []
    while True:
        value, at = read_json(raw, at)
        call = as_call(value, "parameters", extra=("type",))
        if value.get("type", "function") != "function":
            raise Malformed(f"the call of {call.name} has a 'type' that is not 'function'")
        calls.append(call)
        at = skip_blank(raw, at)
        if not raw.startswith(BETWEEN_CALLS.strip(), at):
            _end(raw, at)
            return tuple(calls)
        at += 1


def _read_built_in(raw: str, at: int) -> ToolCall:
    """``name.call(key="value", …)``: what Llama 3.1 writes for its built-in tools."""
    head = _BUILT_IN.match(raw, at)
    if not head:
        raise Malformed(f"behind {PYTHON_TAG} stands neither an object nor NAME.call(…)")
    name, at = head.group(1), head.end()
    arguments: dict[str, Any] = {}
    while not raw.startswith(")", skip_blank(raw, at)):
        if arguments:
            at = expect(raw, at, ",", f"no ',' between the arguments of {name}")
        keyword = _KEYWORD.match(raw, at)
        if not keyword:
            raise Malformed(f"the call of {name} does not end, or an argument has no name")
        key = keyword.group(1)
        if key in arguments:
            raise Malformed(f"'{key}' occurs twice")
        arguments[key], at = read_json(raw, keyword.end())
    _end(raw, skip_blank(raw, at) + 1)
    return ToolCall(name, arguments)


def _end(raw: str, at: int) -> None:
    at = skip_blank(raw, at)
    if at < len(raw) and not _STOP.match(raw, at):
        raise Malformed(f"text behind a call: '{raw[at : at + 20]}'")
