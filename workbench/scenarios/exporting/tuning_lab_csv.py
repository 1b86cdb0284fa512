"""Writes the CSV of Google's FunctionGemma Tuning Lab: user prompt, tool name, tool arguments as JSON; no header.

It carries request and call, and nothing else. Of several calls it carries the first; a scenario that calls nothing has
the tool name NO_TOOL. Blanks before a text are lost, for the Lab passes over them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from workbench.records import NO_TOOL, Scenario, Toolset
from workbench.scenarios.cells import defuse


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """One record a scenario; the toolset is not needed."""
    for scenario in scenarios:
        calls = scenario.outcome.calls
        name, arguments = (calls[0].name, calls[0].to_dict()["arguments"]) if calls else (NO_TOOL, {})
        text = io.StringIO()
        cells = [scenario.request, name, json.dumps(arguments, ensure_ascii=False)]
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([defuse(cell) for cell in cells])
        yield text.getvalue()
