"""Calls in FunctionGemma's format as a grammar: bare keys in sorted order, text between ``<escape>`` tokens.

Inverse to ``dialects.functiongemma.render_call``: what that writes for a valid call, the grammar lets through.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.dialects.functiongemma import CALL_END, CALL_START, CONTROL_TOKENS, ESCAPE, strip_control
from workbench.grammars.lark import Rules, alternatives, holds, json_value, literal, pattern
from workbench.grammars.schema import KEY, Limits, bounded, free_value, kinds
from workbench.records import Tool

_DEPTH = 8
"""Schemas that refer to themselves end here."""
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def calls(rules: Rules, tools: Sequence[Tool], most: int, limits: Limits) -> str:
    """One to ``most`` calls, one behind the other."""
    bodies = [_Arguments(rules, tool, limits).call() for tool in tools]
    call = rules.rule(f"{rules.token(CALL_START)} {alternatives(bodies)} {rules.token(CALL_END)}")
    return f"{call}{{1,{most}}}"


class _Arguments:
    """Writes the rules for one tool's arguments."""

    def __init__(self, rules: Rules, tool: Tool, limits: Limits) -> None:
        self.rules, self.tool, self.limits = rules, tool, limits
        self.schema: Mapping[str, Any] = bounded(tool.parameters, limits)

    def call(self) -> str:
        return self.rules.rule(f"{literal(f'call:{self.tool.name}')} {self._object(self.schema, 0)}")

    def value(self, schema: Any, depth: int) -> str:
        if depth > _DEPTH or not isinstance(schema, Mapping):
            schema = free_value(self.limits)
        if "$ref" in schema:
            return self.value(self._target(schema["$ref"]), depth + 1)
        if "const" in schema or "enum" in schema:
            return self._constants([schema["const"]] if "const" in schema else schema["enum"])
        for key in ("anyOf", "oneOf", "allOf"):
            if branches := schema.get(key):
                # Of several that must all hold the first is followed; the check of the call sees the others.
                chosen = branches[:1] if key == "allOf" else branches
                return alternatives([self.value(branch, depth + 1) for branch in chosen])
        found = [self._of_kind(kind, schema, depth) for kind in kinds(schema)]
        return alternatives(found or [self.value(free_value(self.limits), depth + 1)])

    def _of_kind(self, kind: str, schema: Mapping[str, Any], depth: int) -> str:
        if kind == "string":
            return self._text(schema)
        if kind == "array":
            return self._list(schema, depth)
        if kind == "object":
            return self._object(schema, depth)
        numbers = {key: schema[key] for key in _NUMBERS if key in schema and kind in ("integer", "number")}
        return self.rules.rule(json_value({"type": kind, **numbers}))

    def _constants(self, values: Sequence[Any]) -> str:
        written = []
        for value in values:
            if isinstance(value, str):
                # A control token inside would end the text early; such a value cannot be written.
                if value == strip_control(value):
                    escape = self.rules.token(ESCAPE)
                    written.append(f"{escape} {literal(value)} {escape}" if value else f"{escape} {escape}")
            else:
                written.append(literal(json.dumps(value)))
        return self.rules.rule(alternatives(written))

    def _text(self, schema: Mapping[str, Any]) -> str:
        least, most = schema.get("minLength", 0), schema["maxLength"]
        wanted = f" & {pattern(schema['pattern'])}" if "pattern" in schema else ""
        body = rf"/[^\x00-\x08\x0b-\x1f\x7f]{{{max(1, least)},{most}}}/ & ~{holds(CONTROL_TOKENS)}{wanted}"
        escape = self.rules.token(ESCAPE)
        inner = self.rules.terminal(body)
        return self.rules.rule(f"{escape} {inner if least or wanted else f'{inner}?'} {escape}")

    def _list(self, schema: Mapping[str, Any], depth: int) -> str:
        least, most = schema.get("minItems", 0), schema["maxItems"]
        item = self.value(schema["items"], depth + 1)
        if most == 0:
            return literal("[]")
        more = f'{item} ("," {item}){{{max(0, least - 1)},{most - 1}}}' if most > 1 else item
        return self.rules.rule(f'"[" {more} "]"' if least else f'"[" ({more})? "]"')

    def _object(self, schema: Mapping[str, Any], depth: int) -> str:
        properties = schema.get("properties") or {}
        if not properties:
            return self._free_object(schema, depth)
        required = set(schema.get("required", ()))
        first, behind = "", ""
        for key in sorted(properties, key=str.lower, reverse=True):
            pair = f"{literal(f'{key}:')} {self.value(properties[key], depth + 1)}"
            here = f"{pair} {behind}"
            if key in required:
                first, behind = self.rules.rule(here), self.rules.rule(f'"," {here}')
            else:
                first = self.rules.rule(f"{here} | {first}" if first else f"({here})?")
                behind = self.rules.rule(f'("," {pair})? {behind}')
        return self.rules.rule(f'"{{" {first} "}}"')

    def _free_object(self, schema: Mapping[str, Any], depth: int) -> str:
        free = schema.get("patternProperties") or {}
        pairs = []
        for name, inner in free.items():
            key = self.rules.terminal(f"{pattern(KEY)} & {pattern(name) or pattern(KEY)}")
            pairs.append(f'{key} ":" {self.value(inner, depth + 1)}')
        if not pairs or not schema["maxProperties"]:
            return literal("{}")
        pair = self.rules.rule(" | ".join(pairs))
        return self.rules.rule(f'"{{" ({pair} ("," {pair}){{0,{schema["maxProperties"] - 1}}})? "}}"')

    def _target(self, reference: str) -> Any:
        found: Any = self.schema
        for step in reference.removeprefix("#").strip("/").split("/"):
            if not isinstance(found, Mapping):
                return None
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if step else found
        return found
