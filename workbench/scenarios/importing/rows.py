"""What the readers share: rows with their line, strict JSON, and errors turned into problems. Knows no format."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from workbench.errors import Problem
from workbench.records import NO_TOOL, RecordError, Scenario, Tool, canonical_json
from workbench.scenarios.importing.files import BROKEN_BYTES, MAX_LINE, Source, text_lines
from workbench.scenarios.validate import BROKEN_TEXT, SURROGATE

MAX_DEPTH = 64
"""Deepest nesting of JSON that is taken in; far beyond any honest call."""
COMMENT = "# line "
"""How a line begins that says why the next row was rejected; readers pass over it."""
NO_REQUEST, NO_ARGUMENTS, NO_ANSWER = "no-request", "no-arguments", "no-answer"
"""Tags of scenarios whose source lacks a part that every scenario needs."""


@dataclass(frozen=True)
class Row:
    """One row of a file: the line where it begins, counted from 1, and what it holds or what is wrong with it.

    Attributes:
        item: the scenario, or why the row cannot be read; None for what is no row, such as a header.
        problems: what is wrong with a row that can be read, beyond what checking it against its tools shows.
        tools: those that the row declares; None where it declares none.
        text: the row as it stands in the file.
    """

    line: int
    item: Scenario | Problem | None
    problems: tuple[Problem, ...] = ()
    tools: tuple[Tool, ...] | None = None
    text: str = ""


@dataclass(frozen=True)
class Found:
    """What a reader makes of one JSON value: the fields of a scenario, and notes on what the source lacks."""

    fields: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    tools: tuple[Tool, ...] | None = None


Value = tuple[int, str, Any]
"""Line, text and JSON value of a row; the value is a Problem where the text is no JSON."""


def rows(source: Source, values: Iterator[Value], find: Callable[[Any], Found]) -> Iterator[Row]:
    """Each value as a row; what ``find`` or the record refuses as a problem with its line."""
    for line, text, value in values:
        if isinstance(value, Problem):
            yield Row(line, value, text=text)
            continue
        try:
            if not isinstance(value, dict):
                raise RecordError("", "must be an object", "Write one JSON object a row.")
            found = find(value)
            scenario = Scenario.from_dict(with_defaults(found.fields, source.toolset))
            notes = tuple(replace(note, line=line, file=source.name) for note in found.problems)
            yield Row(line, scenario, notes, found.tools, text)
        except RecordError as error:
            yield Row(line, to_problem(error, source.name, line), text=text)


def json_lines(source: Source) -> Iterator[Value]:
    """Each line that is neither blank nor a comment."""
    for line, text in text_lines(source):
        if not text.strip("\ufeff \t\r\n") or text.startswith(COMMENT):
            continue
        if len(text) > MAX_LINE:
            message = f"is longer than {MAX_LINE >> 20} million characters"
            yield line, text[:1000], Problem(message, "", line, source.name, "Look for a missing line end.")
            continue
        yield line, text, parsed(text, source.name, line)


def parsed(text: str, name: str, line: int) -> Any:
    if BROKEN_BYTES in text:
        return broken_bytes(text, name, line)
    try:
        return parse_json(text.lstrip("\ufeff"))
    except RecordError as error:
        return to_problem(error, name, line)


def broken_bytes(text: str, name: str, line: int, field: str = "") -> Problem:
    """The problem of text that holds bytes of another encoding."""
    at = len(text[: text.index(BROKEN_BYTES)].encode("utf-8", "surrogatepass")) + 1
    return Problem(f"is not UTF-8 text (byte {at} of the line)", field, line, name, "Save the file as UTF-8.")


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


def parse_cell(text: str, field: str, hint: str = "") -> Any:
    """The JSON value of a text inside a row. Raises RecordError with the field."""
    try:
        return parse_json(text)
    except RecordError as error:
        raise RecordError(field, error.reason, error.hint or hint) from error


def call_from(name: Any, arguments: Any, path: str) -> dict[str, Any]:
    """A call in the form of ``ExpectedCall.to_dict``; arguments may be an object, its JSON text, or nothing.

    Raises:
        RecordError: no name, or arguments that are no object.
    """
    if not isinstance(name, str) or not name.strip():
        raise RecordError(path, "is not a call with a name")
    if isinstance(arguments, str):
        hint = 'Write the arguments by name, such as {"host": "a"}.'
        arguments = parse_cell(arguments, f"{path}.arguments", hint) if arguments.strip() else {}
    if arguments is not None and not isinstance(arguments, dict):
        raise RecordError(f"{path}.arguments", "must be an object", "Write the arguments by name.")
    return {"name": name, "arguments": arguments or {}}


def tools_from(value: Any, path: str) -> tuple[Tool, ...] | None:
    """The tools that a row declares, as a list or its JSON text; None where it declares none. Raises RecordError."""
    value = parse_cell(value, path) if isinstance(value, str) and value.strip() else value
    if not isinstance(value, list) or not value:
        return None
    found = {tool.name: tool for tool in (Tool.from_dict(row, f"{path}[{i}]") for i, row in enumerate(value))}
    if len(found) < len(value):
        raise RecordError(path, "declares a tool twice", "Keep one of the declarations.")
    return tuple(found.values())


def without_request(calls: list[dict[str, Any]]) -> tuple[str, Problem]:
    """A request for a row that has none, made from its call, and what to say about it."""
    call = calls[0] if calls else {"name": NO_TOOL, "arguments": {}}
    request = f"Use {call['name']} with {json.dumps(call['arguments'], ensure_ascii=False)}"
    return request, Problem("the source has no request; one was made from the call", "request", hint="Write your own.")


def content_id(data: Any) -> str:
    """An id for a row that has none: the same content always gets the same one."""
    return f"s-{hashlib.sha256(canonical_json(data).encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def outside_id(value: Any, prefix: str) -> str:
    """An id that another program gave; bare numbers get a prefix, for every file of the kind has a number 1."""
    text = "" if value is None or isinstance(value, (bool, list, dict)) else str(value).strip()
    return f"{prefix}-{text}" if text.isdigit() else text


def to_problem(error: RecordError, name: str, line: int) -> Problem:
    return Problem(error.reason, error.path, line, name, error.hint)


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
