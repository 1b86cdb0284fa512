"""What dialects share: text from outside that could forge control tokens, and JSON read strictly.

Knows no format of its own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import Parsed, ToolCall

MAX_DEPTH = 32
"""A value nested deeper than this is malformed: no tool needs it, and recursion has an end."""

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class Malformed(Exception):
    """The reason a reply is not a call."""


def or_reason(read: Callable[[str], Parsed], raw: str) -> Parsed:
    """What a reader makes of a reply, or the reason with which it raised Malformed."""
    try:
        return read(raw)
    except Malformed as error:
        return Parsed("malformed", reason=str(error))


def strip(text: str, control: re.Pattern[str]) -> str:
    """Text without control tokens, also without those that appear only when others are taken out."""
    previous = None
    while previous != text:
        previous, text = text, control.sub("", text)
    return text


def write_json(value: Any, control: re.Pattern[str], indent: int | None = None) -> str:
    """JSON as chat templates write it. Control tokens in texts get an escape, so that nothing is lost or forged.

    Raises:
        WorkbenchError: the value holds something that JSON has no form for.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise WorkbenchError(
            f"A value cannot be written as JSON: {str(error).splitlines()[0]}.",
            "Use text, finite numbers, true, false, null, lists and objects.",
        ) from error
    # Outside of texts JSON has no '<'.
    return control.sub(lambda match: match.group().replace("<", "\\u003c"), text)


def read_json(text: str, at: int = 0) -> tuple[Any, int]:
    """The JSON value that begins at ``at`` or behind the blanks there, and the place behind it.

    Stricter than ``json``: no NaN and no infinity, no key twice, no half characters, no nesting beyond ``MAX_DEPTH``.

    Raises:
        Malformed: with the reason.
    """
    at = skip_blank(text, at)
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise Malformed("the JSON ends too early") from error
        raise Malformed(f"not JSON: {error.msg} near '{text[error.pos : error.pos + 20]}'") from error
    except RecursionError as error:
        raise Malformed(f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise Malformed("a number has too many digits") from error
    _check(value, 0)
    return value, end


def read_whole(text: str) -> Any:
    """The one JSON value that a text is. Raises Malformed when there is none or something stands behind it."""
    value, end = read_json(text)
    if text[end:].strip():
        raise Malformed(f"text behind the JSON: '{text[end:].strip()[:20]}'")
    return value


def skip_blank(text: str, at: int) -> int:
    """The first place at or behind ``at`` that is no blank."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def expect(text: str, at: int, token: str, reason: str) -> int:
    """The place behind a token that must begin at ``at`` or behind the blanks there. Raises Malformed(reason)."""
    at = skip_blank(text, at)
    if not text.startswith(token, at):
        raise Malformed(reason)
    return at + len(token)


def plain(text: str, control: re.Pattern[str]) -> str:
    """Text without the blanks around it. Raises Malformed when a control token stands in it."""
    if stray := control.search(text):
        raise Malformed(f"stray {stray.group()} outside a call")
    return text.strip()


def as_call(value: Any, arguments: str, extra: Collection[str] = ()) -> ToolCall:
    """The call that an object with ``name`` and arguments under the key ``arguments`` writes.

    Args:
        extra: keys that may stand beside them.

    Raises:
        Malformed: it is something else.
    """
    if not isinstance(value, Mapping):
        raise Malformed("a call is not an object")
    name = value.get("name")
    if not isinstance(name, str) or not name.strip():
        raise Malformed("a call has no 'name'")
    if not isinstance(value.get(arguments), Mapping):
        problem = "is not an object" if arguments in value else "is missing"
        raise Malformed(f"'{arguments}' of the call of {name} {problem}")
    for key in value:
        if key not in ("name", arguments, *extra):
            raise Malformed(f"the call of {name} has a key '{key}' that means nothing here")
    return ToolCall(name, value[arguments])


def without_nulls(value: Any) -> Any:
    """A value whose objects have no nulls: null and absent mean the same, and a model must not learn to write them."""
    if isinstance(value, Mapping):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [without_nulls(inner) for inner in value]
    return value


def _no_constant(text: str) -> Any:
    raise Malformed(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed(f"the number {text[:20]} is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise Malformed(f"'{next(key for key in keys if keys.count(key) > 1)}' occurs twice")
    return found


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str) and _HALF_CHARACTER.search(value):
        raise Malformed("a text holds half a character")
    if isinstance(value, dict):
        for key, inner in value.items():
            _check(key, depth)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
