"""Writes CSV that spreadsheets open without running anything in it. Carries everything."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

from workbench.records import Scenario, Toolset
from workbench.scenarios.cells import COLUMNS, defuse, join_tags


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """The header, then one record a scenario; the toolset is not needed."""
    yield _record(COLUMNS)
    for scenario in scenarios:
        yield _record(_cells(scenario))


def _cells(scenario: Scenario) -> list[str]:
    data = scenario.to_dict()
    expected = data["expected"]
    cells = {name: str(data.get(name, "")) for name in COLUMNS}
    cells["expected"] = expected if isinstance(expected, str) else json.dumps(expected, ensure_ascii=False)
    cells["tags"] = join_tags(scenario.tags)
    cells["tools"] = join_tags(scenario.tools)
    cells["ordered"] = "true" if scenario.outcome.ordered else ""
    cells["history"] = json.dumps(data["history"], ensure_ascii=False) if scenario.history else ""
    return [defuse(cells[name]) for name in COLUMNS]


def _record(cells: Sequence[str]) -> str:
    text = io.StringIO()
    # A record that begins with '#' could be taken for a comment unless its cells are quoted.
    quoted = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    (quoted if cells[0].startswith("#") else csv.writer(text, lineterminator="\r\n")).writerow(cells)
    return text.getvalue()
