"""Reads JSON rows of any shape, and what Parquet holds, as a table: ``columns`` says which key fills which field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from workbench.scenarios.importing import columns
from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import CONTAINERS, Head, Source
from workbench.scenarios.importing.rows import Found, Row, rows


def matches(head: Head) -> bool:
    return bool(head.keys) and not columns.choose(head.keys, {})[1]


def read(source: Source) -> Iterator[Row]:
    """One row an object; see ``importing.read``. The columns are those of the first object."""
    rows_there = (value for _, _, value in entries(replace(source, seen=None), *CONTAINERS))
    names = list(next((value for value in rows_there if isinstance(value, dict)), {}))
    chosen, problems = columns.choose(names, source.columns)
    placed = [replace(problem, line=1, file=source.name) for problem in problems or columns.passed_over(names, chosen)]
    if problems:
        yield from (Row(1, problem) for problem in placed)
        return
    yield Row(1, None, tuple(placed))

    def find(data: Mapping[str, Any]) -> Found:
        return Found(columns.to_fields(data, chosen))

    yield from rows(source, entries(source, *CONTAINERS), find)
