"""The strict scorer: a reply against an outcome. Pure; knows no model and no store.

A reply is exact when the right tools were called and every argument is equal as JSON under its schema: ``1`` equals
``1.0``, ``"5"`` does not equal ``5``, ``true`` does not equal ``1``. An omitted argument stands for its declared
``default``. Unknown arguments fail. Malformed output is always wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from workbench.records import ArgumentScore, ExpectedCall, Outcome, Parsed, Score, ToolCall, Toolset
from workbench.scenarios.validate import check_call

MAX_ASSIGNED = 12
"""Up to this many calls the best assignment is searched; more are paired in the order written."""

_ABSENT = object()
_Quality = tuple[int, int, int]


def score(scenario_id: str, outcome: Outcome, parsed: Parsed, toolset: Toolset) -> Score:
    """Compare what a model said with what must happen."""
    if parsed.kind == "malformed":
        return Score(scenario_id, False, False, False, _compare_calls(outcome, (), toolset)[0])
    arguments, exact = _compare_calls(outcome, parsed.calls, toolset)
    valid = not any(check_call(call, toolset, "call") for call in parsed.calls)
    return Score(scenario_id, _same_tools(outcome, parsed.calls), exact, valid, arguments)


def equal(expected: Any, got: Any, schema: Mapping[str, Any]) -> bool:
    """Equality as JSON under a schema; an omitted property of an object stands for its declared default."""
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return math.isfinite(expected) and expected == got
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)):
        items = schema.get("items", {})
        items = items if isinstance(items, Mapping) else {}
        return len(expected) == len(got) and all(equal(a, b, items) for a, b in zip(expected, got, strict=True))
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        properties = schema.get("properties", {})
        names = {*expected, *got}
        return all(_same_property(expected, got, name, properties.get(name, {})) for name in names)
    return type(expected) is type(got) and bool(expected == got)


def _same_property(expected: Mapping[str, Any], got: Mapping[str, Any], name: str, schema: Mapping[str, Any]) -> bool:
    default = schema.get("default", _ABSENT)
    return equal(expected.get(name, default), got.get(name, default), schema)


def _same_tools(outcome: Outcome, calls: Sequence[ToolCall]) -> bool:
    expected, got = [call.name for call in outcome.calls], [call.name for call in calls]
    return expected == got if outcome.ordered else sorted(expected) == sorted(got)


def _compare_calls(
    outcome: Outcome, calls: Sequence[ToolCall], toolset: Toolset
) -> tuple[tuple[ArgumentScore, ...], bool]:
    """Argument scores by expected call (calls that nobody expected come last), and whether all is right."""
    pairs = _assign(outcome, calls, toolset)
    rows: list[ArgumentScore] = []
    for i, (expected, at) in enumerate(zip(outcome.calls, pairs, strict=True)):
        rows += _compare(i, expected, None if at is None else calls[at], toolset)
    extra = [call for at, call in enumerate(calls) if at not in pairs]
    for i, call in enumerate(extra, len(outcome.calls)):
        rows += [ArgumentScore(i, name, "unexpected", got=value) for name, value in _given(call.arguments).items()]
    named = all(
        at is not None and calls[at].name == expected.name for expected, at in zip(outcome.calls, pairs, strict=True)
    )
    return tuple(rows), named and not extra and all(row.verdict == "match" for row in rows)


def _assign(outcome: Outcome, calls: Sequence[ToolCall], toolset: Toolset) -> tuple[int | None, ...]:
    """For each expected call the index of the call that answers it best, or None."""
    expected = outcome.calls
    if outcome.ordered or len(expected) == 1 == len(calls) or max(len(expected), len(calls)) > MAX_ASSIGNED:
        return tuple(i if i < len(calls) else None for i in range(len(expected)))
    table = [[_quality(want, call, toolset) for call in calls] for want in expected]

    @cache
    def best(row: int, used: int) -> tuple[_Quality, tuple[int | None, ...]]:
        if row == len(expected):
            return (0, 0, 0), ()
        below, chosen = best(row + 1, used)
        options = [(below, (None, *chosen))]
        for at, here in enumerate(table[row]):
            if not used >> at & 1:
                below, chosen = best(row + 1, used | 1 << at)
                options.append(((here[0] + below[0], here[1] + below[1], here[2] + below[2]), (at, *chosen)))
        return max(options, key=lambda option: option[0])

    return best(0, 0)[1]


def _quality(expected: ExpectedCall, call: ToolCall, toolset: Toolset) -> _Quality:
    """Exact, right tool, number of right arguments: compared in this order."""
    if call.name != expected.name:
        return (0, 0, 0)
    verdicts = [row.verdict for row in _compare(0, expected, call, toolset)]
    right = verdicts.count("match")
    return (int(right == len(verdicts)), 1, right)


def _compare(index: int, expected: ExpectedCall, call: ToolCall | None, toolset: Toolset) -> list[ArgumentScore]:
    tool = toolset.tool(expected.name)
    properties = tool.properties if tool else {}
    wanted = _given(expected.arguments)
    given = _given(call.arguments) if call else {}
    if call is None or call.name != expected.name:
        missing = [ArgumentScore(index, name, "missing", expected=value) for name, value in wanted.items()]
        return missing + [ArgumentScore(index, name, "unexpected", got=value) for name, value in given.items()]
    names = [*wanted, *(name for name in given if name not in wanted)]
    return [_argument(index, name, expected, wanted, given, properties.get(name, {})) for name in names]


def _argument(
    index: int,
    name: str,
    expected: ExpectedCall,
    wanted: Mapping[str, Any],
    given: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> ArgumentScore:
    default = schema.get("default", _ABSENT)
    want, got = wanted.get(name, default), given.get(name, default)
    accepted = (*(() if want is _ABSENT else (want,)), *expected.accept.get(name, ()))
    shown = {"expected": wanted.get(name), "got": given.get(name, None if got is _ABSENT else got)}
    if got is not _ABSENT and any(equal(value, got, schema) for value in accepted):
        return ArgumentScore(index, name, "match", **shown)
    if name not in given:
        return ArgumentScore(index, name, "match" if name in expected.optional else "missing", **shown)
    return ArgumentScore(index, name, "unexpected" if not accepted else "differs", **shown)


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments without nulls: every dialect leaves them out, so null and absent mean the same."""
    return {name: value for name, value in arguments.items() if value is not None}
