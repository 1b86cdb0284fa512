"""BFCL-compatible scoring against its tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios import bfcl_tables as tables
from workbench.records import ExpectedCall, Outcome, Parsed, Tool, ToolCall, Toolset
from workbench.scenarios.scoring.bfcl import check, score_bfcl
from workbench.scenarios.scoring.bfcl_replies import decode


def to_calls(calls: Any) -> list[ToolCall] | None:
    return None if calls is None else [ToolCall(call["name"], call["arguments"]) for call in calls]


def function(schema: Any) -> dict[str, Any]:
    return {"name": "f", "parameters": {"type": "dict", "properties": {"x": schema}, "required": ["x"]}}


@pytest.mark.parametrize(("schema", "accepted", "got", "error"), tables.VALUES)
def test_values(schema: Any, accepted: list[Any], got: Any, error: str) -> None:
    found = check("simple_python", [function(schema)], [{"f": {"x": accepted}}], [ToolCall("f", {"x": got})])
    assert (found.error_type, found.valid, bool(found.error)) == (error, not error, bool(error))


@pytest.mark.parametrize(("category", "functions", "answers", "calls", "error"), tables.CHECKS)
def test_categories(category: str, functions: Any, answers: Any, calls: Any, error: str) -> None:
    found = check(category, functions, answers, to_calls(calls))
    assert (found.error_type, found.valid, bool(found.error)) == (error, not error, bool(error))


def test_underscores_stand_for_dots_where_the_model_cannot_write_them() -> None:
    answers = [tables.play("A")]
    for name, underscores, valid in (
        ("music_play", True, True),
        ("music.play", True, False),
        ("music_play", False, False),
    ):
        call = ToolCall(name, {"artist": "A"})
        assert check("simple", [tables.PLAY], answers, [call], underscores).valid is valid


@pytest.mark.parametrize(("result", "calls"), tables.RESULTS)
def test_replies_are_decoded(result: Any, calls: Any) -> None:
    parsed = decode(result)
    assert (list(parsed.calls) if parsed.kind == "calls" else None) == to_calls(calls)
    assert bool(parsed.reason) == (calls is None)


@given(st.text(max_size=60) | st.text("[]()fgx=,'\"1+-*{}: ", max_size=30))
def test_any_text_is_calls_or_a_reason(text: str) -> None:
    parsed = decode(text)
    assert parsed.kind in ("calls", "malformed") and bool(parsed.reason) == (parsed.kind == "malformed")


# Scenarios of any origin

SEND = Tool(
    "send",
    "Send.",
    {
        "type": "object",
        "properties": {
            "to": {"type": "string"},
            "weight": {"type": "number"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "options": {"type": "object", "properties": {"fast": {"type": "boolean"}, "note": {"type": "string"}}},
            "parts": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        },
        "required": ["to"],
    },
)
TOOLSET = Toolset("post", (SEND,))
FULL = {
    "to": "New York",
    "weight": 2,
    "tags": ["A b"],
    "options": {"fast": True, "note": "x"},
    "parts": [{"name": "P"}],
}


@pytest.mark.parametrize(
    ("expected", "got", "error"),
    [
        (FULL, FULL, ""),
        (FULL, {**FULL, "to": "newyork", "tags": ["ab"], "weight": 2.0, "parts": [{"name": "p."}]}, ""),
        (FULL, {**FULL, "options": {"fast": True, "note": "X"}}, ""),
        (FULL, {**FULL, "options": {"fast": False, "note": "x"}}, "value_error:dict_value"),
        (FULL, {**FULL, "options": {"fast": True}}, "value_error:dict_key"),
        (FULL, {**FULL, "parts": []}, "value_error:list_dict_count"),
        (FULL, {**FULL, "weight": "2"}, "type_error:simple"),
        ({"to": "a"}, {"to": "a", "weight": 1}, "simple_function_checker:unexpected_param"),
        ({"to": "a", "weight": None}, {"to": "a"}, ""),
        ({"to": "a", "weight": 1}, {"to": "a"}, "simple_function_checker:missing_optional"),
    ],
)
def test_scenarios(expected: dict[str, Any], got: dict[str, Any], error: str) -> None:
    outcome = Outcome((ExpectedCall("send", expected),))
    assert score_bfcl(outcome, Parsed("calls", (ToolCall("send", got),)), TOOLSET).error_type == error


def test_accept_and_optional_are_bfcls_lists_of_values() -> None:
    call = ExpectedCall(
        "send",
        {"to": "a", "weight": 1, "options": {"fast": True, "note": "x"}},
        accept={"to": ("b",), "options.note": ("y",)},
        optional=frozenset(["weight", "options.fast"]),
    )
    outcome = Outcome((call,))
    right = {"to": "B", "options": {"note": "Y"}}
    assert score_bfcl(outcome, Parsed("calls", (ToolCall("send", right),)), TOOLSET).valid
    for wrong in ({**right, "to": "c"}, {**right, "options": {"note": "z"}}, {**right, "options": {}}, {"to": "b"}):
        assert not score_bfcl(outcome, Parsed("calls", (ToolCall("send", wrong),)), TOOLSET).valid


def test_a_kept_declaration_counts_before_the_schema() -> None:
    kept = {"name": "send", "parameters": {"type": "dict", "properties": {"to": {"type": "integer"}}, "required": []}}
    toolset = Toolset("post", (Tool("send", "", SEND.parameters, extra={"bfcl": kept}),))
    reply = Parsed("calls", (ToolCall("send", {"to": "5"}),))
    outcome = Outcome((ExpectedCall("send", {"to": 5}),))
    assert score_bfcl(outcome, reply, toolset).error_type == "type_error:simple"


@pytest.mark.parametrize(
    ("outcome", "parsed", "valid"),
    [
        (Outcome(), Parsed("text", text="Hello"), True),
        (Outcome(), Parsed("malformed", reason="x"), True),
        (Outcome(), Parsed("calls", (ToolCall("send"),)), False),
        (Outcome((ExpectedCall("send", {"to": "a"}),)), Parsed("text", text="Hello"), False),
        (Outcome((ExpectedCall("send", {"to": "a"}),)), Parsed("malformed", reason="x"), False),
        (
            Outcome((ExpectedCall("send", {"to": "a"}),) * 2, True),
            Parsed("calls", (ToolCall("send", {"to": "a"}),) * 2),
            True,
        ),
    ],
)
def test_no_tool_and_several(outcome: Outcome, parsed: Parsed, valid: bool) -> None:
    assert score_bfcl(outcome, parsed, TOOLSET).valid is valid
