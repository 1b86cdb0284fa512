"""The pretraining generator: valid calls, values that stand in the request, nothing of the shipped toolset."""

import json
import random
import re
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.starter_rows import text_values
from workbench.inference.starter.assistants import load_assistants
from workbench.inference.starter.generator import Difficulty, make_row, rows
from workbench.inference.starter.lexicon import load_lexicon
from workbench.inference.starter.numbers import DURATIONS, NUMBER_NAMES, NUMBER_WORDS, SUMS, WEIGHTS
from workbench.inference.starter.phrasing import Draft
from workbench.records import Toolset
from workbench.scenarios.validate import check_call, check_toolset
from workbench.workspace import SHIPPED_DATASETS


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 16))
def test_calls_are_valid_and_texts_stand_in_the_request(seed: int, n_tools: int) -> None:
    row = make_row(random.Random(seed), load_lexicon(), Difficulty(n_tools, n_tools, requests=12))
    assert check_toolset(row.toolset) == []
    for scenario in row.scenarios:
        for call in scenario.outcome.calls:
            assert check_call(call.call, row.toolset, "call") == []
        assert [text for text in text_values(row, scenario) if text not in scenario.request] == []


@pytest.fixture(scope="module")
def synonyms() -> dict[str, set[str]]:
    """What people say for each value that an enum has."""
    lexicon = load_lexicon()
    entries = [*lexicon.enums, *(argument for kind in lexicon.archetypes for argument in kind.get("args", {}).values())]
    found: dict[str, set[str]] = {}
    for entry in entries:
        for value, said in entry.get("values", {}).items():
            found.setdefault(value, set()).update(said)
    return found


def number_words() -> dict[float, set[str]]:
    said: dict[float, set[str]] = {}
    tables = [NUMBER_WORDS.items(), NUMBER_NAMES, WEIGHTS, SUMS, *DURATIONS.values()]
    for value, words_of in (pair for table in tables for pair in table):
        said.setdefault(value, set()).add(words_of)
    for tens in range(20, 100, 10):
        for one in range(1, 10):
            names = NUMBER_WORDS[tens], NUMBER_WORDS[one]
            said.setdefault(tens + one, set()).update((" ".join(names), "-".join(names)))
    return said


def test_choices_and_numbers_are_said_by_a_known_rule(synonyms: dict[str, set[str]]) -> None:
    actions = {name for action in load_lexicon().actions for name in action["names"]}
    numbers = number_words()
    seen: Counter[str] = Counter()
    for row in islice(rows(21, lambda: Difficulty(4, 10)), 80):
        for scenario in row.scenarios:
            for call in scenario.outcome.calls:
                tool = row.toolset.tool(call.name)
                assert tool
                for name, value in call.arguments.items():
                    schema = tool.properties[name]
                    if schema["type"] in ("integer", "number"):
                        known = {repr(value), *numbers.get(value, ())}
                    elif "enum" in schema and not (value in actions and set(schema["enum"]) <= actions):
                        known = synonyms[value]
                    else:
                        continue
                    seen[str(schema["type"])] += 1
                    assert any(text in scenario.request for text in known), (value, scenario.request)
    assert min(seen["string"], seen["integer"], seen["number"]) >= 20, seen


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


@pytest.fixture(scope="module", params=("desktop", "vetdesk"))
def shipped(request: pytest.FixtureRequest) -> Path:
    return SHIPPED_DATASETS / str(request.param)


def described(toolset: Toolset) -> set[str]:
    schemas = [schema for tool in toolset.tools for schema in tool.properties.values()]
    return {tool.description for tool in toolset.tools} | {str(schema.get("description", "")) for schema in schemas}


def test_nothing_of_a_shipped_toolset_occurs(shipped: Path) -> None:
    toolset = Toolset.from_dict(json.loads((shipped / "toolset.json").read_text()))
    lines = (shipped / "scenarios.jsonl").read_text().splitlines()
    requests = {words(json.loads(line)["request"]) for line in lines}
    requests = {request for request in requests if request.count(" ") >= 3}
    for row in islice(rows(99, lambda: Difficulty(4, 12, written=0.5)), 400):
        assert not set(row.toolset.tool_names) & set(toolset.tool_names)
        assert not described(row.toolset) & described(toolset) - {""}
        assert not {words(scenario.request) for scenario in row.scenarios} & requests


def test_no_shipped_name_or_description_can_be_made_of_the_lexicon(shipped: Path) -> None:
    toolset = Toolset.from_dict(json.loads((shipped / "toolset.json").read_text()))
    lexicon = load_lexicon()
    nouns = {name.replace(" ", "_") for domain in lexicon.domains for o in domain["objects"] for name in o["names"]}
    verbs = {name.replace(" ", "_") for action in lexicon.actions for name in action["names"]}
    names = {name for verb in verbs for noun in nouns for name in (f"{verb}_{noun}", f"{noun}_{verb}")}
    names |= {name.replace("{o}", noun) for kind in lexicon.archetypes for name in kind["names"] for noun in nouns}
    assert not (names | verbs | nouns) & set(toolset.tool_names)
    arguments = [*lexicon.params, *lexicon.enums, *lexicon.flags]
    arguments += [argument for kind in lexicon.archetypes for argument in kind.get("args", {}).values()]
    assert not {text for argument in arguments for text in argument["describe"]} & described(toolset)


def test_no_written_assistant_shares_words_with_a_shipped_dataset(shipped: Path) -> None:
    toolset = Toolset.from_dict(json.loads((shipped / "toolset.json").read_text()))
    requests = {words(json.loads(line)["request"]) for line in (shipped / "scenarios.jsonl").read_text().splitlines()}
    for assistant in load_assistants():
        ours = Toolset("written", assistant.tools)
        assert not set(ours.tool_names) & set(toolset.tool_names), assistant.name
        assert not described(ours) & described(toolset) - {""}, assistant.name
        assert not {words(scenario.request) for scenario in assistant.scenarios} & requests, assistant.name


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
