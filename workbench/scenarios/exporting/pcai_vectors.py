"""Writes PC-AI's test vectors: a list of ``tool`` and ``arguments``, one entry for each expected call.

It carries the calls and nothing else: no request, and no scenario that calls nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from workbench.records import Scenario, Toolset


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """The list, an entry a line; the toolset is not needed."""
    yield "["
    separator = "\n"
    for scenario in scenarios:
        for expected in scenario.outcome.calls:
            call = expected.call.to_dict()
            entry = {"tool": call["name"], "arguments": call["arguments"]}
            yield separator + json.dumps(entry, ensure_ascii=False)
            separator = ",\n"
    yield "\n]\n"
