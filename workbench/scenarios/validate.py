"""Do calls fit their tools, and tools their own rules? Knows JSON Schema; knows no file, database or model.

Every check returns a list of problems, empty when all is well, and raises nothing for bad content.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry, Resource
from referencing.exceptions import NoSuchAnchor, PointerToNowhere, Unresolvable
from referencing.jsonschema import DRAFT202012

from workbench.errors import Problem
from workbench.records import ExpectedCall, Scenario, Tool, ToolCall, Toolset, Turn
from workbench.scenarios.places import ABSENT, is_required, schema_at, value_at
from workbench.scenarios.rules import check_rule

KNOWN_OS = ("linux", "macos", "windows", "bsd", "android", "ios")
SURROGATE = re.compile("[\ud800-\udfff]")
BROKEN_TEXT = "a text holds half of a character (a lone surrogate)"
TOOL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def check_toolset(toolset: Toolset) -> list[Problem]:
    """Names, duplicates, and whether each tool's ``parameters`` are a JSON Schema (2020-12) of an object."""
    problems = []
    if not toolset.name.strip():
        problems.append(Problem("is empty", "name", hint="Give the toolset a name."))
    if not toolset.tools:
        problems.append(Problem("there is no tool", "tools", hint="Add at least one tool."))
    for i, tool in enumerate(toolset.tools):
        path = f"tools[{i}]"
        if tool.name in toolset.tool_names[:i]:
            problems.append(Problem(f"the tool '{tool.name}' is declared twice", f"{path}.name", hint="Rename one."))
        problems += _check_tool(tool, path)
    return problems


def check_call(call: ToolCall, toolset: Toolset, path: str) -> list[Problem]:
    """Does the call name a tool of the toolset, and do its arguments satisfy the tool's schema?

    Args:
        path: where the call stands, such as ``expected[0]``; fields of the problems begin with it.

    Arguments that the schema does not name are problems unless the schema allows them in so many words.
    """
    tool = toolset.tool(call.name)
    if tool is None:
        hint = _nearest(call.name, toolset.tool_names) or f"Tools here: {', '.join(toolset.tool_names)}."
        return [Problem(f"the toolset '{toolset.name}' has no tool '{call.name}'", f"{path}.name", hint=hint)]
    where = f"{path}.arguments"
    if not _is_sound(tool):
        message = f"cannot be checked: the parameters of {tool.name} are not a valid schema"
        return [Problem(message, where, hint="Mend the tool in its toolset.")]
    problems = _unknown_arguments(call.arguments, tool, where)
    return problems + _schema_problems(tool.parameters, dict(call.arguments), where)


def check_schema(schema: Any, path: str) -> list[Problem]:
    """Is this a JSON Schema that values can be checked with?"""
    if not isinstance(schema, Mapping) or not _soundness(json.dumps(schema)):
        return [Problem("is not a valid JSON Schema", path, hint="It must be an object and refer to nothing outside.")]
    return []


def check_value(value: Any, schema: Mapping[str, Any], path: str) -> list[Problem]:
    """Does a JSON value satisfy a schema that ``check_schema`` accepts?"""
    return _schema_problems(schema, value, path, told=False)


def check_scenario(scenario: Scenario, toolset: Toolset) -> list[Problem]:
    """Everything that can be wrong with a scenario: request, OS, expected calls, accepted values, earlier turns."""
    problems = []
    if scenario.toolset != toolset.name:
        message = f"the scenario belongs to '{scenario.toolset}', not to '{toolset.name}'"
        problems.append(Problem(message, "toolset"))
    if not scenario.request.strip():
        problems.append(Problem("is empty", "request", hint="Write what the person says."))
    if scenario.os and scenario.os not in KNOWN_OS:
        hint = f"Use {', '.join(KNOWN_OS)}, or leave it empty."
        problems.append(Problem(f"'{scenario.os}' is not a known OS", "os", hint=hint))
    if SURROGATE.search(json.dumps(scenario.to_dict(), ensure_ascii=False)):
        problems.append(Problem(BROKEN_TEXT, hint="Write the character anew."))
    problems += _check_offered(scenario, toolset)
    for i, call in enumerate(scenario.outcome.calls):
        problems += _check_expected(call, toolset, f"expected[{i}]")
    for i, turn in enumerate(scenario.history):
        problems += _check_turn(turn, toolset, f"history[{i}]")
    return problems


def _check_offered(scenario: Scenario, toolset: Toolset) -> list[Problem]:
    """The tools that a scenario offers are the toolset's, and those that it calls are among them."""
    problems = []
    for i, name in enumerate(scenario.tools):
        if toolset.tool(name) is None:
            hint = _nearest(name, toolset.tool_names) or "Take it out here, or add it to the toolset."
            problems.append(Problem(f"the toolset '{toolset.name}' has no tool '{name}'", f"tools[{i}]", hint=hint))
    for i, call in enumerate(scenario.outcome.calls):
        if scenario.tools and call.name not in scenario.tools and toolset.tool(call.name):
            message = f"'{call.name}' is not among the tools that are offered with this request"
            problems.append(Problem(message, f"expected[{i}].name", hint=f"Offered: {', '.join(scenario.tools)}."))
    return problems


