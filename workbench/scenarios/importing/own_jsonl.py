"""Reads the workbench's own JSONL: one ``Scenario.to_dict`` a line."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import Head, Source
from workbench.scenarios.importing.rows import Found, Row, rows


def matches(head: Head) -> bool:
    return bool({"request", "expected"} & head.keys)


def read(source: Source) -> Iterator[Row]:
    """One row a line; see ``importing.read``."""
    return rows(source, entries(source), Found)
