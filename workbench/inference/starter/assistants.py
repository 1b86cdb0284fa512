"""Pretraining rows from written assistants: toolsets as products have them, and what people said to them.

The generator's sentences are many but made of parts; these are fewer and nobody combined them. So that few teach much,
each time other tools are declared, values are exchanged, names are disguised and typing noise is new.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from workbench.inference.starter import values
from workbench.inference.starter.lexicon import FOLDER, Lexicon
from workbench.inference.starter.phrasing import Draft
from workbench.records import ExpectedCall, Outcome, Scenario, Tool

MIXED_SHARE = 0.35
"""Share of rows that also declare other assistants' tools."""
EXCHANGED, OWN_SHARE = 0.45, 0.55
"""Share of values that are exchanged, and of these, the share that is taken from other requests for the argument."""
NO_TOOL_SHARE = 0.15
LARGEST_NUMBER = 60


@dataclass(frozen=True)
class Assistant:
    """A toolset and what people said to it; each scenario's right outcome holds when all its tools are declared."""

    name: str
    tools: tuple[Tool, ...]
    scenarios: tuple[Scenario, ...]

    def said_for(self, tool: str, argument: str) -> list[str]:
        """The texts that requests gave for an argument."""
        calls = (call for scenario in self.scenarios for call in scenario.outcome.calls if call.name == tool)
        return [value for call in calls if isinstance(value := call.arguments.get(argument), str)]


@lru_cache(maxsize=1)
def load_assistants() -> tuple[Assistant, ...]:
    """Those in ``lexicon/assistants``, by name, read once.

    A file's first line has ``tools``; each other line has the request ``r`` and its calls ``c``, pairs of tool and
    arguments.
    """
    return tuple(_read(path.stem, path.read_text("utf-8")) for path in sorted((FOLDER / "assistants").glob("*.jsonl")))


def _read(name: str, text: str) -> Assistant:
    first, *rest = (json.loads(line) for line in text.splitlines() if line)
    tools = tuple(Tool.from_dict({"type": "function", "function": tool}) for tool in first["tools"])
    scenarios = [
        Scenario(f"{name}-{i}", name, one["r"], Outcome(tuple(ExpectedCall(tool, given) for tool, given in one["c"])))
        for i, one in enumerate(rest)
    ]
    return Assistant(name, tools, tuple(scenarios))


def draw_tools(rng: random.Random, assistants: Sequence[Assistant], n: int) -> tuple[list[Assistant], tuple[Tool, ...]]:
    """At most n tools with different names, and the assistants they come from: mostly one, the first."""
    chosen = [rng.choice(assistants)]
    tools = {tool.name: tool for tool in rng.sample(chosen[0].tools, min(n, len(chosen[0].tools)))}
    if rng.random() < MIXED_SHARE:
        tools = dict(rng.sample(list(tools.items()), min(len(tools), max(1, n // 2))))
        while len(tools) < n and len(chosen) < len(assistants):
            other = rng.choice([one for one in assistants if one not in chosen])
            chosen.append(other)
            more = rng.sample(other.tools, min(len(other.tools), max(1, n - len(tools)), rng.randint(1, 8)))
            tools = {tool.name: tool for tool in more} | tools
    found = list(tools.values())
    rng.shuffle(found)
    return chosen, tuple(found)


def draw_requests(
    rng: random.Random, chosen: Sequence[Assistant], tools: Sequence[Tool], n: int
) -> list[tuple[Assistant, Scenario]]:
    """At most n requests, each with its assistant, and what they want of these tools alone.

    A request for a tool that is not declared wants nothing, if all tools are of one assistant: nobody has read it
    against the others'.
    """
    names = {tool.name for tool in tools}
    wanted, nothing = [], []
    for one in chosen:
        own = {tool.name for tool in one.tools if tool in tools}
        for scenario in one.scenarios:
            called = {call.name for call in scenario.outcome.calls}
            if called and called <= own:
                wanted.append((one, scenario))
            elif not called or (len(chosen) == 1 and not called & names):
                nothing.append((one, replace(scenario, outcome=Outcome())))
    some = rng.sample(nothing, min(len(nothing), round(n * NO_TOOL_SHARE)))
    return some + rng.sample(wanted, min(len(wanted), n - len(some)))


def retell(
    rng: random.Random, lexicon: Lexicon, assistant: Assistant, scenario: Scenario
) -> tuple[str, tuple[ExpectedCall, ...], str]:
    """A request with other values and new typing noise, its calls, and its frame."""
    draft = Draft()
    text, calls = scenario.request, []
    uses = Counter(str(item) for call in scenario.outcome.calls for item in _flat(call.arguments.values()))
    for call in scenario.outcome.calls:
        tool = next(tool for tool in assistant.tools if tool.name == call.name)
        arguments = dict(call.arguments)
        for name in sorted(arguments, key=lambda name: -len(str(arguments[name]))):
            value = arguments[name]
            if uses[str(value)] == 1 and _occurs_once(text, str(value)):
                others = assistant.said_for(call.name, name)
                arguments[name] = _exchange(rng, lexicon, tool.properties[name], value, others)
                text = text.replace(str(value), draft.value(str(arguments[name])))
            else:
                for item in _flat([value]):
                    text = text.replace(item, draft.value(item)) if isinstance(item, str) and item else text
        calls.append(replace(call, arguments=arguments))
    request, frame = draft.finish(rng, lexicon, text)
    return request, tuple(calls), frame


def _flat(given: Iterable[Any]) -> Iterator[Any]:
    """Values, and the items of those that are lists."""
    for value in given:
        yield from value if isinstance(value, list) else [value]


def _occurs_once(text: str, words: str) -> bool:
    """Whether the words stand in the text once, and on their own."""
    return len(re.findall(rf"(?<![\w.,:/-]){re.escape(words)}(?![\w/-]|[.,:]\w)", text)) == 1 == text.count(words)


def _exchange(
    rng: random.Random, lexicon: Lexicon, schema: Mapping[str, Any], value: Any, others: Sequence[str]
) -> Any:
    """Another value of the same sort, or the same."""
    if rng.random() >= EXCHANGED or "enum" in schema or "pattern" in schema or "format" in schema:
        return value
    if schema["type"] == "integer" and value > 1:
        least, most = schema.get("minimum", 1), schema.get("maximum", max(LARGEST_NUMBER, 2 * value))
        return rng.randint(int(least), int(max(least, most)))
    if not isinstance(value, str):
        return value
    return rng.choice(others) if rng.random() < OWN_SHARE else values.text_value(rng, lexicon, _kind(rng, value))


def _kind(rng: random.Random, value: str) -> str:
    """The kind of ``values`` that looks like a text."""
    words = value.split()
    if "@" in value:
        return "email"
    if len(words) > 4:
        return rng.choice(("phrase", "phrase", "chore"))
    if len(words) > 1:
        return rng.choice(("goods", "term", "phrase", "chore", "place", "thing"))
    if "://" in value or value.startswith("www."):
        return "url"
    if any(letter.isdigit() for letter in value):
        return rng.choice(("ref", "code", "version"))
    return rng.choice(("person", "place") if value[:1].isupper() else ("thing", "word", "goods"))
