"""Rules as data: what is read, what is refused, and what the checks of scenarios and toolsets say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workbench.records import ExpectedCall, Outcome, RecordError, Rule, Scenario, Tool, Toolset
from workbench.scenarios.places import ABSENT, is_required, schema_at, value_at
from workbench.scenarios.validate import check_scenario, check_toolset

SEND: dict[str, Any] = {
    "type": "object",
    "properties": {
        "to": {"type": "string"},
        "weight": {"type": "number"},
        "options": {"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]},
    },
    "required": ["to"],
}
TOOLSET = Toolset("post", (Tool("send", "Send.", SEND),))


@pytest.mark.parametrize(
    "value",
    [
        "exact",
        "case-fold",
        "path",
        "set",
        {"rule": "tolerance", "absolute": 0.5},
        {"rule": "tolerance", "relative": 1, "absolute": 2},
        {"rule": "set", "items": "case-fold"},
        {"rule": "set", "items": {"rule": "regex", "pattern": "a"}},
        {"rule": "regex", "pattern": "a|b"},
    ],
)
def test_rules_come_back_as_they_were(value: Any) -> None:
    assert Rule.from_value(Rule.from_value(value).to_value()) == Rule.from_value(value)
    assert Rule.from_value(value).to_value() == value


@pytest.mark.parametrize(
    ("value", "path", "part"),
    [
        ("nonsense", "rule", "must be one of exact, case-fold"),
        ("any-of", "rule", "'any-of' is not written as a rule"),
        (5, "rule", "must be an object"),
        ({}, "rule.rule", "must be one of"),
        ("tolerance", "rule", "has no tolerance"),
        ({"rule": "tolerance", "absolute": "1"}, "rule.absolute", "must be a number from 0 up"),
        ({"rule": "tolerance", "absolute": -1}, "rule.absolute", "must be a number from 0 up"),
        ({"rule": "tolerance", "relative": True}, "rule.relative", "must be a number from 0 up"),
        ({"rule": "tolerance", "relative": float("nan")}, "rule.relative", "must be a number from 0 up"),
        ({"rule": "tolerance", "pattern": "a"}, "rule.pattern", "is not a known field"),
        ("regex", "rule.pattern", "is missing"),
        ({"rule": "regex", "pattern": " "}, "rule.pattern", "is empty"),
        ({"rule": "set", "items": "nonsense"}, "rule.items", "must be one of"),
        ({"rule": "path", "items": "exact"}, "rule.items", "is not a known field"),
    ],
)
def test_broken_rules_are_refused_with_their_place(value: Any, path: str, part: str) -> None:
    with pytest.raises(RecordError) as caught:
        Rule.from_value(value)
    assert caught.value.path == path and part in caught.value.reason


def test_calls_and_tools_without_rules_are_written_as_before() -> None:
    call = ExpectedCall.from_dict({"name": "send", "arguments": {"to": "a"}})
    assert call.to_dict() == {"name": "send", "arguments": {"to": "a"}}
    assert "rules" not in json.dumps(TOOLSET.to_dict())


def test_rules_of_a_tool_stand_beside_its_function() -> None:
    data = {
        "type": "function",
        "function": {"name": "send", "description": "", "parameters": SEND},
        "x": 1,
        "rules": {"to": "path"},
    }
    tool = Tool.from_dict(data)
    assert (tool.rules, tool.extra, tool.to_dict()) == ({"to": Rule("path")}, {"x": 1}, data)
    with pytest.raises(RecordError, match=r"tool\.rules\.to: must be one of"):
        Tool.from_dict({**data, "rules": {"to": "nonsense"}})


def problems(arguments: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    call = ExpectedCall.from_dict({"name": "send", "arguments": arguments, **more})
    scenario = Scenario("s", "post", "Send it", Outcome((call,)))
    return [(problem.field, problem.message) for problem in check_scenario(scenario, TOOLSET)]


FULL = {"to": "a", "weight": 1.5, "options": {"note": "x"}}


@pytest.mark.parametrize(
    ("more", "field", "part"),
    [
        ({"rules": {"tp": "path"}}, "expected[0].rules", "'tp' is not an argument of this call"),
        ({"rules": {"options.nota": "path"}}, "expected[0].rules", "'options.nota' is not an argument"),
        ({"rules": {"to": "set"}}, "expected[0].rules.to", "the rule 'set' is for lists"),
        ({"rules": {"weight": "path"}}, "expected[0].rules.weight", "the rule 'path' is for text"),
        ({"rules": {"to": {"rule": "tolerance", "absolute": 1}}}, "expected[0].rules.to", "is for numbers"),
        (
            {"rules": {"to": {"rule": "regex", "pattern": "(?=a)"}}},
            "expected[0].rules.to.pattern",
            "not a usable pattern",
        ),
        ({"rules": {"to": {"rule": "regex", "pattern": "b"}}}, "expected[0].rules.to.pattern", "does not match"),
        (
            {"rules": {"to": {"rule": "set", "items": {"rule": "regex", "pattern": "("}}}},
            "expected[0].rules.to.items.pattern",
            "not a usable pattern",
        ),
        ({"accept": {"options.note": [5]}}, "expected[0].accept.options.note[0]", "must be text"),
        ({"accept": {"options.x": ["y"]}}, "expected[0].accept", "'options.x' is not an argument"),
        ({"optional": ["options.note"]}, "expected[0].optional", "'options.note' is required by send"),
        ({"optional": ["to"]}, "expected[0].optional", "'to' is required by send"),
    ],
)
def test_what_is_wrong_with_a_call_is_told(more: dict[str, Any], field: str, part: str) -> None:
    assert [(where, part in message) for where, message in problems(FULL, **more)] == [(field, True)]


def test_nothing_is_wrong_with_rules_that_fit() -> None:
    rules = {
        "to": {"rule": "regex", "pattern": "[ab]"},
        "weight": {"rule": "tolerance", "relative": 0.1},
        "options": "case-fold",
        "options.note": "path",
    }
    assert problems(FULL, rules=rules, accept={"options.note": ["y"]}, optional=["weight", "options"]) == []


def test_rules_of_tools_are_checked() -> None:
    rules = {"to": Rule("regex", pattern="("), "tp": Rule("path"), "options.note": Rule("case-fold")}
    found = check_toolset(Toolset("post", (Tool("send", "Send.", SEND, rules=rules),)))
    assert [problem.field for problem in found] == ["tools[0].rules.to.pattern", "tools[0].rules"]


def test_places_with_dots_in_names() -> None:
    value = {"a.b": {"c": 1}, "a": {"b": {"d": 2}}}
    assert (value_at(value, "a.b.c"), value_at(value, "a.b.d"), value_at(value, "a.b")) == (1, 2, {"c": 1})
    assert value_at(value, "a.c") is ABSENT and value_at(value, "") is ABSENT and value_at({"x": 1}, "x.y") is ABSENT
    assert schema_at(SEND, "options.note") == {"type": "string"} and schema_at(SEND, "to.x") is None
    assert is_required(SEND, "options.note") and is_required(SEND, "to") and not is_required(SEND, "options")
