"""Each format of another program gives back what its writer says that it can carry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.strategies import SCENARIOS
from workbench.records import ExpectedCall, Outcome, Scenario, Tool, ToolCall, Toolset, Turn
from workbench.scenarios.exporting import SUFFIXES, write
from workbench.scenarios.importing import detect, read

TOOL = Tool("look", "Look at it.", {"type": "object", "properties": {"n": {"type": "number"}}})
DESK = Toolset("desk", (TOOL,))
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MARKS = re.compile("<think>|</think>|<start_function_call>|<end_function_call>|<escape>")


def called(outcome: Outcome, ordered: bool) -> Outcome:
    """The calls without accepted values and optional arguments."""
    return Outcome(
        tuple(ExpectedCall(call.name, call.arguments) for call in outcome.calls), ordered and bool(outcome.calls)
    )


def without_contents(history: tuple[Turn, ...]) -> tuple[Turn, ...]:
    return tuple(replace(turn, content="") if turn.role == "tool" else turn for turn in history)


def openai(scenario: Scenario) -> Scenario:
    # Results name their call, so that a tool's name is known only where its call stands before.
    outcome = called(scenario.outcome, False)
    return Scenario("", "desk", scenario.request, outcome, history=without_contents(scenario.history))


def pcai(scenario: Scenario) -> Scenario:
    several = len(scenario.outcome.calls) > 1
    tags = scenario.tags + (("no-arguments",) if several else ())
    outcome = called(scenario.outcome, several)
    return Scenario(scenario.id, "desk", scenario.request, outcome, mode=scenario.mode, tags=tags)


def caro(scenario: Scenario) -> Scenario:
    outcome = called(scenario.outcome, False)
    reasoning = scenario.reasoning.strip("\n") if scenario.reasoning else ""
    kept = {"os": scenario.os, "shell": scenario.shell, "mode": scenario.mode, "tags": scenario.tags}
    return Scenario(scenario.id, "desk", scenario.request, outcome, reasoning=reasoning, **kept)  # type: ignore[arg-type]


def openhoof(scenario: Scenario) -> Scenario:
    outcome = called(scenario.outcome, scenario.outcome.ordered)
    return replace(scenario, outcome=outcome, history=without_contents(scenario.history), tools=())


def bfcl(scenario: Scenario) -> Scenario:
    outcome = Outcome(tuple(replace(call, rules={}) for call in scenario.outcome.calls))
    return Scenario(scenario.id, "desk", scenario.request, outcome, history=without_contents(scenario.history))


def lab(scenario: Scenario) -> Scenario:
    return Scenario("", "desk", scenario.request, called(Outcome(scenario.outcome.calls[:1]), False))


CARRIED: dict[str, Callable[[Scenario], Scenario]] = {
    "openai": openai,
    "pcai": pcai,
    "caro": caro,
    "openhoof": openhoof,
    "bfcl": bfcl,
    "tuning-lab": lab,
}


def fits(format: str, scenario: Scenario) -> bool:
    """Is it a scenario that the format can carry as its writer says?"""
    text = json.dumps(scenario.to_dict(), ensure_ascii=False)
    names = [call.name for call in scenario.outcome.calls]
    plain = all(name == name.strip() and re.fullmatch(r"[^\s{<]+", name) for name in names)
    if format == "caro":
        known = scenario.os in ("", "linux", "macos", "windows", "bsd")
        return (
            plain
            and known
            and not MARKS.search(text)
            and not any(re.match("os:|preference:", t) for t in scenario.tags)
        )
    if format == "openai":
        return not MARKS.search(text) and all(turn.role != "tool" for turn in scenario.history)
    if format == "tuning-lab":
        return (
            plain
            and scenario.request == scenario.request.lstrip(" ")
            and "NO_TOOL" not in names
            and "none" not in names
        )
    if format == "pcai":
        return "NO_TOOL" not in names
    if format == "bfcl":
        return "irrelevance" not in scenario.id and all(map(alternatives_are_plain, scenario.outcome.calls))
    return True


def alternatives_are_plain(call: ExpectedCall) -> bool:
    """Are all values such that BFCL can list them: not empty text, none of them twice?"""
    for name, value in call.arguments.items():
        values = [value, *call.accept.get(name, ())]
        if "" in values or len({json.dumps(one) for one in values}) < len(values):
            return False
        if '""' in json.dumps(values) or (name in call.accept and not call.accept[name]):
            return False
    return True


def outside_ids(scenario: Scenario, format: str) -> Scenario:
    """Ids of digits get a prefix where every file of the kind has a number 1; blanks around an id are not kept."""
    id_ = scenario.id.strip() if format in ("pcai", "caro", "openhoof") else scenario.id
    return replace(scenario, id=f"{format}-{id_}" if id_.isdigit() and format in ("pcai", "caro", "openhoof") else id_)


def body(scenario: Scenario, with_id: bool) -> str:
    data = scenario.to_dict()
    data["status"] = scenario.status
    return json.dumps({key: value for key, value in data.items() if with_id or key != "id"}, ensure_ascii=False)


def there_and_back(scenarios: list[Scenario], format: str, folder: Path) -> list[Any]:
    path = folder / f"out{SUFFIXES[format]}"
    path.write_text("".join(write(scenarios, DESK, format)), encoding="utf-8", newline="")
    if format == "bfcl":
        answers = folder / "possible_answer" / path.name
        answers.parent.mkdir(exist_ok=True)
        answers.write_text("".join(write(scenarios, DESK, "bfcl-answers")), encoding="utf-8", newline="")
    return [item for item in read(path, "desk", format) if isinstance(item, Scenario)]


@pytest.mark.parametrize("format", list(CARRIED))
@QUICK
@given(data=st.data())
def test_what_a_format_can_carry_comes_back(tmp_path: Path, format: str, data: st.DataObject) -> None:
    fitting = SCENARIOS.map(lambda scenario: ready(scenario, format)).filter(lambda scenario: fits(format, scenario))
    scenarios = data.draw(st.lists(fitting, max_size=2, unique_by=lambda scenario: outside_ids(scenario, format).id))
    back = there_and_back(scenarios, format, tmp_path)
    expected = [outside_ids(CARRIED[format](scenario), format) for scenario in scenarios]
    with_id = format not in ("openai", "tuning-lab")
    assert [body(one, with_id) for one in back] == [body(one, with_id) for one in expected]


def ready(scenario: Scenario, format: str) -> Scenario:
    """The scenario with what hypothesis draws but rarely in a shape that the format knows."""
    if format == "caro":
        return replace(scenario, os="macos" if len(scenario.os) % 2 else "")
    if format == "openai":
        return replace(scenario, history=tuple(turn for turn in scenario.history if turn.role != "tool"))
    return scenario


def test_openai_results_find_their_call_again(tmp_path: Path) -> None:
    history = (
        Turn("user", "look"),
        Turn("assistant", "", (ToolCall("look", {"n": 1}),)),
        Turn("tool", name="look", result={"seen": 2}),
    )
    (back,) = there_and_back([Scenario("a", "desk", "again", history=history)], "openai", tmp_path)
    assert back.history == history


@QUICK
@given(scenarios=st.lists(SCENARIOS, max_size=3))
def test_vectors_carry_every_call_and_nothing_else(tmp_path: Path, scenarios: list[Scenario]) -> None:
    expected = [call for scenario in scenarios for call in called(scenario.outcome, False).calls]
    # Vectors have no ids: of equal ones each but the first gets an id with its line, and all are kept.
    back = there_and_back(scenarios, "pcai-vectors", tmp_path)
    assert [json.dumps(one.outcome.to_value()) for one in back] == [json.dumps([call.to_dict()]) for call in expected]


def test_caro_keeps_distributions_and_preferences(tmp_path: Path) -> None:
    tags = ("mine", "preference:prefer_modern_tools=true", "os:ubuntu")
    scenario = Scenario("a", "desk", "hi", os="linux", tags=tags)
    written = "".join(write([scenario], DESK, "caro"))
    context = json.loads(written)["examples"][0]["context"]
    assert (context["os"], context["user_preferences"]) == ("ubuntu", {"prefer_modern_tools": True})
    (back,) = there_and_back([scenario], "caro", tmp_path)
    assert (back.os, back.tags) == ("linux", tags)


@pytest.mark.parametrize("format", [*CARRIED, "pcai-vectors", "bfcl-answers"])
def test_what_is_written_is_recognised(tmp_path: Path, format: str) -> None:
    call = ExpectedCall("look", {"n": 1})
    path = tmp_path / f"out{SUFFIXES[format]}"
    lines = write([Scenario("a", "desk", "look", Outcome((call,)))], DESK, format)
    path.write_text("".join(lines), encoding="utf-8", newline="")
    assert detect(path) == format
