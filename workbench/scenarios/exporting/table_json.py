"""Writes JSON rows that stand for a table: calls and history as JSON text. Carries everything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from workbench.records import Scenario


def write(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """One object a scenario; empty cells are left out."""
    for scenario in scenarios:
        data = scenario.to_dict()
        for field in ("expected", "history"):
            if not isinstance(data.get(field, ""), str):
                data[field] = json.dumps(data[field], ensure_ascii=False)
        if "ordered" in data:
            data["ordered"] = "true"
        yield json.dumps(data, ensure_ascii=False) + "\n"
