"""What the readers share: rows with their line, strict JSON, and errors turned into problems. Knows no format."""

from __future__ import annotations

import codecs
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from workbench.errors import Problem, WorkbenchError
from workbench.records import RecordError, Scenario, canonical_json
from workbench.scenarios.validate import BROKEN_TEXT, SURROGATE

MAX_DEPTH = 64
"""Deepest nesting of JSON that is taken in; far beyond any honest call."""


class Row(NamedTuple):
    """One row of a file: the line where it begins, counted from 1, and what it holds or what is wrong with it."""

    line: int
    item: Scenario | Problem


def open_bytes(path: Path) -> IO[bytes]:
    """The file, open for reading; WorkbenchError where that is not possible."""
    try:
        return path.open("rb")
    except OSError as error:
        raise WorkbenchError(f"Cannot read {path}: {error.strerror}.", "Choose a file that you may read.") from error


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Line number and value of each line that is not blank; the value is a Problem where the line is no JSON."""
    with open_bytes(path) as file:
        for line, raw in enumerate(file, 1):
            content = raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw
            if not content.strip():
                continue
            try:
                yield line, parse_json(content.decode("utf-8"))
            except UnicodeDecodeError as error:
                message = f"is not UTF-8 text (byte {error.start + 1} of the line)"
                yield line, Problem(message, "", line, path.name, "Save the file as UTF-8.")
            except RecordError as error:
                yield line, to_problem(error, path, line)


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        RecordError: not JSON, or JSON that would not survive: a key given twice, NaN, half of a character, nesting
            beyond ``MAX_DEPTH``.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise RecordError("", f"is not valid JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise RecordError("", "is nested too deeply", f"At most {MAX_DEPTH} levels.") from error
    except ValueError as error:  # such as a number with thousands of digits
        raise RecordError("", f"is not usable JSON: {error}") from error
    _check_values(value)
    return value


def content_id(data: Any) -> str:
    """An id for a row that has none: the same content always gets the same one."""
    return f"s-{hashlib.sha256(canonical_json(data).encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def to_problem(error: RecordError, path: Path, line: int) -> Problem:
    return Problem(error.reason, error.path, line, path.name, error.hint)


def with_defaults(data: Mapping[str, Any], toolset_name: str) -> dict[str, Any]:
    """The row with an id and a toolset where it has none."""
    row = dict(data)
    if row.get("toolset") in (None, "") and toolset_name:
        row["toolset"] = toolset_name
    if row.get("id") in (None, ""):
        row["id"] = content_id(row)
    return row


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise RecordError("", f"the key '{twice}' stands twice in one object", "Keep one of them.")
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise RecordError("", f"{name} is not a JSON number", "Write an ordinary number, or leave the argument out.")


def _check_values(value: Any) -> None:
    """Walks level by level, for a hostile file must not exhaust the stack."""
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise RecordError("", "is nested too deeply", f"At most {MAX_DEPTH} levels.")
        for item in level:
            if isinstance(item, float) and not math.isfinite(item):
                raise RecordError("", "a number is too large")
            if isinstance(item, str) and SURROGATE.search(item):
                raise RecordError("", BROKEN_TEXT, "Write the character anew.")
        level = [inner for item in level for inner in _inside(item)]
        depth += 1


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    return item if isinstance(item, list) else []
