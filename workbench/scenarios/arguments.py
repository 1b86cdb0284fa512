"""Which values of a tool's arguments the scenarios show. Knows JSON Schema; knows no database.

Each argument on the first level of a schema has cases that a data set should hold: every enum value, both booleans,
given and left out where it is optional, the numbers at its bounds, the shortest and longest text or list that the
schema allows. What scenarios accept beside the canonical value does not count: it is not trained on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.records import ExpectedCall, Toolset

LEFT_OUT = "left out"
GIVEN = "given"


@dataclass(frozen=True)
class ArgumentCase:
    """One thing that an argument can be, and how many calls show it.

    Attributes:
        case: ``given``, ``left out``, a value as JSON, or a bound such as ``minimum 1``.
        value: what to give the argument for this case; None where there is nothing to give.
    """

    tool: str
    argument: str
    case: str
    n: int
    value: Any = None


def argument_coverage(calls: Iterable[ExpectedCall], toolset: Toolset) -> list[ArgumentCase]:
    """Every case of every argument of the toolset, in its order, with the number of calls that show it."""
    wanted = {
        (tool.name, name): _cases(schema, name in tool.required)
        for tool in toolset.tools
        for name, schema in tool.properties.items()
    }
    counts = {place: dict.fromkeys(cases, 0) for place, cases in wanted.items()}
    arguments = {tool.name: tuple(tool.properties) for tool in toolset.tools}
    for call in calls:
        for name in arguments.get(call.name, ()):
            place = (call.name, name)
            for case in _shown(call.arguments, name, wanted[place]):
                counts[place][case] += 1
    return [
        ArgumentCase(tool, name, case, counts[tool, name][case], value)
        for (tool, name), cases in wanted.items()
        for case, value in cases.items()
    ]


_BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def _cases(schema: Mapping[str, Any], required: bool) -> dict[str, Any]:
    """The cases of an argument with a value for each."""
    cases: dict[str, Any] = {} if required else {GIVEN: None, LEFT_OUT: None}
    choices = schema.get("items", {}) if schema.get("type") == "array" else schema
    listed = choices.get("enum", ()) if isinstance(choices, Mapping) else ()
    listed = [True, False] if schema.get("type") == "boolean" and not listed else listed
    for value in listed:
        cases[_json(value)] = [value] if schema.get("type") == "array" else value
    for bound in _BOUNDS:
        if isinstance(schema.get(bound), (int, float)) and not (bound.startswith("min") and schema[bound] == 0):
            cases[f"{bound} {schema[bound]}"] = schema[bound] if bound in ("minimum", "maximum") else None
    return cases or {GIVEN: None}


def _shown(arguments: Mapping[str, Any], name: str, cases: Mapping[str, Any]) -> list[str]:
    """The cases that a call with these arguments shows."""
    if name not in arguments:
        return [LEFT_OUT] if LEFT_OUT in cases else []
    value = arguments[name]
    size = len(value) if isinstance(value, (str, list)) else None
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    shown = {GIVEN, *map(_json, value if isinstance(value, list) else [value])}
    shown |= {f"{bound} {number}" for bound in ("minimum", "maximum")} if number is not None else set()
    shown |= {f"{bound} {size}" for bound in _BOUNDS[2:]} if size is not None else set()
    return [case for case in cases if case in shown]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
