"""Writes OpenHoof's JSONL: ``input.user_message``, ``output.tool_calls`` and ``metadata``.

What OpenHoof has no field for stands in ``metadata``, so that importing gives the scenario back. It cannot carry the
tools that are offered, ``accept``, ``optional``, ``rules``, nor the content of a tool turn beside its result.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from workbench.records import NO_TOOL, Message, Scenario, Toolset
from workbench.scenarios.exporting.chat_jsonl import message_row

FIELDS = ("id", "toolset", "os", "shell", "mode", "reasoning", "status", "split", "source", "ordered", "tags")


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """One line a scenario; the toolset is not needed."""
    for scenario in scenarios:
        yield json.dumps(_row(scenario), ensure_ascii=False) + "\n"


def _row(scenario: Scenario) -> dict[str, Any]:
    given: dict[str, Any] = {"user_message": scenario.request}
    if scenario.history:
        turns = (Message(turn.role, turn.content, turn.calls, turn.name, turn.result) for turn in scenario.history)
        given["history"] = [message_row(turn) for turn in turns]
    calls = [call.call.to_dict() for call in scenario.outcome.calls]
    output: dict[str, Any] = {"tool_calls": calls} if calls else {"tool_calls": [], "content": NO_TOOL}
    metadata = {key: value for key, value in scenario.to_dict().items() if key in FIELDS}
    return {"input": given, "output": output, "metadata": metadata}
