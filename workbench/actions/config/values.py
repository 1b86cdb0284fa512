"""One value of a setting: its type, its limits, and what to say when it is wrong."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError

WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", tuple: "a list of texts"}
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class Rules:
    """What a value must be beside its type.

    Attributes:
        filled: whether a text must not be empty.
        secret: never shown; must be something that fits into an HTTP header.
        variable: name of its environment variable where it is not made of section and key.
    """

    least: float | None = None
    most: float | None = None
    filled: bool = False
    secret: bool = False
    variable: str = ""


def read_value(value: Any, kind: type[Any], rules: Rules) -> Any:
    """The value as the setting has it.

    Raises:
        WorkbenchError: it is of another type, or beyond the limits. A secret is not repeated.
    """
    if kind is tuple:
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise WorkbenchError("must be a list of texts", 'Write it like ["one", "two"].')
        return tuple(value)
    right = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        shown = "" if rules.secret else f", not {value!r}"
        raise WorkbenchError(f"must be {WORDS[kind]}{shown}", _written(kind))
    if rules.least is not None and rules.most is not None and not rules.least <= value <= rules.most:
        limits = f"from {rules.least:g} to {rules.most:g}"
        raise WorkbenchError(f"must be {limits}, not {value}", f"Choose a number {limits}.")
    if rules.filled and not value.strip():
        raise WorkbenchError("must not be empty", "Fill it, or leave the line out.")
    if rules.secret and not (value.isascii() and value.isprintable() and value == value.strip()):
        raise WorkbenchError("must be printable ASCII without spaces around it", "Choose another one.")
    return float(value) if kind is float else value


def from_text(text: str, kind: type[Any]) -> Any:
    """The value that a variable's text stands for; what it cannot stand for is given back as it is."""
    word = text.strip().lower()
    if kind is bool:
        return True if word in TRUE else False if word in FALSE else text
    if kind is tuple:
        return [one.strip() for one in text.split(",")]
    if kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            return text
        return number if math.isfinite(number) else text
    return text


def nearest(name: str, known: Iterable[str], fold: Callable[[str], str] = str.lower) -> str:
    """A hint: the known name that is closest, or all of them; ``fold`` writes a name as the known ones are written."""
    names = sorted(known)
    close = difflib.get_close_matches(fold(name), names, 1, 0.6)
    return f"Did you mean '{close[0]}'?" if close else f"There are {', '.join(names)}."


def _written(kind: type[Any]) -> str:
    return {str: 'Put it in quotes: "…".', bool: "Write true or false, without quotes."}.get(
        kind, "Write it without quotes."
    )
