"""The shipped datasets keep what their cards say."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from workbench.records import Scenario, Toolset
from workbench.scenarios.validate import check_scenario, check_toolset
from workbench.workspace import SHIPPED_DATASETS


@pytest.fixture(scope="module", params=("desktop", "vetdesk"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def toolset(name: str) -> Toolset:
    return Toolset.from_dict(json.loads((SHIPPED_DATASETS / name / "toolset.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def scenarios(name: str) -> list[Scenario]:
    lines = (SHIPPED_DATASETS / name / "scenarios.jsonl").read_text(encoding="utf-8").splitlines()
    return [Scenario.from_dict(json.loads(line)) for line in lines]


def free_values(scenario: Scenario, toolset: Toolset) -> Iterator[Any]:
    """Argument values that the schema does not enumerate."""
    for call in scenario.outcome.calls:
        tool = toolset.tool(call.name)
        assert tool
        for name, value in call.arguments.items():
            schema = tool.properties[name]
            if schema["type"] == "boolean" or "enum" in schema or "enum" in schema.get("items", {}):
                continue
            yield from value if isinstance(value, list) else [value]


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def frame(scenario: Scenario, toolset: Toolset) -> str:
    text = scenario.request
    for value in sorted(map(str, free_values(scenario, toolset)), key=len, reverse=True):
        text = text.replace(value, " VALUE ")
    return words(text)


def test_every_call_satisfies_its_schema(toolset: Toolset, scenarios: list[Scenario]) -> None:
    assert check_toolset(toolset) == []
    assert [problem for scenario in scenarios for problem in check_scenario(scenario, toolset)] == []


def test_there_is_enough_of_everything(toolset: Toolset, scenarios: list[Scenario]) -> None:
    assert 12 <= len(toolset.tools) <= 16
    assert {scenario.status for scenario in scenarios} == {"approved"}
    sizes = {len(call.arguments) for scenario in scenarios for call in scenario.outcome.calls}
    assert sizes == {0, 1, 2, 3, 4}
    used = Counter((s.split, call.name) for s in scenarios for call in s.outcome.calls)
    assert all(used[split, tool] >= 15 for split in ("train", "test") for tool in toolset.tool_names)
    assert all(used["validation", tool] >= 4 for tool in toolset.tool_names)
    for split in ("train", "validation", "test"):
        none = [scenario.outcome.is_no_tool for scenario in scenarios if scenario.split == split]
        assert 0.1 < sum(none) / len(none) < 0.2


def test_text_values_stand_in_the_request(toolset: Toolset, scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        for value in free_values(scenario, toolset):
            assert not isinstance(value, str) or value in scenario.request, scenario.id


def test_no_request_twice_and_no_frame_in_two_splits(toolset: Toolset, scenarios: list[Scenario]) -> None:
    repeated = [text for text, n in Counter(words(scenario.request) for scenario in scenarios).items() if n > 1]
    assert repeated == []
    splits: dict[str, set[str | None]] = {}
    for scenario in scenarios:
        splits.setdefault(frame(scenario, toolset), set()).add(scenario.split)
    assert [text for text, where in splits.items() if len(where) > 1] == []


def test_no_test_value_occurs_in_train(toolset: Toolset, scenarios: list[Scenario]) -> None:
    def values(*splits: str) -> set[Any]:
        rows = (scenario for scenario in scenarios if scenario.split in splits)
        return {str(value).lower() for scenario in rows for value in free_values(scenario, toolset)}

    assert values("test") & values("train", "validation") == set()


def test_the_card_gives_the_right_numbers(name: str, scenarios: list[Scenario]) -> None:
    card = (SHIPPED_DATASETS / name / "CARD.md").read_text(encoding="utf-8")
    for split in ("train", "validation", "test"):
        rows = [scenario for scenario in scenarios if scenario.split == split]
        none = sum(scenario.outcome.is_no_tool for scenario in rows)
        several = sum(len(scenario.outcome.calls) > 1 for scenario in rows)
        assert f"| {split} | {len(rows)} | {none} | {several} |" in card
