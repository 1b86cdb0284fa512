"""Writes Caro's examples: ``context``, ``user_query``, and a conversation with ``<think>`` and the call at its end.

It carries id, request, OS, shell, mode, tags, reasoning and calls. It cannot carry toolset, earlier turns, status,
split, source, order, the tools that are offered, ``accept``, ``optional``, ``rules``; nor blank lines around
the reasoning, tags that Caro's own fields express (``os:…``, ``preference:…``) in their place among the others, and
texts that hold FunctionGemma's or the reasoning's own marks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from workbench.records import NO_TOOL, TRIGGER, Scenario, Toolset
from workbench.scenarios.systems import OS_TAG, from_preference, system_of


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """The document, an example a line; of the toolset the system prompts are used."""
    yield '{"metadata": {"format": "FunctionGemma chat format with thinking blocks"}, "examples": ['
    separator = "\n"
    for scenario in scenarios:
        yield separator + json.dumps(_example(scenario, toolset), ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


def _example(scenario: Scenario, toolset: Toolset) -> dict[str, Any]:
    preferences, tags, system = _split_tags(scenario)
    context = {"os": system, "shell": scenario.shell, "user_preferences": preferences}
    context |= {"mode": scenario.mode} if scenario.mode else {}
    wishes = ", ".join(preferences) or "none"
    prompt = toolset.profile.system_for(scenario.mode) or TRIGGER
    asked = f"OS: {system}, Shell: {scenario.shell}, Preferences: {wishes}\nQuery: {scenario.request}"
    example = {
        "id": scenario.id,
        "context": context,
        "user_query": scenario.request,
        "conversation": [
            {"role": "developer", "content": prompt},
            {"role": "user", "content": asked},
            {"role": "model", "content": _reply(scenario)},
        ],
    }
    return example | ({"tags": tags} if tags else {})


def _reply(scenario: Scenario) -> str:
    think = f"<think>\n{scenario.reasoning}\n</think>\n" if scenario.reasoning else ""
    calls = "".join(
        f"<start_function_call>call:{call.name}{json.dumps(call.to_dict()['arguments'], ensure_ascii=False)}"
        "<end_function_call>"
        for call in (expected.call for expected in scenario.outcome.calls)
    )
    return think + (calls or NO_TOOL)


def _split_tags(scenario: Scenario) -> tuple[dict[str, Any], list[str], str]:
    """Preferences, the other tags, and the name of the system."""
    system = system_of(scenario.os, scenario.tags)
    found = {tag: from_preference(tag) for tag in scenario.tags}
    preferences = dict(pair for pair in found.values() if pair)
    told = f"{OS_TAG}{system}" if system not in ("darwin", scenario.os) else ""
    return preferences, [tag for tag in scenario.tags if not found[tag] and tag != told], system
