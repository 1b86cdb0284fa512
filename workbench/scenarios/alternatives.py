"""What a reply could have said instead: calls that differ from the right ones in one decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.records import Tool, ToolCall, Toolset


def alternatives(calls: Sequence[ToolCall], toolset: Toolset) -> Iterator[list[ToolCall]]:
    """Calls of the same tools that differ in one decision: another value of an enum, a flag turned round, an optional
    argument added or left out.

    What is copied out of the request is decided where it begins and where it ends. Values stand for all that begin
    differently.
    """
    for at, call in enumerate(calls):
        tool = toolset.tool(call.name)
        for arguments in _other_arguments(call, tool) if tool else ():
            yield [*calls[:at], ToolCall(call.name, arguments), *calls[at + 1 :]]


def _other_arguments(call: ToolCall, tool: Tool) -> Iterator[dict[str, Any]]:
    for name, schema in tool.properties.items():
        given = dict(call.arguments)
        if name not in given:
            yield {**given, name: _example(schema)}
            continue
        if name not in tool.required:
            yield {key: value for key, value in given.items() if key != name}
        yield from ({**given, name: value} for value in _other_values(given[name], schema))


def _other_values(value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif "enum" in schema:
        yield from (other for other in schema["enum"] if other != value)
    elif isinstance(value, str):
        yield from (text for text in ("", f"{value} and") if text != value)
    elif isinstance(value, list) and "enum" in (items := schema.get("items", {})):
        for at, item in enumerate(value):
            yield value[: at + 1]
            yield from ([*value[:at], other] for other in items["enum"] if other != item)
        yield [*value, items["enum"][0]]


def _example(schema: Mapping[str, Any]) -> Any:
    """Some value of the schema's type; which one does not matter, only where its argument begins."""
    if "enum" in schema:
        return schema["enum"][0]
    return {"boolean": True, "integer": 1, "number": 1, "array": []}.get(str(schema.get("type")), "")


def first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    """The first place where two sequences part; the shorter one's length if it begins the longer."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
