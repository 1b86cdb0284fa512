"""Reads CSV: a header with the columns of ``cells.COLUMNS`` in any order, ``request`` and ``expected`` at least.

``expected`` and ``history`` hold JSON (or NO_TOOL), ``tags`` are separated by ``;``. The separator of cells is read off
the header: comma, semicolon or tab.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import Problem
from workbench.records import NO_TOOL, RecordError, Scenario
from workbench.scenarios.cells import COLUMNS, restore, split_tags
from workbench.scenarios.importing.rows import Row, open_bytes, parse_json, to_problem, with_defaults
from workbench.scenarios.validate import SURROGATE

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


def read(path: Path, toolset_name: str) -> Iterator[Row]:
    """One row a record; see ``importing.read``. A record may span lines: its first one counts."""
    with io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        first = file.readline()
        file.seek(0)
        records = _records(file, delimiter_of(first))
        header, problems = _header(next(records, (1, []))[1])
        for problem in problems:
            yield Row(1, Problem(problem.message, problem.field, 1, path.name, problem.hint))
        if header:
            for line, cells in records:
                yield _row(path, line, header, cells, toolset_name)


def delimiter_of(header: str) -> str:
    return max(",;\t", key=header.count)


def _records(file: io.TextIOWrapper, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """First line and cells of each record, or what is wrong with it as CSV; blank lines are passed over."""
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"is not valid CSV: {error}"
            continue
        if cells:
            yield line, cells


def _header(cells: list[str] | str) -> tuple[list[str], list[Problem]]:
    """The names of the columns, empty when the file cannot be read, and what is wrong with them."""
    if isinstance(cells, str):
        return [], [Problem(cells)]
    header = [cell.strip().lower() for cell in cells]
    fatal = [
        Problem("the column is missing", name, hint=f"Columns: {', '.join(COLUMNS)}.")
        for name in ("request", "expected")
        if name not in header
    ] + [Problem("the column stands twice", name, hint="Remove one.") for name in COLUMNS if header.count(name) > 1]
    unknown = [
        Problem("is not a known column and was passed over", name, hint=f"Columns: {', '.join(COLUMNS)}.")
        for name in header
        if name not in COLUMNS
    ]
    return ([] if fatal else header), fatal + unknown


def _row(path: Path, line: int, header: Sequence[str], cells: list[str] | str, toolset_name: str) -> Row:
    try:
        if isinstance(cells, str):
            raise RecordError("", cells, "Look for a quotation mark that is not closed or not doubled.")
        if len(cells) != len(header):
            hint = "Put cells that hold the separator between quotation marks."
            raise RecordError("", f"has {len(cells)} cells, the header has {len(header)}", hint)
        row = {name: restore(cell) for name, cell in zip(header, cells, strict=True) if name in COLUMNS}
        return Row(line, Scenario.from_dict(with_defaults(_values(row), toolset_name)))
    except RecordError as error:
        return Row(line, to_problem(error, path, line))


def _values(row: Mapping[str, str]) -> dict[str, Any]:
    """The row in the form of ``Scenario.to_dict``; empty cells are left out."""
    for name, cell in row.items():
        if SURROGATE.search(cell):
            raise RecordError(name, "is not UTF-8 text", "Save the file as UTF-8.")
    data: dict[str, Any] = {name: cell for name, cell in row.items() if cell}
    for name in ("status", "split"):
        if name in data:
            data[name] = data[name].strip().lower()
    if "expected" in data and data["expected"].strip() != NO_TOOL:
        data["expected"] = _json(data["expected"], "expected")
    elif "expected" in data:
        data["expected"] = NO_TOOL
    if "history" in data:
        data["history"] = _json(data["history"], "history")
    if "tags" in data:
        data["tags"] = _tags(data["tags"])
    if "ordered" in data:
        data["ordered"] = _truth(data["ordered"])
    return data


def _json(cell: str, column: str) -> Any:
    try:
        return parse_json(cell)
    except RecordError as error:
        hint = error.hint or f'Write JSON, such as [{{"name": "tool", "arguments": {{}}}}], or {NO_TOOL}.'
        raise RecordError(column, error.reason, hint) from error


def _tags(cell: str) -> list[str]:
    try:
        return split_tags(cell)
    except ValueError as error:
        raise RecordError("tags", "is not a list", "Separate tags with ';'.") from error


def _truth(cell: str) -> bool:
    value = _TRUTH.get(cell.strip().lower())
    if value is None:
        raise RecordError("ordered", "must be true or false")
    return value
