"""Checks of calls, scenarios and toolsets: every fault is named by field, and nothing raises."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.strategies import ARGUMENTS, JSON, SCENARIOS
from workbench.records import ExpectedCall, Outcome, Scenario, Tool, ToolCall, Toolset, Turn
from workbench.scenarios.validate import KNOWN_OS, check_call, check_scenario, check_toolset

PROPERTIES = {
    "host": {"type": "string", "minLength": 1, "pattern": "^[a-z.]+$"},
    "count": {"type": "integer", "minimum": 1, "maximum": 10},
    "kinds": {"type": "array", "items": {"enum": ["temp", "logs"]}, "minItems": 1},
    "force": {"type": "boolean", "default": False},
    "size": {"$ref": "#/$defs/size"},
}
PARAMETERS = {
    "type": "object",
    "properties": PROPERTIES,
    "required": ["host"],
    "$defs": {"size": {"type": "number", "maximum": 5}},
}
PING = Tool("ping", "Ping.", PARAMETERS)
DESK = Toolset("desk", (PING,))


def toolset(parameters: Any) -> Toolset:
    return Toolset("desk", (Tool("ping", "", parameters),))


def fields(arguments: dict[str, Any], **rest: Any) -> list[str]:
    scenario = Scenario("a", "desk", "x", Outcome((ExpectedCall("ping", arguments, **rest),)))
    return [problem.field for problem in check_scenario(scenario, DESK)]


def test_a_good_call_has_no_problem() -> None:
    good = {"host": "a.b", "count": 3, "kinds": ["temp"], "force": True, "size": 1.5}
    assert fields(good, accept={"count": (4,), "size": (2,)}, optional=frozenset({"force"})) == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "host"),
        ({"host": 5}, "host"),
        ({"host": ""}, "host"),
        ({"host": "A"}, "host"),
        ({"host": "a", "count": "3"}, "count"),
        ({"host": "a", "count": 3.5}, "count"),
        ({"host": "a", "count": True}, "count"),
        ({"host": "a", "count": 11}, "count"),
        ({"host": "a", "kinds": []}, "kinds"),
        ({"host": "a", "kinds": ["temp", "trash"]}, "kinds[1]"),
        ({"host": "a", "force": "yes"}, "force"),
        ({"host": "a", "size": 6}, "size"),
        ({"host": "a", "colour": "red"}, "colour"),
    ],
)
def test_each_broken_argument_is_named(arguments: dict[str, Any], field: str) -> None:
    assert set(fields(arguments)) == {f"expected[0].arguments.{field}"}


def test_unknown_arguments_pass_where_the_schema_says_so() -> None:
    call = ToolCall("ping", {"colour": "red"})
    assert check_call(call, toolset({"type": "object", "properties": {}, "additionalProperties": True}), "c") == []
    pattern = {"type": "object", "patternProperties": {"^c": {"type": "string"}}, "additionalProperties": False}
    assert check_call(call, toolset(pattern), "c") == []
    assert check_call(ToolCall("ping", {"x": 1}), toolset(pattern), "c") != []
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    assert [p.field for p in check_call(call, toolset(closed), "c")] == ["c.arguments.colour"]


def test_an_unknown_tool_suggests_the_nearest() -> None:
    (problem,) = check_call(ToolCall("pinng"), DESK, "expected[0]")
    assert problem.field == "expected[0].name" and problem.hint == "Did you mean 'ping'?"


def test_accepted_and_optional_values_are_checked() -> None:
    good = {"host": "a", "count": 3, "size": 1}
    assert fields(good, accept={"count": (4, "5")}) == ["expected[0].accept.count[1]"]
    assert fields(good, accept={"size": (9,)}) == ["expected[0].accept.size[0]"]
    assert fields(good, accept={"kinds": (["temp"],)}) == ["expected[0].accept"]
    assert fields(good, optional=frozenset({"force"})) == ["expected[0].optional"]
    assert fields(good, optional=frozenset({"host"})) == ["expected[0].optional"]


def test_the_scenario_itself_is_checked() -> None:
    scenario = Scenario("a", "other", " ", os="beos")
    assert [p.field for p in check_scenario(scenario, DESK)] == ["toolset", "request", "os"]
    assert all(check_scenario(Scenario("a", "desk", "x", os=os), DESK) == [] for os in (*KNOWN_OS, ""))
    assert "half of a character" in check_scenario(Scenario("a", "desk", "\ud800"), DESK)[0].message


def test_earlier_turns_are_checked() -> None:
    history = (
        Turn("assistant", calls=(ToolCall("ping"),)),
        Turn("tool", name="pong", result=1),
        Turn("user", "x", calls=(ToolCall("ping", {"host": "a"}),)),
    )
    scenario = Scenario("a", "desk", "x", history=history)
    assert [p.field for p in check_scenario(scenario, DESK)] == [
        "history[0].calls[0].arguments.host",
        "history[1].name",
        "history[2].calls",
    ]


def test_numbers_that_json_lacks_are_refused() -> None:
    assert fields({"host": "a", "size": float("nan")}) == ["expected[0].arguments"]
    assert fields({"host": "a", "size": 1}, accept={"size": (float("inf"),)}) == ["expected[0].accept.size[0]"]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"type": "object", "properties": {"a": {"type": "strin"}}}, "parameters.properties.a.type"),
        ({"type": "object", "properties": {"a": {"pattern": "["}}}, "parameters.properties.a.pattern"),
        ({"type": "object", "properties": []}, "parameters.properties"),
        ({"type": "array"}, "parameters.type"),
        ({"properties": {}}, "parameters.type"),
        ({"type": "object", "properties": {}, "required": ["x"]}, "parameters.required"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/no"}}}, "parameters"),
        ({"type": "object", "properties": {"a": {"$ref": "http://localhost:9/x.json"}}}, "parameters"),
        ({"type": "object", "properties": {"a": {"$ref": "http://[bad"}}}, "parameters"),
    ],
)
def test_each_broken_schema_is_named(parameters: Any, field: str) -> None:
    assert [problem.field for problem in check_toolset(toolset(parameters))] == [f"tools[0].{field}"]


def test_calls_of_a_tool_with_a_broken_schema_say_so() -> None:
    (problem,) = check_call(ToolCall("ping", {"a": 1}), toolset({"properties": {"a": {"type": "strin"}}}), "c")
    assert "not a valid schema" in problem.message


def test_a_schema_without_end_is_no_crash() -> None:
    loop = {"type": "object", "properties": {"a": {}}, "$ref": "#"}
    (problem,) = check_call(ToolCall("ping", {"a": 1}), toolset(loop), "c")
    assert "without end" in problem.message


@pytest.mark.parametrize("name", ["", "2x", "a b", "a/b", "x" * 65, "né"])
def test_tool_names(name: str) -> None:
    assert [p.field for p in check_toolset(Toolset("desk", (replace(PING, name=name),)))] == ["tools[0].name"]


def test_toolsets_need_a_name_tools_and_no_duplicates() -> None:
    assert check_toolset(DESK) == []
    assert [p.field for p in check_toolset(Toolset(" ", ()))] == ["name", "tools"]
    assert [p.field for p in check_toolset(Toolset("desk", (PING, PING)))] == ["tools[1].name"]


@settings(max_examples=100, deadline=None)
@given(arguments=st.dictionaries(st.sampled_from([*PROPERTIES, "other"]), JSON, max_size=4))
def test_the_verdict_is_that_of_the_strict_schema(arguments: dict[str, Any]) -> None:
    strict = jsonschema.Draft202012Validator({**PARAMETERS, "additionalProperties": False})
    assert (check_call(ToolCall("ping", arguments), DESK, "c") == []) == strict.is_valid(arguments)


@settings(max_examples=100, deadline=None)
@given(
    parameters=st.dictionaries(
        st.sampled_from(["type", "properties", "required", "$ref", "$defs", "enum", "additionalProperties", "$id"]),
        JSON | st.sampled_from(["object", "#", "#/properties/a", {"a": {"$ref": "#"}}, ["a"]]),
    ),
    arguments=ARGUMENTS,
)
def test_no_schema_and_no_arguments_raise(parameters: Any, arguments: dict[str, Any]) -> None:
    odd = toolset(json.loads(json.dumps(parameters)))
    check_toolset(odd)
    expected = ExpectedCall("ping", arguments, accept={name: (1, None) for name in arguments})
    check_scenario(Scenario("a", "desk", "x", Outcome((expected,))), odd)


@settings(max_examples=60, deadline=None)
@given(scenario=SCENARIOS)
def test_no_scenario_raises(scenario: Scenario) -> None:
    problems = check_scenario(scenario, DESK)
    assert all(problem.message for problem in problems)
