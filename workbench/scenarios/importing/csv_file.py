"""Reads CSV with a header; ``columns`` says which column fills which field.

``expected`` and ``history`` hold JSON (or NO_TOOL), ``tags`` are separated by ``;``. The separator of cells is read off
the header: comma, semicolon or tab.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from workbench.errors import Problem
from workbench.records import RecordError, Scenario
from workbench.scenarios.cells import restore
from workbench.scenarios.importing import columns
from workbench.scenarios.importing.files import BROKEN_BYTES, Head, Source, bytes_read, open_text
from workbench.scenarios.importing.rows import COMMENT, Row, broken_bytes, to_problem, with_defaults

_OPEN = "Look for a quotation mark that is not closed or not doubled."


def matches(head: Head) -> bool:
    if head.suffix in (".csv", ".tsv"):
        return True
    return {"request", "expected"} <= {cell.strip().lower() for cell in first_cells(head.text)}


def read(source: Source) -> Iterator[Row]:
    """One row a record; see ``importing.read``. A record may span lines: its first one counts."""
    with open_text(source.path, newline="") as file:
        delimiter = _delimiter_in(file)
        records = Records(file, delimiter, source.seen)
        line, header, text = next(iter(records), (1, [], ""))
        names, chosen, problems = _header(header, source)
        placed = [replace(problem, line=line, file=source.name) for problem in problems]
        if chosen is None:
            yield from (Row(line, problem, text=text) for problem in placed)
            return
        yield Row(line, None, tuple(placed), text=text)
        for line, cells, text in records:
            yield read_record(source, line, cells, text, names, lambda row: columns.to_fields(row, chosen))


def delimiter_of(header: str) -> str:
    return max(",;\t", key=header.count)


def first_cells(text: str) -> list[str]:
    """The cells of the first record that is no comment; empty where it is no CSV."""
    first = next((line for line in text.splitlines()[:50] if line.strip() and not line.startswith(COMMENT)), "")
    try:
        return next(csv.reader([first], delimiter=delimiter_of(first), skipinitialspace=True), [])
    except csv.Error:
        return []


class Records:
    """The records of a CSV file: first line, cells (or what is wrong with it as CSV), and text of each.

    Blank lines and comments are passed over.
    """

    def __init__(
        self,
        file: io.TextIOWrapper,
        delimiter: str,
        seen: Callable[[int], None] | None = None,
        skip_blanks: bool = False,
    ) -> None:
        self._file, self._seen = file, seen
        self._text: list[str] = []
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True, skipinitialspace=skip_blanks)

    def __iter__(self) -> Iterator[tuple[int, list[str] | str, str]]:
        while True:
            line, self._text = self._reader.line_num + 1, []
            cells: list[str] | str
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells = f"is not valid CSV: {error}"
            if cells:
                yield line, cells, "".join(self._text)
            if self._seen and line % 500 == 0:
                self._seen(bytes_read(self._file))

    def _lines(self) -> Iterator[str]:
        for line in self._file:
            if not self._text and line.startswith(COMMENT):
                yield "\n"  # a record of nothing, so that lines are counted on
            else:
                self._text.append(line)
                yield line


def _delimiter_in(file: io.TextIOWrapper) -> str:
    """The separator that the first record shows; the file begins anew."""
    first = file.readline(1 << 16)
    while first and (not first.strip() or first.startswith(COMMENT)):
        first = file.readline(1 << 16)
    file.seek(0)
    return delimiter_of(first)


def _header(cells: list[str] | str, source: Source) -> tuple[list[str], dict[str, str] | None, list[Problem]]:
    """Names of the columns, the column of each field (None when that cannot be said), and what is wrong."""
    if isinstance(cells, str):
        return [], None, [Problem(cells, hint=_OPEN)]
    names = [cell.strip().lower() for cell in cells]
    twice = [
        Problem("the column stands twice", name, hint="Remove one.")
        for name in dict.fromkeys(names)
        if names.count(name) > 1 and (name in columns.FIELDS or name in source.columns.values())
    ]
    chosen, problems = columns.choose(names, source.columns)
    if twice or problems:
        return names, None, twice + problems
    return names, chosen, columns.passed_over(names, chosen)


def read_record(
    source: Source,
    line: int,
    cells: list[str] | str,
    text: str,
    names: Sequence[str],
    to_fields: Callable[[dict[str, str]], dict[str, Any]],
) -> Row:
    """One record as a row; ``names`` are those of its cells."""
    try:
        if isinstance(cells, str):
            raise RecordError("", cells, _OPEN)
        if len(cells) != len(names):
            hint = "Put cells that hold the separator between quotation marks."
            raise RecordError("", f"has {len(cells)} cells, the header has {len(names)}", hint)
        for name, cell in zip(names, cells, strict=True):
            if BROKEN_BYTES in cell:
                return Row(line, broken_bytes(cell, source.name, line, name), text=text)
        data = to_fields({name: restore(cell) for name, cell in zip(names, cells, strict=True)})
        return Row(line, Scenario.from_dict(with_defaults(data, source.toolset)), text=text)
    except RecordError as error:
        return Row(line, to_problem(error, source.name, line), text=text)
