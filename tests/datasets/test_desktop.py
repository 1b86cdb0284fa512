"""The desktop dataset: large, on all systems, with templates to learn from."""

import json
from collections import Counter

import pytest

from workbench.records import Scenario, Toolset
from workbench.scenarios.generate.template_file import read_templates
from workbench.scenarios.generate.templates import check, fill
from workbench.scenarios.splitting import normalise
from workbench.workspace import SHIPPED_DATASETS

FOLDER = SHIPPED_DATASETS / "desktop"


@pytest.fixture(scope="module")
def toolset() -> Toolset:
    return Toolset.from_dict(json.loads((FOLDER / "toolset.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    lines = (FOLDER / "scenarios.jsonl").read_text(encoding="utf-8").splitlines()
    return [Scenario.from_dict(json.loads(line)) for line in lines]


def test_there_is_enough_for_a_first_router(toolset: Toolset, scenarios: list[Scenario]) -> None:
    splits = Counter(scenario.split for scenario in scenarios)
    assert len(scenarios) >= 800
    assert splits["test"] >= 200
    assert splits["validation"] >= 100
    assert {scenario.os for scenario in scenarios} == {"linux", "macos", "windows", "bsd"}
    assert {scenario.mode for scenario in scenarios} == {"diagnose", "act", "chat"}
    used = Counter((s.split, call.name) for s in scenarios for call in s.outcome.calls)
    assert all(used[split, name] >= 8 for split in ("train", "validation", "test") for name in toolset.tool_names)


def test_the_example_templates_fit_the_toolset_and_say_nothing_that_is_there(
    toolset: Toolset, scenarios: list[Scenario]
) -> None:
    file, problems = read_templates((FOLDER / "templates.toml").read_text("utf-8"))
    assert problems == [] and check(file, toolset) == []
    there = {normalise(scenario.request) for scenario in scenarios}
    drafts = list(fill(file, toolset.name, 0))
    assert len(drafts) > 500 and len({draft.outcome.label for draft in drafts}) == 7
    assert [draft.request for draft in drafts if normalise(draft.request) in there] == []
