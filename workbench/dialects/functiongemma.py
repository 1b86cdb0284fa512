"""FunctionGemma's wire format.

Source: Google's FunctionGemma model card and chat template (google/functiongemma-270m-it). Declarations stand in the
developer turn directly behind its text, calls in the model turn; text values stand between ``<escape>`` tokens, which
have no inner escaping, so control tokens are stripped from all text that comes from outside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.dialects.foreign import MAX_DEPTH, Malformed, read_json, strip, write_json
from workbench.records import Message, Parsed, Tool, ToolCall

ESCAPE = "<escape>"
CALL_START, CALL_END = "<start_function_call>", "<end_function_call>"
DECLARATION_START, DECLARATION_END = "<start_function_declaration>", "<end_function_declaration>"
RESPONSE_START, RESPONSE_END = "<start_function_response>", "<end_function_response>"
TURN_START, TURN_END = "<start_of_turn>", "<end_of_turn>"
BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
CONTROL_TOKENS: tuple[str, ...] = (
    PAD, EOS, BOS, TURN_START, TURN_END, ESCAPE, CALL_START, CALL_END, DECLARATION_START, DECLARATION_END,
    RESPONSE_START, RESPONSE_END,
)  # fmt: skip

_CONTROL = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_KEY = re.compile(r"[^\s:,{}\[\]<>]+")
_SCHEMA_KEYS = ("description", "type", "properties", "required", "nullable")


class FunctionGemma:
    """Renders and parses FunctionGemma's format; see ``Dialect``."""

    name = "functiongemma"
    stops: tuple[str, ...] = (TURN_END, EOS, RESPONSE_START)

    def render_prompt(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        rest = list(messages)
        parts = [BOS]
        system = rest.pop(0).content if rest and rest[0].role == "system" else ""
        if system or tools:
            declarations = "".join(map(render_declaration, tools))
            parts.append(f"{TURN_START}developer\n{strip_control(system).strip()}{declarations}{TURN_END}\n")
        in_model_turn = False
        for message in rest:
            text, stays = _render_turn(message, in_model_turn)
            parts.append(text)
            in_model_turn = stays
        if not in_model_turn:
            parts.append(f"{TURN_START}model\n")
        return "".join(parts)

    def render_reply(self, calls: Sequence[ToolCall], text: str) -> str:
        if calls:
            return "".join(map(render_call, calls)) + RESPONSE_START
        return f"{strip_control(text)}{TURN_END}"

    def parse(self, raw: str) -> Parsed:
        body = _before_stop(raw)
        if CALL_START not in body:
            leftover = _CONTROL.search(body)
            if leftover:
                return Parsed("malformed", reason=f"stray {leftover.group()} outside a call")
            return Parsed("text", text=body.strip())
        text, _, rest = body.partition(CALL_START)
        try:
            calls = _Scanner(CALL_START + rest).calls()
        except Malformed as error:
            return Parsed("malformed", reason=str(error))
        return Parsed("calls", calls=tuple(calls), text=text.strip())


def strip_control(text: str) -> str:
    """Text without FunctionGemma's control tokens, which it could otherwise forge."""
    return strip(text, _CONTROL)


def render_value(value: Any) -> str:
    """An argument value: text between escapes, bare keys and numbers, nulls left out of objects."""
    if isinstance(value, str):
        return f"{ESCAPE}{strip_control(value)}{ESCAPE}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + _pairs(value) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(render_value, value)) + "]"
    return write_json(value, _CONTROL)


def render_call(call: ToolCall) -> str:
    return f"{CALL_START}call:{call.name}{{{_pairs(call.arguments)}}}{CALL_END}"


def render_response(name: str, result: Any) -> str:
    body = result if isinstance(result, Mapping) else {"value": result}
    return f"{RESPONSE_START}response:{name}{{{_pairs(body)}}}{RESPONSE_END}"


def render_declaration(tool: Tool) -> str:
    """One declaration; types upper-case, properties sorted by key, ``required`` absent when empty."""
    text = f"{DECLARATION_START}declaration:{tool.name}{{description:{render_value(tool.description)}"
    if tool.parameters:
        kind = f"type:{render_value(str(tool.parameters.get('type', 'object')).upper())}"
        text += f",parameters:{{{','.join(filter(None, (_object_schema(tool.parameters), kind)))}}}"
    return f"{text}}}{DECLARATION_END}"


def _pairs(mapping: Mapping[str, Any]) -> str:
    items = sorted(((k, v) for k, v in mapping.items() if v is not None), key=lambda item: item[0].lower())
    return ",".join(f"{key}:{render_value(value)}" for key, value in items)


def _object_schema(schema: Mapping[str, Any]) -> str:
    parts = []
    if properties := schema.get("properties"):
        body = ",".join(_property(key, properties[key]) for key in sorted(properties, key=str.lower))
        parts.append(f"properties:{{{body}}}")
    if required := schema.get("required"):
        parts.append(f"required:{render_value(list(required))}")
    return ",".join(parts)


