"""JSON documents as rows: each entry of a list with the line where it begins. Knows no format."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from itertools import islice

from workbench.errors import Problem
from workbench.scenarios.importing.files import PROBE_BYTES, Source, json_or_none, read_text, text_lines
from workbench.scenarios.importing.rows import COMMENT, Value, json_lines, parsed

_DECODER = json.JSONDecoder()


def entries(source: Source, *keys: str) -> Iterator[Value]:
    """Each entry of a JSON list, of the list under one of the keys of an object, or else of JSONL.

    A document that is not JSON as a whole is one problem: where it breaks, nobody knows what belongs together.
    """
    if _is_lines(source, keys):
        yield from json_lines(source)
        return
    text = read_text(source.path).removeprefix("\ufeff")
    try:
        starts = list(_spans(text, keys))
    except (ValueError, RecursionError) as error:
        problem = _broken(error, text, source.name)
        yield problem.line, text, problem
        return
    line, done = 1, 0
    for start, end in starts:
        line, done = line + text.count("\n", done, start), start
        yield line, text[start:end], parsed(text[start:end], source.name, line)


def _broken(error: Exception, text: str, name: str) -> Problem:
    """Where and why a document is no JSON."""
    at = error.pos if isinstance(error, json.JSONDecodeError) else 0
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply, or a number is too long"
    hint = "Mend the file: nothing of it can be read while it is broken."
    return Problem(f"is not valid JSON: {reason} at character {column} of the line", "", line, name, hint)


def _is_lines(source: Source, keys: tuple[str, ...]) -> bool:
    """Is each line a value of its own, rather than a part of one document?"""
    lines = (text.strip("\ufeff \t\r\n") for _, text in text_lines(source) if not text.startswith(COMMENT))
    first, second = islice((*islice(filter(None, lines), 2), "", ""), 2)
    value = json_or_none(first)
    if not first.startswith(("{", "[")) or value is not None:
        whole = isinstance(value, list) or (
            isinstance(value, dict) and any(isinstance(value.get(k), list) for k in keys)
        )
        return not whole
    # The first line may be a broken one among good ones, or the opening of a document.
    return isinstance(json_or_none(second), dict) and (
        source.path.stat().st_size > PROBE_BYTES or json_or_none(read_text(source.path)) is None
    )


def _spans(text: str, keys: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where each entry of the document begins and ends. Raises JSONDecodeError where it is not JSON."""
    at = _blank(text, 0)
    if text[at : at + 1] == "[":
        at = yield from _list_spans(text, at)
    elif text[at : at + 1] == "{":
        at = yield from _object_spans(text, at, keys)
    else:
        raise json.JSONDecodeError("Expecting a list or an object", text, at)
    if (at := _blank(text, at)) < len(text):
        raise json.JSONDecodeError("Extra data", text, at)


def _list_spans(text: str, at: int) -> Generator[tuple[int, int], None, int]:
    at = _blank(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        _, end = _DECODER.raw_decode(text, at)
        yield at, end
        at = _blank(text, end)
        if text[at : at + 1] == "]":
            return at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _blank(text, at + 1)


def _object_spans(text: str, at: int, keys: tuple[str, ...]) -> Generator[tuple[int, int], None, int]:
    start, at = at, _blank(text, at + 1)
    found = False
    while text[at : at + 1] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _blank(text, at)
        if not isinstance(key, str) or text[at : at + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
        at = _blank(text, at + 1)
        if key in keys and text[at : at + 1] == "[":
            found = True
            at = yield from _list_spans(text, at)
        else:
            _, at = _DECODER.raw_decode(text, at)
        at = _blank(text, at)
        if text[at : at + 1] == ",":
            at = _blank(text, at + 1)
        elif text[at : at + 1] != "}":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    if not found:
        yield start, at + 1  # an object that is itself a row
    return at + 1


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
