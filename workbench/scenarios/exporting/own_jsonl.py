"""Writes the workbench's own JSONL: one ``Scenario.to_dict`` a line. Carries everything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from workbench.records import Scenario, Toolset


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """One line a scenario; the toolset is not needed."""
    for scenario in scenarios:
        yield json.dumps(scenario.to_dict(), ensure_ascii=False) + "\n"
