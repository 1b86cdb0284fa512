"""The strict scorer, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.records import ExpectedCall, Outcome, Parsed, Score, Tool, ToolCall, Toolset
from workbench.scenarios.rules import EXACT, matches
from workbench.scenarios.scoring import score

PING = Tool(
    "ping",
    "Test a host.",
    {
        "type": "object",
        "properties": {
            "host": {"type": "string"},
            "count": {"type": "integer", "default": 4},
            "timeout": {"type": "number"},
            "quiet": {"type": "boolean"},
            "ports": {"type": "array", "items": {"type": "integer"}},
            "options": {"type": "object", "properties": {"ttl": {"type": "integer", "default": 64}}},
        },
        "required": ["host"],
    },
)
NOTE = Tool(
    "note", "Write a note.", {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
)
TOOLSET = Toolset("net", (PING, NOTE))


def calls(*pairs: tuple[str, dict[str, Any]]) -> Parsed:
    return Parsed("calls", tuple(ToolCall(name, arguments) for name, arguments in pairs))


def expect(*items: ExpectedCall, ordered: bool = False) -> Outcome:
    return Outcome(items, ordered)


def ping(got: dict[str, Any], expected: dict[str, Any], **rules: Any) -> Score:
    return score("s", expect(ExpectedCall("ping", expected, **rules)), calls(("ping", got)), TOOLSET)


def test_the_same_call_is_exact() -> None:
    found = ping({"host": "a.example", "count": 2}, {"host": "a.example", "count": 2})
    assert (found.tool_correct, found.exact, found.schema_valid) == (True, True, True)
    assert [row.verdict for row in found.arguments] == ["match", "match"]


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"timeout": 1}, {"timeout": 1.0}),
        ({"count": 3}, {"count": 3.0}),
        ({"ports": [1, 2]}, {"ports": [1, 2.0]}),
        ({"options": {"ttl": 5}}, {"options": {"ttl": 5}}),
        ({"options": {}}, {"options": {"ttl": 64}}),
        ({"quiet": True}, {"quiet": True}),
        ({"count": 4}, {}),
        ({}, {"count": 4}),
        ({"quiet": None}, {}),
        ({}, {"quiet": None}),
    ],
)
def test_equal_arguments(expected: dict[str, Any], got: dict[str, Any]) -> None:
    assert ping({"host": "h", **got}, {"host": "h", **expected}).exact


@pytest.mark.parametrize(
    ("expected", "got", "verdict"),
    [
        ({"count": 5}, {"count": "5"}, "differs"),
        ({"count": 1}, {"count": True}, "differs"),
        ({"quiet": True}, {"quiet": 1}, "differs"),
        ({"quiet": False}, {"quiet": 0}, "differs"),
        ({"quiet": True}, {"quiet": "true"}, "differs"),
        ({"host": "H"}, {"host": "h"}, "differs"),
        ({"host": "a/b"}, {"host": "ab"}, "differs"),
        ({"timeout": 1.2}, {"timeout": 12}, "differs"),
        ({"ports": [1, 2]}, {"ports": [2, 1]}, "differs"),
        ({"ports": [1, 2]}, {"ports": [1]}, "differs"),
        ({"ports": [1]}, {"ports": 1}, "differs"),
        ({"count": 5}, {}, "missing"),
        ({"timeout": 1}, {}, "missing"),
        ({}, {"count": 5}, "differs"),
        ({}, {"timeout": 1}, "unexpected"),
        ({}, {"colour": "red"}, "unexpected"),
        ({"quiet": True}, {"quiet": None}, "missing"),
    ],
)
def test_different_arguments(expected: dict[str, Any], got: dict[str, Any], verdict: str) -> None:
    found = ping({"host": "h", **got}, {"host": "h", **expected})
    name = next(iter({**expected, **got}))
    assert found.tool_correct and not found.exact
    assert [row.verdict for row in found.arguments if row.name == name] == [verdict]


def test_accepted_and_optional_values() -> None:
    accept = {"host": ("b", "c")}
    assert ping({"host": "b"}, {"host": "a"}, accept=accept).exact
    assert not ping({"host": "d"}, {"host": "a"}, accept=accept).exact
    assert ping({"host": "a"}, {"host": "a", "timeout": 2}, optional=frozenset(["timeout"])).exact
    assert ping({"host": "a", "timeout": 2.0}, {"host": "a", "timeout": 2}, optional=frozenset(["timeout"])).exact
    assert not ping({"host": "a", "timeout": 3}, {"host": "a", "timeout": 2}, optional=frozenset(["timeout"])).exact
    assert ping({"host": "a", "timeout": 9}, {"host": "a"}, accept={"timeout": (9,)}).exact


def test_each_property_of_an_object_has_its_row() -> None:
    found = ping({"host": "h", "options": {"x": 1}}, {"host": "h", "options": {"ttl": 5}})
    assert [(row.name, row.verdict, row.expected, row.got) for row in found.arguments[1:]] == [
        ("options.ttl", "missing", 5, 64),
        ("options.x", "unexpected", None, 1),
    ]


def test_wrong_tool_names_what_is_missing_and_unexpected() -> None:
    found = score("s", expect(ExpectedCall("ping", {"host": "h"})), calls(("note", {"text": "x"})), TOOLSET)
    assert (found.tool_correct, found.exact, found.schema_valid) == (False, False, True)
    assert {(row.name, row.verdict) for row in found.arguments} == {("host", "missing"), ("text", "unexpected")}


def test_no_tool() -> None:
    text, call = Parsed("text", text="NO_TOOL"), calls(("note", {"text": "x"}))
    assert score("s", Outcome(), text, TOOLSET).exact
    assert score("s", Outcome(), Parsed("text", text="Hello!"), TOOLSET).exact
    over_call = score("s", Outcome(), call, TOOLSET)
    assert not over_call.tool_correct and not over_call.exact and over_call.schema_valid
    missed = score("s", expect(ExpectedCall("note", {"text": "x"})), text, TOOLSET)
    assert not missed.tool_correct and not missed.exact and missed.schema_valid


@pytest.mark.parametrize("outcome", [Outcome(), Outcome((ExpectedCall("ping", {"host": "h"}),))])
def test_malformed_is_always_wrong(outcome: Outcome) -> None:
    found = score("s", outcome, Parsed("malformed", reason="no '}'"), TOOLSET)
    assert (found.tool_correct, found.exact, found.schema_valid) == (False, False, False)


@pytest.mark.parametrize("call", [("pong", {}), ("ping", {"host": 5}), ("ping", {}), ("ping", {"host": "h", "x": 1})])
def test_schema_violations(call: tuple[str, dict[str, Any]]) -> None:
    assert not score("s", Outcome(), calls(call), TOOLSET).schema_valid


def test_several_calls_match_in_any_order_unless_ordered() -> None:
    both = (ExpectedCall("ping", {"host": "a"}), ExpectedCall("ping", {"host": "b"}))
    swapped = calls(("ping", {"host": "b"}), ("ping", {"host": "a"}))
    assert score("s", expect(*both), swapped, TOOLSET).exact
    found = score("s", expect(*both, ordered=True), swapped, TOOLSET)
    assert found.tool_correct and not found.exact


def test_order_of_tools_counts_when_ordered() -> None:
    both = (ExpectedCall("ping", {"host": "a"}), ExpectedCall("note", {"text": "b"}))
    swapped = calls(("note", {"text": "b"}), ("ping", {"host": "a"}))
    assert score("s", expect(*both), swapped, TOOLSET).exact
    assert not score("s", expect(*both, ordered=True), swapped, TOOLSET).tool_correct


def test_missing_and_extra_calls_are_wrong() -> None:
    both = (ExpectedCall("ping", {"host": "a"}), ExpectedCall("note", {"text": "b"}))
    fewer = score("s", expect(*both), calls(("note", {"text": "b"})), TOOLSET)
    assert not fewer.tool_correct and not fewer.exact
    assert [(row.call, row.name, row.verdict) for row in fewer.arguments] == [
        (0, "host", "missing"),
        (1, "text", "match"),
    ]
    more = score("s", expect(both[1]), calls(("note", {"text": "b"}), ("note", {"text": "b"})), TOOLSET)
    assert not more.tool_correct and not more.exact
    assert more.arguments[-1].call == 1 and more.arguments[-1].verdict == "unexpected"


def test_best_assignment_is_not_the_greedy_one() -> None:
    """The first expected call could take either reply; only one choice leaves an exact match for the second."""
    first = ExpectedCall("ping", {"host": "a"}, accept={"host": ("b",)})
    second = ExpectedCall("ping", {"host": "a"})
    for got in (["a", "b"], ["b", "a"]):
        assert score("s", expect(first, second), calls(*(("ping", {"host": h}) for h in got)), TOOLSET).exact


def test_call_without_arguments_must_still_be_there() -> None:
    tool = Tool("status", "Status.", {"type": "object", "properties": {}})
    toolset = Toolset("t", (tool,))
    twice = expect(ExpectedCall("status"), ExpectedCall("status"))
    assert not score("s", twice, calls(("status", {})), toolset).exact
    assert score("s", twice, calls(("status", {}), ("status", {})), toolset).exact


def test_many_calls_are_scored_quickly() -> None:
    hosts = [f"h{i}" for i in range(12)]
    outcome = expect(*(ExpectedCall("ping", {"host": host}) for host in hosts))
    assert score("s", outcome, calls(*(("ping", {"host": host}) for host in reversed(hosts))), TOOLSET).exact
    more = expect(*(ExpectedCall("ping", {"host": host}) for host in hosts * 4))
    assert score("s", more, calls(*(("ping", {"host": host}) for host in hosts * 4)), TOOLSET).exact


def test_not_a_number_equals_nothing() -> None:
    assert not matches(EXACT, float("nan"), float("nan"), {})
    assert not matches(EXACT, float("inf"), float("inf"), {})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_every_json_value_equals_itself(value: Any) -> None:
    assert matches(EXACT, value, value, {})


@given(VALUES, VALUES)
def test_equality_is_symmetric(a: Any, b: Any) -> None:
    assert matches(EXACT, a, b, {}) == matches(EXACT, b, a, {})
