"""Reads the workbench's own JSONL: one ``Scenario.to_dict`` a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workbench.errors import Problem
from workbench.records import RecordError, Scenario
from workbench.scenarios.importing.rows import Row, json_lines, to_problem, with_defaults


def read(path: Path, toolset_name: str) -> Iterator[Row]:
    """One row a line; see ``importing.read``."""
    for line, data in json_lines(path):
        if isinstance(data, Problem):
            yield Row(line, data)
            continue
        try:
            row = with_defaults(data, toolset_name) if isinstance(data, dict) else data
            yield Row(line, Scenario.from_dict(row))
        except RecordError as error:
            yield Row(line, to_problem(error, path, line))
