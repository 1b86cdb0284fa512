"""Rows of written assistants: what was right for all of a file's tools is right for those that a row declares."""

import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.starter_rows import text_values
from workbench.inference.starter.assistants import Assistant, draw_requests, draw_tools, load_assistants, retell
from workbench.inference.starter.generator import Difficulty, rows, written_row
from workbench.inference.starter.lexicon import load_lexicon
from workbench.records import ExpectedCall, Outcome, Scenario, Tool
from workbench.scenarios.validate import check_call, check_toolset


def tool(name: str, **properties: dict[str, object]) -> Tool:
    schema = {"type": "object", "properties": properties, "required": []}
    return Tool.from_dict({"type": "function", "function": {"name": name, "description": name, "parameters": schema}})


@pytest.fixture
def assistant() -> Assistant:
    tools = (
        tool("water", plant={"type": "string"}, litres={"type": "integer", "minimum": 1, "maximum": 9}),
        tool("prune", plant={"type": "string"}),
    )
    said = {
        "give the ficus 4 l": [("water", {"plant": "ficus", "litres": 4})],
        "the fern is dry": [("water", {"plant": "fern"})],
        "cut back the fern": [("prune", {"plant": "fern"})],
        "water the fern, then trim that fern": [("water", {"plant": "fern"}), ("prune", {"plant": "fern"})],
        "plants are great": [],
    }
    outcomes = {
        text: Outcome(tuple(ExpectedCall(name, given) for name, given in calls)) for text, calls in said.items()
    }
    return Assistant("garden", tools, tuple(Scenario(text, "garden", text, o) for text, o in outcomes.items()))


def test_a_request_for_a_missing_tool_wants_nothing_if_nobody_else_could_grant_it(assistant: Assistant) -> None:
    other = Assistant("kitchen", (tool("boil"),), ())
    alone = draw_requests(random.Random(0), [assistant], assistant.tools[:1], 100)
    assert {s.request: len(s.outcome.calls) for _, s in alone if s.request != "plants are great"} == {
        "give the ficus 4 l": 1,
        "the fern is dry": 1,
        "cut back the fern": 0,
    }
    mixed = draw_requests(random.Random(0), [assistant, other], (*assistant.tools[:1], *other.tools), 100)
    assert {s.request for _, s in mixed} == {"give the ficus 4 l", "the fern is dry", "plants are great"}


def test_values_change_in_the_request_and_in_the_call(assistant: Assistant) -> None:
    seen = set()
    for seed in range(300):
        request, (call,), frame = retell(random.Random(seed), load_lexicon(), assistant, assistant.scenarios[0])
        plant, litres = str(call.arguments["plant"]), str(call.arguments["litres"])
        assert plant in request and litres in request
        assert 1 <= int(litres) <= 9
        assert frame.count("_") == 2
        seen.add((plant, litres))
    assert len(seen) > 50
    assert "fern" in {plant for plant, _ in seen}, "a value is also taken from what others said"


def test_a_value_of_two_calls_stays(assistant: Assistant) -> None:
    for seed in range(50):
        request, calls, _ = retell(random.Random(seed), load_lexicon(), assistant, assistant.scenarios[3])
        assert [call.arguments["plant"] for call in calls] == ["fern", "fern"]
        assert request.count("fern") == 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 16))
def test_calls_are_valid_and_texts_stand_in_the_request(seed: int, most: int) -> None:
    difficulty = Difficulty(1, most, requests=12, invented=0.3)
    row = written_row(random.Random(seed), load_lexicon(), load_assistants(), difficulty)
    assert check_toolset(row.toolset) == []
    for scenario in row.scenarios:
        for call in scenario.outcome.calls:
            assert check_call(call.call, row.toolset, "call") == []
        assert [text for text in text_values(row, scenario) if text not in scenario.request] == []
    assert len(row.toolset.tools) <= most


def test_every_written_scenario_is_right() -> None:
    for assistant in load_assistants():
        names = [scenario.request for scenario in assistant.scenarios]
        assert len(set(names)) == len(names), assistant.name
        assert len(assistant.tools) >= 6
        for one in assistant.tools:
            assert sum(call.name == one.name for s in assistant.scenarios for call in s.outcome.calls) >= 8


def test_many_tools_are_drawn_from_several_assistants() -> None:
    drawn = [draw_tools(random.Random(seed), load_assistants(), 14) for seed in range(40)]
    assert {len(chosen) > 1 for chosen, _ in drawn} == {True, False}
    assert all(len({tool.name for tool in tools}) == len(tools) for _, tools in drawn)
    assert any(len(tools) == 14 for _, tools in drawn)


def test_the_share_of_written_rows_is_kept() -> None:
    known = {one.name for assistant in load_assistants() for one in assistant.tools}
    made = list(islice(rows(5, lambda: Difficulty(3, 6, invented=0.0, written=0.5)), 60))
    written = [row for row in made if set(row.toolset.tool_names) <= known]
    assert 15 < len(written) < 45
