"""What is exported and imported again is what it was, down to 1 and 1.0 and the order of keys."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.strategies import SCENARIOS, TEXT
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome, PromptProfile, Scenario, Tool, Toolset
from workbench.scenarios.cells import defuse, join_tags, restore, split_tags
from workbench.scenarios.exporting import WRITERS, write
from workbench.scenarios.importing import READERS, detect, read, read_toolset

TOOL = Tool("look", "Look at it.", {"type": "object", "properties": {"n": {"type": "integer"}}})
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def toolset(style: str = "context") -> Toolset:
    return Toolset("desk", (TOOL,), PromptProfile(style=style))


def bodies(scenarios: list[Scenario]) -> list[str]:
    return [json.dumps(scenario.to_dict(), ensure_ascii=False) for scenario in scenarios]


def there_and_back(scenarios: list[Scenario], format: str, folder: Path, style: str = "context") -> list[Scenario]:
    path = folder / f"out.{format}"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(write(scenarios, toolset(style), format))
    return list(read(path, format=format))


def without_what_chat_loses(scenario: Scenario) -> Scenario:
    calls = tuple(ExpectedCall(call.name, call.arguments) for call in scenario.outcome.calls)
    return replace(scenario, outcome=Outcome(calls, scenario.outcome.ordered))


SEVERAL = st.lists(SCENARIOS, max_size=3, unique_by=lambda scenario: scenario.id)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
@QUICK
@given(scenarios=SEVERAL)
def test_whole_formats_give_the_very_same_scenarios(tmp_path: Path, format: str, scenarios: list[Scenario]) -> None:
    assert bodies(there_and_back(scenarios, format, tmp_path)) == bodies(scenarios)


@pytest.mark.parametrize("style", ["plain", "context", "router"])
@QUICK
@given(scenarios=SEVERAL)
def test_chat_gives_all_but_accept_and_optional(tmp_path: Path, style: str, scenarios: list[Scenario]) -> None:
    expected = [without_what_chat_loses(scenario) for scenario in scenarios]
    assert bodies(there_and_back(scenarios, "chat", tmp_path, style)) == bodies(expected)


def test_every_reader_has_its_writer() -> None:
    assert {*READERS, "bfcl-answers"} == {*WRITERS, "table"}


@pytest.mark.parametrize("format", ["jsonl", "csv", "chat"])
def test_detect_knows_what_was_written(tmp_path: Path, format: str) -> None:
    path = tmp_path / {"jsonl": "a.jsonl", "csv": "a.csv", "chat": "a.jsonl"}[format]
    path.write_text("".join(write([Scenario("a", "desk", "hi")], toolset(), format)), encoding="utf-8", newline="")
    assert detect(path) == format


def test_unknown_format_is_refused() -> None:
    with pytest.raises(WorkbenchError, match="jsonl, chat, csv"):
        write([], toolset(), "xlsx")


def test_chat_rows_are_what_other_trainers_expect() -> None:
    scenario = Scenario("a", "desk", "look twice", Outcome((ExpectedCall("look", {"n": 2}),)), os="linux")
    row = json.loads(next(write([scenario], toolset(), "chat")))
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
    assert row["messages"][1]["content"] == "OS: linux\nQuery: look twice"
    assert row["messages"][2]["tool_calls"] == [
        {"type": "function", "function": {"name": "look", "arguments": {"n": 2}}}
    ]
    assert row["tools"] == [TOOL.to_dict()]


def test_chat_export_declares_its_tools_again(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(write([Scenario("a", "desk", "hi")], toolset(), "chat")), encoding="utf-8")
    assert read_toolset(path, "desk").tools == (TOOL,)


def test_no_cell_of_a_csv_begins_like_a_formula() -> None:
    nasty = Scenario("=cmd()", "@desk", "-1+1", os="+x", shell="\tx", mode="\rx", tags=("=a",), reasoning="\uff1dx")
    header, record = csv.reader(write([nasty], toolset(), "csv"))
    assert not [cell for cell in header + record if cell.startswith(tuple("=+-@\t\r\n\uff1d"))]


@QUICK
@given(text=TEXT | st.text("'=+-@\t\r\n a", max_size=5))
def test_defuse_and_restore_are_inverses(text: str) -> None:
    assert restore(defuse(text)) == text


@QUICK
@given(tags=st.lists(TEXT.filter(str.strip), max_size=4))
def test_tags_survive_a_cell(tags: list[str]) -> None:
    assert split_tags(join_tags(tags)) == tags
