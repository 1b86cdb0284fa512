"""The shipped dataset keeps what its card says."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from workbench.records import Scenario, Toolset
from workbench.scenarios.generate.template_file import read_templates
from workbench.scenarios.generate.templates import check, fill
from workbench.scenarios.splitting import normalise
from workbench.scenarios.validate import check_scenario, check_toolset
from workbench.workspace import SHIPPED_DATASETS

FOLDER = SHIPPED_DATASETS / "desktop"


@pytest.fixture(scope="module")
def toolset() -> Toolset:
    return Toolset.from_dict(json.loads((FOLDER / "toolset.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    lines = (FOLDER / "scenarios.jsonl").read_text(encoding="utf-8").splitlines()
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
    splits = Counter(scenario.split for scenario in scenarios)
    assert len(scenarios) >= 800
    assert splits["test"] >= 200
    assert splits["validation"] >= 100
    assert {scenario.os for scenario in scenarios} == {"linux", "macos", "windows", "bsd"}
    assert {scenario.mode for scenario in scenarios} == {"diagnose", "act", "chat"}
    assert {scenario.status for scenario in scenarios} == {"approved"}
    sizes = {len(call.arguments) for scenario in scenarios for call in scenario.outcome.calls}
    assert sizes == {0, 1, 2, 3, 4}
    used = Counter((s.split, call.name) for s in scenarios for call in s.outcome.calls)
    assert all(used[split, name] >= 8 for split in ("train", "validation", "test") for name in toolset.tool_names)


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


def test_the_card_gives_the_right_numbers(scenarios: list[Scenario]) -> None:
    card = (FOLDER / "CARD.md").read_text(encoding="utf-8")
    for split in ("train", "validation", "test"):
        rows = [scenario for scenario in scenarios if scenario.split == split]
        none = sum(scenario.outcome.is_no_tool for scenario in rows)
        several = sum(len(scenario.outcome.calls) > 1 for scenario in rows)
        assert f"| {split} | {len(rows)} | {none} | {several} |" in card


def test_the_example_templates_fit_the_toolset_and_say_nothing_that_is_there(
    toolset: Toolset, scenarios: list[Scenario]
) -> None:
    file, problems = read_templates((FOLDER / "templates.toml").read_text("utf-8"))
    assert problems == [] and check(file, toolset) == []
    there = {normalise(scenario.request) for scenario in scenarios}
    drafts = list(fill(file, toolset.name, 0))
    assert len(drafts) > 500 and len({draft.outcome.label for draft in drafts}) == 7
    assert [draft.request for draft in drafts if normalise(draft.request) in there] == []
