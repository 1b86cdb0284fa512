"""Way ``schema``: one plain scenario for each argument set of each tool, and the sets as test vectors.

The requests are literal ("Search for files by name: name report, folder ~/music"): they show every value word for
word and are meant to be rewritten by a person or a teacher. They are pinned to train: such text measures nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

from workbench.records import ExpectedCall, Outcome, Scenario, Tool, ToolCall, Toolset
from workbench.scenarios.generate.arguments import ArgumentSets, argument_sets
from workbench.scenarios.generate.drafts import Context, draft, spaced
from workbench.scenarios.generate.levels import Values

SOURCE = "generate:schema"


def find_sets(
    toolset: Toolset, tools: Sequence[str] = (), values: Mapping[str, Values] | None = None
) -> list[ArgumentSets]:
    """The argument sets of each tool, or of the named ones; ``values`` are texts to use, by tool and argument."""
    chosen = [tool for tool in toolset.tools if not tools or tool.name in tools]
    return [argument_sets(tool, (values or {}).get(tool.name)) for tool in chosen]


def scenarios(toolset: Toolset, found: Sequence[ArgumentSets], contexts: Sequence[Context]) -> Iterator[Scenario]:
    """A draft for each set, the tools in turn, so that the first few show all of them. Contexts go round as well."""
    for i, (name, arguments) in enumerate(_in_turn(found)):
        tool = toolset.tool(name)
        assert tool is not None
        outcome = Outcome((ExpectedCall(name, arguments),))
        # Shifted after each round, so that a tool does not meet the same context again and again.
        context = contexts[(i + i // max(len(found), 1)) % len(contexts)]
        yield draft(toolset.name, say(tool, arguments), outcome, context, SOURCE, ("literal",), "train")


def vectors(found: Sequence[ArgumentSets]) -> Iterator[ToolCall]:
    """The sets as calls, tool by tool."""
    for one in found:
        for arguments in one.sets:
            yield ToolCall(one.tool, arguments)


def write_vectors(calls: Iterator[ToolCall]) -> Iterator[str]:
    """Pieces of a JSON file in the form of PC-AI's test vectors: a list of ``{"tool", "arguments"}``."""
    before = "[\n"
    for call in calls:
        data = {"tool": call.name, "arguments": call.to_dict()["arguments"]}
        yield before + json.dumps(data, ensure_ascii=False, indent=2)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def say(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """A request that asks for this very call, made of the tool's description and its arguments' names."""
    first = re.split(r"(?<=[.!?])\s|\n", tool.description.strip(), maxsplit=1)[0].rstrip(".!?: ")
    asked = spaced(first) or _words(tool.name)
    parts = [_part(name, value) for name, value in arguments.items()]
    return f"{asked}: {', '.join(parts)}" if parts else asked


def _part(name: str, value: Any) -> str:
    words = _words(name)
    if isinstance(value, bool):
        return f"{words} {'on' if value else 'off'}"
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return f"{words} {' and '.join(value)}"
    return f"{words} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"


def _words(name: str) -> str:
    """``sortBy`` and ``sort_by`` as ``sort by``."""
    return spaced(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_.-]+", " ", name)).lower()


def _in_turn(found: Sequence[ArgumentSets]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """First the first set of each tool, then the second of each, and so on."""
    columns = ([(one.tool, arguments) for arguments in one.sets] for one in found)
    return (pair for pair in chain.from_iterable(zip_longest(*columns)) if pair is not None)