def _check_expected(expected: ExpectedCall, toolset: Toolset, path: str) -> list[Problem]:
    problems = check_call(expected.call, toolset, path)
    tool = toolset.tool(expected.name)
    names = [("accept", name) for name in expected.accept] + [("optional", name) for name in sorted(expected.optional)]
    for kind, name in names + [("rules", name) for name in expected.rules]:
        if value_at(expected.arguments, name) is ABSENT:
            hint = _nearest(name, tuple(expected.arguments)) or "Add the argument, or take it out here."
            problems.append(Problem(f"'{name}' is not an argument of this call", f"{path}.{kind}", hint=hint))
    for name, rule in expected.rules.items():
        problems += check_rule(rule, value_at(expected.arguments, name), f"{path}.rules.{name}")
    if tool is None or not _is_sound(tool):
        return problems
    for name in sorted(expected.optional):
        if is_required(tool.parameters, name):
            message = f"'{name}' is required by {tool.name}, so it cannot be left out"
            problems.append(Problem(message, f"{path}.optional", hint=f"Take '{name}' out of optional."))
    for name, values in expected.accept.items():
        schema = schema_at(tool.parameters, name)
        if schema is not None:
            problems += _check_accepted(tool, name, schema, values, f"{path}.accept.{name}")
    return problems


def _check_accepted(tool: Tool, name: str, schema: Any, values: Sequence[Any], path: str) -> list[Problem]:
    # The property's schema is tried inside the tool's, so that "$ref": "#/$defs/..." still finds its target.
    around = {k: v for k, v in tool.parameters.items() if k.startswith("$")}
    around["properties"] = {name: schema}
    problems: list[Problem] = []
    for i, value in enumerate(values):
        problems += _schema_problems(around, {name: value}, "", rename=f"{path}[{i}]")
    return problems


def _check_turn(turn: Turn, toolset: Toolset, path: str) -> list[Problem]:
    problems = []
    if turn.calls and turn.role != "assistant":
        problems.append(Problem(f"a {turn.role} turn cannot call tools", f"{path}.calls"))
    for i, call in enumerate(turn.calls):
        problems += check_call(call, toolset, f"{path}.calls[{i}]")
    if turn.role == "tool" and toolset.tool(turn.name) is None:
        hint = _nearest(turn.name, toolset.tool_names) or "Name the tool whose result this is."
        problems.append(Problem(f"the toolset '{toolset.name}' has no tool '{turn.name}'", f"{path}.name", hint=hint))
    return problems


def _check_tool(tool: Tool, path: str) -> list[Problem]:
    problems = []
    if not TOOL_NAME.fullmatch(tool.name):
        hint = "Begin with a letter or '_', then letters, digits, '_', '.', '-'; at most 64 characters."
        problems.append(Problem(f"'{tool.name}' is not a usable name", f"{path}.name", hint=hint))
    where = f"{path}.parameters"
    try:
        Draft202012Validator.check_schema(tool.parameters)
    except SchemaError as error:
        return [*problems, _to_problem(error, where)]
    except RecursionError:
        return [*problems, Problem("the schema is nested too deeply", where)]
    if tool.parameters.get("type") != "object":
        hint = 'Write {"type": "object", "properties": {...}}.'
        return [*problems, Problem('must have the type "object"', f"{where}.type", hint=hint)]
    for name, rule in tool.rules.items():
        if schema_at(tool.parameters, name) is None:
            hint = _nearest(name, tuple(tool.properties)) or "Declare the argument, or take the rule out."
            problems.append(Problem(f"{tool.name} has no argument '{name}'", f"{path}.rules", hint=hint))
        problems += check_rule(rule, ABSENT, f"{path}.rules.{name}")
    problems += [
        Problem(f"'{name}' is required but not among the properties", f"{where}.required", hint="Declare it.")
        for name in tool.parameters.get("required", ())
        if name not in tool.properties
    ]
    return problems + _check_references(tool.parameters, where)


def _check_references(schema: Mapping[str, Any], path: str) -> list[Problem]:
    """Each ``$ref`` must point into the schema itself: nothing is ever fetched."""
    resolver = Registry().resolver_with_root(Resource.from_contents(schema, DRAFT202012))
    problems = []
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except (Unresolvable, PointerToNowhere, NoSuchAnchor, ValueError):
            hint = "Point to a place in the same schema, such as #/$defs/name."
            problems.append(Problem(f"the reference '{reference}' leads nowhere", path, hint=hint))
    return problems


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _unknown_arguments(arguments: Mapping[str, Any], tool: Tool, path: str) -> list[Problem]:
    if tool.parameters.get("additionalProperties", False) is not False or "patternProperties" in tool.parameters:
        return []
    known = tuple(tool.properties)
    takes = f"It takes {', '.join(known)}." if known else "It takes no arguments."
    return [
        Problem(f"{tool.name} has no argument '{name}'", f"{path}.{name}", hint=_nearest(name, known) or takes)
        for name in arguments
        if name not in tool.properties
    ]


