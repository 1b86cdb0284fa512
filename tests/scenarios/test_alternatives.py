"""Replies that differ from the right one in one decision."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.records import Tool, ToolCall, Toolset
from workbench.scenarios.alternatives import alternatives, first_difference

SERVICE = Tool(
    "service",
    "Control a service.",
    {
        "type": "object",
        "properties": {
            "action": {"type": "string", "enum": ["start", "stop"]},
            "name": {"type": "string"},
            "force": {"type": "boolean"},
            "wait": {"type": "integer"},
            "when": {"type": "array", "items": {"type": "string", "enum": ["day", "night"]}},
        },
        "required": ["action", "name"],
    },
)
TOOLSET = Toolset("net", (SERVICE, Tool("ping", "Test a host.", {"type": "object", "properties": {}})))
START = ToolCall("service", {"action": "start", "name": "nginx"})


def others(*calls: ToolCall) -> list[list[ToolCall]]:
    return list(alternatives(calls, TOOLSET))


@pytest.mark.parametrize(
    "arguments",
    [
        {"action": "stop", "name": "nginx"},
        {"action": "start", "name": ""},
        {"action": "start", "name": "nginx and"},
        {"action": "start", "name": "nginx", "force": True},
        {"action": "start", "name": "nginx", "wait": 1},
        {"action": "start", "name": "nginx", "when": []},
    ],
)
def test_another_value_and_one_argument_more(arguments: dict[str, object]) -> None:
    assert [ToolCall("service", arguments)] in others(START)


def test_an_optional_argument_less_but_no_required_one() -> None:
    full = ToolCall("service", {**START.arguments, "force": True})
    assert [START] in others(full)
    assert [ToolCall("service", {**START.arguments, "force": False})] in others(full)
    assert all({"action", "name"} <= set(calls[0].arguments) for calls in others(full) if calls and calls[0].arguments)


def test_items_of_an_enum() -> None:
    day = ToolCall("service", {**START.arguments, "when": ["day"]})
    said = [calls[0].arguments.get("when") for calls in others(day)]
    assert ["night"] in said and ["day", "day"] in said


def test_of_several_calls_one_differs() -> None:
    stop = ToolCall("service", {**START.arguments, "action": "stop"})
    assert others() == others(ToolCall("ping")) == []
    assert [stop, ToolCall("ping")] in others(START, ToolCall("ping"))
    assert [ToolCall("ping"), stop] in others(ToolCall("ping"), START)


@given(
    st.lists(
        st.sampled_from([START, ToolCall("ping"), ToolCall("service", {**START.arguments, "wait": 3})]), max_size=3
    )
)
def test_each_differs_in_one_call_and_unknown_tools_in_none(calls: list[ToolCall]) -> None:
    known = others(*calls)
    assert bool(known) == any(call.name == "service" for call in calls)
    for said in known:
        assert [call.name for call in said] == [call.name for call in calls]
        assert sum(one != right for one, right in zip(said, calls, strict=True)) == 1
    gone = ToolCall("gone", {"a": 1})
    assert others(*calls, gone) == [[*said, gone] for said in known]


def test_where_sequences_part() -> None:
    assert first_difference([1, 2, 3], [1, 9, 3]) == 1
    assert first_difference([1, 2], [1, 2, 3]) == first_difference([1, 2, 3], [1, 2]) == 2
    assert first_difference([], [1]) == 0