def _property(key: str, schema: Mapping[str, Any]) -> str:
    parts = [f"description:{render_value(schema.get('description', ''))}"]
    kind = str(schema.get("type", "")).upper()
    if schema.get("nullable"):
        parts.append("nullable:true")
    if kind == "STRING" and schema.get("enum"):
        parts.append(f"enum:{render_value(list(schema['enum']))}")
    elif kind == "OBJECT" and (nested := _object_schema(schema)):
        parts.append(nested)
    elif kind == "ARRAY" and schema.get("items"):
        parts.append(f"items:{{{_items(schema['items'])}}}")
    parts.append(f"type:{render_value(kind)}")
    return f"{key}:{{{','.join(parts)}}}"


def _items(items: Mapping[str, Any]) -> str:
    parts = []
    for key in sorted(items, key=str.lower):
        value = items[key]
        if key == "properties":
            body = ",".join(_property(name, value[name]) for name in sorted(value, key=str.lower))
            parts.append(f"properties:{{{body}}}")
        elif key == "type":
            upper = value.upper() if isinstance(value, str) else [str(kind).upper() for kind in value]
            parts.append(f"type:{render_value(upper)}")
        elif value is not None:
            parts.append(f"{key}:{render_value(value)}")
    return ",".join(parts)


def _render_turn(message: Message, in_model_turn: bool) -> tuple[str, bool]:
    """Text of one turn, and whether the model turn stays open behind it (a tool's result is answered in it)."""
    if message.role == "tool":
        return render_response(message.name, message.result), True
    head = "" if in_model_turn else f"{TURN_START}{'model' if message.role == 'assistant' else 'user'}\n"
    content = strip_control(message.content).strip()
    if message.role == "assistant" and message.calls:
        return head + content + "".join(map(render_call, message.calls)), True
    close = f"{TURN_END}\n" if in_model_turn and message.role == "user" else ""
    if close:
        head = f"{TURN_START}user\n"
    return f"{close}{head}{content}{TURN_END}\n", False


def _before_stop(raw: str) -> str:
    """The reply up to its first stop token that is not inside an escaped text."""
    inside = False
    for match in _CONTROL.finditer(raw):
        if match.group() == ESCAPE:
            inside = not inside
        elif not inside and match.group() in (PAD, *FunctionGemma.stops):
            return raw[: match.start()]
    return raw


class _Scanner:
    """Reads calls character by character; regular expressions lose nested and non-text values."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def calls(self) -> list[ToolCall]:
        found = []
        while self.text[self.at :].strip():
            self._expect(CALL_START, "text behind a call")
            self._expect("call:", "no 'call:' behind <start_function_call>")
            name = self._match(_NAME, "no tool name behind 'call:'")
            arguments = self._object(0)
            self._expect(CALL_END, f"the call of {name} does not end")
            found.append(ToolCall(name, arguments))
        return found

    def _object(self, depth: int) -> dict[str, Any]:
        self._expect("{", "no '{' where arguments begin")
        found: dict[str, Any] = {}
        while not self._take("}"):
            if found:
                self._expect(",", "no ',' between arguments")
            key = self._match(_KEY, "an argument has no name")
            if key in found:
                raise Malformed(f"the argument '{key}' occurs twice")
            self._expect(":", f"no ':' behind the argument '{key}'")
            found[key] = self._value(depth + 1)
        return found

    def _list(self, depth: int) -> list[Any]:
        self._expect("[", "no '['")
        found: list[Any] = []
        while not self._take("]"):
            if found:
                self._expect(",", "no ',' between list items")
            found.append(self._value(depth + 1))
        return found

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Malformed(f"nested deeper than {MAX_DEPTH} levels")
        self._blank()
        if self._take(ESCAPE):
            end = self.text.find(ESCAPE, self.at)
            if end < 0:
                raise Malformed("a text value does not end")
            value, self.at = self.text[self.at : end], end + len(ESCAPE)
            return value
        if self.text.startswith("{", self.at):
            return self._object(depth)
        if self.text.startswith("[", self.at):
            return self._list(depth)
        for word, constant in (("true", True), ("false", False), ("null", None)):
            if self._take(word):
                return constant
        number = self._match(_NUMBER, f"a bare value near '{self.text[self.at : self.at + 20]}'")
        return read_json(number)[0]

    def _blank(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def _take(self, token: str) -> bool:
        self._blank()
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def _expect(self, token: str, reason: str) -> None:
        if not self._take(token):
            raise Malformed(reason)

    def _match(self, pattern: re.Pattern[str], reason: str) -> str:
        self._blank()
        match = pattern.match(self.text, self.at)
        if not match:
            raise Malformed(reason)
        self.at = match.end()
        return match.group()