def _schema_problems(
    schema: Mapping[str, Any], value: Any, path: str, rename: str = "", told: bool = True
) -> list[Problem]:
    """What the schema finds wrong with the value; ``rename`` stands for ``path`` and the first step below it.

    ``told``: unknown arguments were reported before.
    """
    if _has_non_finite(value):
        return [Problem("NaN and Infinity are not JSON numbers", rename or path, hint="Write an ordinary number.")]
    try:
        errors = sorted(_validator(json.dumps(schema)).iter_errors(value), key=_place)
    except RecursionError:
        message = "the value, or the tool's schema, is nested without end"
        return [Problem(message, rename or path, hint="Look for a schema that refers to itself.")]
    return [_to_problem(error, path, rename) for error in errors if not (told and _told_before(error, schema))]


def _told_before(error: ValidationError, schema: Mapping[str, Any]) -> bool:
    """Is this an unknown argument, which ``_unknown_arguments`` has reported by name?"""
    return error.validator == "additionalProperties" and not error.path and "patternProperties" not in schema


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Draft202012Validator:
    # An explicit empty registry: a schema must not make the program fetch addresses.
    return Draft202012Validator(json.loads(schema), registry=Registry())


@lru_cache(maxsize=1024)
def _soundness(schema: str) -> bool:
    parameters = json.loads(schema)
    try:
        Draft202012Validator.check_schema(parameters)
    except (SchemaError, RecursionError):
        return False
    return not _check_references(parameters, "")


def _is_sound(tool: Tool) -> bool:
    return _soundness(json.dumps(tool.parameters))


def _place(error: ValidationError) -> list[str]:
    return [str(step).rjust(8, "0") if isinstance(step, int) else step for step in error.absolute_path]


def _to_problem(error: ValidationError | SchemaError, path: str, rename: str = "") -> Problem:
    steps = list(error.absolute_path) + ([_missing(error)] if error.validator == "required" else [])
    field = rename or path
    for step in steps[1:] if rename else steps:
        field += f"[{step}]" if isinstance(step, int) else f".{step}"
    return Problem(_SAY.get(str(error.validator), _say_default)(error), field, hint=_hint(error))


def _say_default(error: ValidationError | SchemaError) -> str:
    return str(error.message) if len(error.message) <= 200 else f"does not satisfy '{error.validator}'"


def _say_type(error: ValidationError | SchemaError) -> str:
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    return f"must be {' or '.join(_KINDS.get(kind, str(kind)) for kind in wanted)}, is {_shown(error.instance)}"


def _missing(error: ValidationError | SchemaError) -> str:
    # jsonschema raises one error for each missing name and says which one only in its message.
    missing = [str(name) for name in error.validator_value if name not in error.instance]
    return next((name for name in missing if error.message.startswith(f"{name!r} ")), missing[0])


_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}

_SAY: dict[str, Callable[[ValidationError | SchemaError], str]] = {
    "type": _say_type,
    "required": lambda e: "is missing",
    "enum": lambda e: f"must be one of {', '.join(_shown(v) for v in e.validator_value)}; is {_shown(e.instance)}",
    "const": lambda e: f"must be {_shown(e.validator_value)}, is {_shown(e.instance)}",
    "minimum": lambda e: f"must be at least {e.validator_value}, is {_shown(e.instance)}",
    "maximum": lambda e: f"must be at most {e.validator_value}, is {_shown(e.instance)}",
    "minItems": lambda e: f"must have at least {e.validator_value} entries, has {len(e.instance)}",
    "maxItems": lambda e: f"must have at most {e.validator_value} entries, has {len(e.instance)}",
    "minLength": lambda e: f"must have at least {e.validator_value} characters, has {len(e.instance)}",
    "maxLength": lambda e: f"must have at most {e.validator_value} characters, has {len(e.instance)}",
    "pattern": lambda e: f"{_shown(e.instance)} does not match the pattern {e.validator_value}",
}


def _hint(error: ValidationError | SchemaError) -> str:
    if error.validator == "enum" and isinstance(error.instance, str):
        return _nearest(error.instance, tuple(v for v in error.validator_value if isinstance(v, str)))
    if error.validator == "type" and isinstance(error.instance, str) and error.validator_value in ("integer", "number"):
        return "Write the number without quotes."
    return ""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean '{near[0]}'?" if near else ""


def _has_non_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_non_finite(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_non_finite(inner) for inner in value)
    return isinstance(value, float) and not math.isfinite(value)
