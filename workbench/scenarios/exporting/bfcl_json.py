"""Writes BFCL's questions, and its possible answers as a file of its own (it belongs into ``possible_answer/``).

Both together carry id, earlier turns, request, the tools that are offered, calls, acceptable values and optional
arguments. They cannot carry toolset, OS, shell, mode, tags, reasoning, status, split, source, order, rules, and the
content of a tool turn beside its result. Nor can they carry a value ``""`` (it means optional), values that are
acceptable twice, more than 64 of them, and types that BFCL's own names do not tell apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workbench.records import ExpectedCall, Message, Scenario, Tool, Toolset
from workbench.scenarios.exporting.chat_jsonl import message_row

_TYPES = {"object": "dict", "number": "float"}


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """One question a line."""
    for scenario in scenarios:
        turns = (Message(turn.role, turn.content, turn.calls, turn.name, turn.result) for turn in scenario.history)
        messages = [*map(message_row, turns), {"role": "user", "content": scenario.request}]
        functions = [_function(tool) for tool in toolset.offered(scenario)]
        row = {"id": scenario.id, "question": [messages], "function": functions}
        yield json.dumps(row, ensure_ascii=False) + "\n"


def write_answers(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """One answer a line; an empty one where no tool must be called."""
    for scenario in scenarios:
        truth = [{call.name: _values(call)} for call in scenario.outcome.calls]
        yield json.dumps({"id": scenario.id, "ground_truth": truth}, ensure_ascii=False) + "\n"


def _values(call: ExpectedCall) -> dict[str, list[Any]]:
    data = call.to_dict()
    return {
        name: [_alternatives(v) for v in (value, *call.accept.get(name, ()))] + ([""] if name in call.optional else [])
        for name, value in data["arguments"].items()
    }


def _alternatives(value: Any) -> Any:
    """In an object, and in a list of objects, BFCL lists acceptable values for each key."""
    if isinstance(value, Mapping):
        return {key: [inner] for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and value and all(isinstance(inner, Mapping) for inner in value):
        return [_alternatives(inner) for inner in value]
    return value


def _function(tool: Tool) -> dict[str, Any]:
    data: dict[str, Any] = tool.to_dict()["function"]
    return {**data, "parameters": _schema(data["parameters"])}


def _schema(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    out = dict(schema)
    if isinstance(out.get("type"), str):
        out["type"] = _TYPES.get(out["type"], out["type"])
    if isinstance(out.get("properties"), Mapping):
        out["properties"] = {name: _schema(inner) for name, inner in out["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), Mapping):
            out[key] = _schema(out[key])
    return out
