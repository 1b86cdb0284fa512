"""Is this value the expected one? By a rule, under a JSON Schema. Pure.

``exact``      equal as JSON: ``1`` is ``1.0``, ``"5"`` is not ``5``, ``true`` is not ``1``
``case-fold``  text is equal but for upper and lower case
``path``       text names the same file: ``\\`` is ``/``, ``a//b/./c/../d/`` is ``a/b/d``. Case counts, unless one of
               the two is written as on Windows (a drive letter or a backslash). No file is looked at
``tolerance``  numbers differ by no more than ``absolute`` or ``relative`` times the expected value, in exact decimals
``set``        lists hold the same entries, each as often, in any order; ``items`` is the rule for entries
``regex``      text matches ``pattern`` from beginning to end, or is the expected text. RE2's syntax: no pattern can
               take exponential time, and none gives another answer on a slower machine

A rule on an object or a list holds for all that is inside; what it does not apply to is compared exactly. In an object,
an omitted property stands for its declared default.
"""

from __future__ import annotations

import math
import ntpath
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import re2

from workbench.errors import Problem, WorkbenchError
from workbench.records import Rule
from workbench.scenarios.assignment import can_pair
from workbench.scenarios.places import ABSENT, members

EXACT = Rule()
_WINDOWS = re.compile(r"[A-Za-z]:|.*\\", re.DOTALL)


class PatternError(WorkbenchError):
    """A pattern that RE2 cannot read."""


def matches(rule: Rule, expected: Any, got: Any, schema: Mapping[str, Any]) -> bool:
    """Whether the value counts as the expected one. Raises PatternError for a broken pattern."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        properties = members(schema, "properties")
        names = {*expected, *got}
        return all(_same_property(rule, expected, got, name, members(properties, name)) for name in names)
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        return _same_list(rule, expected, got, members(schema, "items"))
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return _is_finite(expected) and _is_finite(got) and _same_number(rule, expected, got)
    if isinstance(expected, str) and isinstance(got, str):
        return expected == got or _SAME_TEXT.get(rule.kind, _never)(rule, expected, got)
    return type(expected) is type(got) and bool(expected == got)


def check_rule(rule: Rule, value: Any, path: str) -> list[Problem]:
    """What is wrong with a rule for this value, which may be ``ABSENT``: a broken pattern, a value it cannot judge."""
    if rule.items:
        problems = check_rule(rule.items, ABSENT, f"{path}.items")
        if problems:
            return problems
    if rule.kind == "tolerance":
        problems = [problem for name in ("absolute", "relative") for problem in _check_tolerance(rule, name, path)]
        if problems:
            return problems
    if rule.kind == "regex":
        if not rule.pattern:
            return [Problem("is missing", f"{path}.pattern", hint="Write what the whole text must match.")]
        try:
            pattern = compiled(rule.pattern)
        except PatternError as error:
            return [Problem(error.message, f"{path}.pattern", hint=error.hint)]
        if isinstance(value, str) and pattern.fullmatch(value) is None:
            message = f"the expected value {value!r} does not match the pattern"
            return [Problem(message, f"{path}.pattern", hint="The pattern must match the whole value.")]
    if value is ABSENT or rule.kind == "exact" or any(isinstance(one, _JUDGES[rule.kind]) for one in _inside(value)):
        return []
    fitting = {"tolerance": "numbers", "set": "lists"}.get(rule.kind, "text")
    return [Problem(f"the rule '{rule.kind}' is for {fitting}", path, hint="Choose another rule for this argument.")]


def _check_tolerance(rule: Rule, name: str, path: str) -> list[Problem]:
    value = getattr(rule, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        return [Problem("must be a number from 0 up", f"{path}.{name}", hint="Write a number such as 0.5.")]
    if name == "absolute" and rule.absolute == rule.relative == 0:
        hint = "Say by how much the number may differ, or by which share of it."
        return [Problem("the rule 'tolerance' has no tolerance", path, hint=hint)]
    return []


def _inside(value: Any) -> Iterator[Any]:
    """The value and all that is in it; true and false are no numbers here."""
    if not isinstance(value, bool):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ():
        yield from _inside(inner)


_JUDGES: Mapping[str, tuple[type, ...]] = {
    "case-fold": (str,),
    "path": (str,),
    "tolerance": (int, float),
    "set": (list, tuple),
    "regex": (str,),
}


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The pattern, read by RE2. Raises PatternError."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        hint = "RE2's syntax: look-around and back-references are not part of it."
        raise PatternError(f"'{pattern}' is not a usable pattern: {reason}", hint) from error


def _same_property(
    rule: Rule, expected: Mapping[str, Any], got: Mapping[str, Any], name: str, schema: Mapping[str, Any]
) -> bool:
    default = schema.get("default", ABSENT)
    return matches(rule, expected.get(name, default), got.get(name, default), schema)


def _same_list(rule: Rule, expected: Sequence[Any], got: Sequence[Any], schema: Mapping[str, Any]) -> bool:
    if len(expected) != len(got):
        return False
    if rule.kind == "set":
        items = rule.items or EXACT
        return can_pair([[matches(items, want, have, schema) for have in got] for want in expected])
    return all(matches(rule, want, have, schema) for want, have in zip(expected, got, strict=True))


def _same_number(rule: Rule, expected: float, got: float) -> bool:
    if expected == got or rule.kind != "tolerance":
        return expected == got
    # As written: 0.1 and 0.4 differ by 0.3, which they do not in binary.
    want, have, absolute, relative = map(_decimal, (expected, got, rule.absolute, rule.relative))
    return abs(want - have) <= max(absolute, relative * abs(want))


def _decimal(number: float) -> Fraction:
    return Fraction(number if isinstance(number, int) else repr(number))


def _is_finite(number: float) -> bool:
    # Not asked of whole numbers, which may be too large for the question.
    return isinstance(number, int) or math.isfinite(number)


def _same_case_folded(rule: Rule, expected: str, got: str) -> bool:
    return expected.casefold() == got.casefold()


def _same_path(rule: Rule, expected: str, got: str) -> bool:
    if not expected or not got:
        return False
    if _WINDOWS.match(expected) or _WINDOWS.match(got):
        return ntpath.normpath(expected).casefold() == ntpath.normpath(got).casefold()
    return posixpath.normpath(expected) == posixpath.normpath(got)


def _same_pattern(rule: Rule, expected: str, got: str) -> bool:
    try:
        return compiled(rule.pattern).fullmatch(got) is not None
    except UnicodeEncodeError:  # half of a character, which is no text
        return False


def _never(rule: Rule, expected: str, got: str) -> bool:
    return False


_SAME_TEXT: Mapping[str, Callable[[Rule, str, str], bool]] = {
    "case-fold": _same_case_folded,
    "path": _same_path,
    "regex": _same_pattern,
}
