"""Writes PC-AI's scenarios: an object with a list of ``mode``, ``user_content`` and what must happen.

One call is ``tool_name`` with ``tool_arguments``, none is ``assistant_content``; several calls are a ``tool_sequence``
of objects with name and arguments, of which PC-AI itself reads the names. It carries id, request, mode, tags and calls.
It cannot carry toolset, OS, shell, reasoning, earlier turns, status, split, source, the tools that are offered,
``accept``, ``optional``, ``rules``, nor that several calls may come in any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from workbench.records import NO_TOOL, Scenario, Toolset


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """The document, an entry a line; the toolset is not needed."""
    yield '{"scenarios": ['
    separator = "\n"
    for scenario in scenarios:
        yield separator + json.dumps(_entry(scenario), ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


def _entry(scenario: Scenario) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": scenario.id, "mode": scenario.mode, "user_content": scenario.request}
    calls = [call.call.to_dict() for call in scenario.outcome.calls]
    if not calls:
        entry["assistant_content"] = NO_TOOL
    elif len(calls) == 1:
        entry |= {"tool_name": calls[0]["name"], "tool_arguments": calls[0]["arguments"]}
    else:
        entry["tool_sequence"] = [{"tool_name": call["name"], "tool_arguments": call["arguments"]} for call in calls]
    return entry | ({"tags": list(scenario.tags)} if scenario.tags else {})
