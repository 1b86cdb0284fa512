"""Reads the CSV of Google's FunctionGemma Tuning Lab: user prompt, tool name, tool arguments as JSON.

A header is not required. Blanks behind the separators are passed over, as in the Lab's own example. Arguments that are
no JSON are a problem here: the Lab trains on ``{}`` instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.scenarios.importing import columns
from workbench.scenarios.importing.csv_file import Records, first_cells, read_record
from workbench.scenarios.importing.files import Head, Source, open_text
from workbench.scenarios.importing.rows import Row

COLUMNS = ("user prompt", "tool name", "tool arguments")
_CHOSEN = dict(zip(("request", "tool", "arguments"), COLUMNS, strict=True))
_LAST = ("tool arguments", "tool args", "tool arguments json", "tool args json", "arguments")


def matches(head: Head) -> bool:
    cells = [cell.strip() for cell in first_cells(head.text)]
    if len(cells) != 3 or "," not in head.text.split("\n", 1)[0]:
        return False
    return _is_header(cells) or (cells[2].startswith("{") and bool(cells[1]) and not cells[0].startswith(("{", "[")))


def read(source: Source) -> Iterator[Row]:
    """One row a record; see ``importing.read``."""
    with open_text(source.path, newline="") as file:
        for number, (line, cells, text) in enumerate(Records(file, ",", source.seen, skip_blanks=True)):
            if number == 0 and isinstance(cells, list) and _is_header([cell.strip() for cell in cells]):
                yield Row(line, None, text=text)
                continue
            yield read_record(source, line, cells, text, COLUMNS, _to_fields)


def _to_fields(cells: dict[str, str]) -> dict[str, Any]:
    return columns.to_fields(cells, _CHOSEN)


def _is_header(cells: list[str]) -> bool:
    names = [cell.lower().strip("[]") for cell in cells]
    return names[:2] == list(COLUMNS[:2]) and len(names) == 3 and names[2] in _LAST
