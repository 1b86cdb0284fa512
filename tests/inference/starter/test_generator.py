"""The pretraining generator: valid calls, values that stand in the request, nothing of the shipped toolset."""

import json
import random
import re
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.inference.starter.generator import Difficulty, Row, make_row, rows
from workbench.inference.starter.lexicon import load_lexicon
from workbench.inference.starter.phrasing import Draft
from workbench.records import Scenario, Toolset
from workbench.scenarios.validate import check_call, check_toolset
from workbench.workspace import SHIPPED_DATASETS


def text_values(row: Row, scenario: Scenario) -> list[str]:
    """Text arguments that are copied from the request, not chosen from an enum."""
    found: list[str] = []
    for call in scenario.outcome.calls:
        tool = row.toolset.tool(call.name)
        assert tool
        for name, value in call.arguments.items():
            schema = tool.properties[name]
            if "enum" in schema or "enum" in schema.get("items", {}):
                continue
            found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 16))
def test_calls_are_valid_and_texts_stand_in_the_request(seed: int, n_tools: int) -> None:
    row = make_row(random.Random(seed), load_lexicon(), Difficulty(n_tools, n_tools, requests=12))
    assert check_toolset(row.toolset) == []
    for scenario in row.scenarios:
        for call in scenario.outcome.calls:
            assert check_call(call.call, row.toolset, "call") == []
        assert [text for text in text_values(row, scenario) if text not in scenario.request] == []


def test_same_seed_same_rows() -> None:
    first, again = (list(islice(rows(7, lambda: Difficulty(2, 6)), 5)) for _ in range(2))
    assert first == again
    assert first != list(islice(rows(8, lambda: Difficulty(2, 6)), 5))


def test_there_are_requests_for_nothing_and_for_several_tools() -> None:
    sizes = [len(s.outcome.calls) for row in islice(rows(3, lambda: Difficulty(3, 6)), 40) for s in row.scenarios]
    assert 0.1 < sizes.count(0) / len(sizes) < 0.2
    assert 0.02 < sum(size > 1 for size in sizes) / len(sizes) < 0.1


def test_typing_leaves_values_alone() -> None:
    lexicon = load_lexicon()
    for seed in range(200):
        draft = Draft()
        text = f"please open the {draft.object('garden gate')} {draft.value('My_File-1.txt')} now, 'it' would help"
        request, frame = draft.finish(random.Random(seed), lexicon, text)
        assert "My_File-1.txt" in request
        assert frame == "please open the _ _ now, 'it' would help"


def test_nothing_of_the_shipped_toolset_occurs() -> None:
    toolset = Toolset.from_dict(json.loads((SHIPPED_DATASETS / "desktop" / "toolset.json").read_text()))
    lines = (SHIPPED_DATASETS / "desktop" / "scenarios.jsonl").read_text().splitlines()
    shipped = {words(json.loads(line)["request"]) for line in lines}
    shipped = {request for request in shipped if request.count(" ") >= 3}
    descriptions = {tool.description for tool in toolset.tools}
    descriptions |= {schema["description"] for tool in toolset.tools for schema in tool.properties.values()}
    for row in islice(rows(99, lambda: Difficulty(4, 12)), 400):
        assert not set(row.toolset.tool_names) & set(toolset.tool_names)
        assert not {tool.description for tool in row.toolset.tools} & descriptions
        assert not {words(scenario.request) for scenario in row.scenarios} & shipped


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
