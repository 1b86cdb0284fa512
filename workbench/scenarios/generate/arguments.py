"""Argument sets that try a tool's schema out: every choice, every optional on and off, every boundary.

Knows JSON Schema (2020-12), no request and no scenario. Nothing is random: the same schema gives the same sets. Each
satisfies its schema, for it is checked with the validator that checks people's calls.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.records import Tool, ToolCall, Toolset
from workbench.scenarios.generate.levels import Levels, Values
from workbench.scenarios.validate import check_call

MOST_COMBINATIONS = 24
"""Up to so many combinations all of them are made; beyond, each pair of values meets in at least one set."""
MOST_PAIRS = 6_000
"""Beyond so many pairs, each value stands in at least one set."""
ABSENT = object()
Row = tuple[int, ...]


@dataclass(frozen=True)
class ArgumentSets:
    """What was found for one tool.

    Attributes:
        sets: each satisfies the schema; the plainest first, none twice.
        uncovered: arguments with a value (as JSON, or ``left out``) that stands in no set, because no value is known
            that satisfies the schema, or the schema forbids it beside the others.
    """

    tool: str
    sets: tuple[Mapping[str, Any], ...]
    uncovered: tuple[tuple[str, str], ...] = ()


def argument_sets(tool: Tool, values: Values | None = None) -> ArgumentSets:
    """Sets for one tool.

    Args:
        values: text to use for an argument, by its name, instead of made-up words; only what satisfies the schema is
            used.
    """
    levels = Levels(tool.parameters, values or {})
    factors = [_factor(tool, name, levels) for name in tool.properties]
    names = list(tool.properties)
    missing = [(name, "any value") for name, found in zip(names, factors, strict=True) if not found]
    if any(name in tool.required for name, _ in missing):
        return ArgumentSets(tool.name, (), tuple(missing))
    # An optional argument for which no value is known is left out.
    factors = [found or [ABSENT] for found in factors]
    toolset = Toolset("", (tool,))
    good: dict[str, Mapping[str, Any]] = {}
    seen: set[tuple[int, int]] = set()
    for row in _rows([len(factor) for factor in factors]):
        chosen = {n: f[i] for n, f, i in zip(names, factors, row, strict=True) if f[i] is not ABSENT}
        if not check_call(ToolCall(tool.name, chosen), toolset, ""):
            good.setdefault(json.dumps(chosen, ensure_ascii=False), chosen)
            seen |= set(enumerate(row))
    unmet = [
        (names[at], "left out" if value is ABSENT else json.dumps(value, ensure_ascii=False))
        for at, factor in enumerate(factors)
        for i, value in enumerate(factor)
        if (at, i) not in seen and (names[at], "any value") not in missing
    ]
    return ArgumentSets(tool.name, tuple(good.values()), (*missing, *unmet))


def _factor(tool: Tool, name: str, levels: Levels) -> list[Any]:
    """The choices for one argument; that of leaving an optional one out comes first."""
    found = levels.of(tool.properties[name], name)
    return found if name in tool.required or not found else [ABSENT, *found]


def _rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows of choices, one index a factor: all, or each pair, or each value, as many as are reasonable."""
    total = 1
    for size in sizes:
        total *= size
    if total <= MOST_COMBINATIONS:
        yield from sorted(itertools.product(*map(range, sizes)), key=lambda row: (sum(map(bool, row)), row))
        return
    yield from _each_value(sizes)
    if sum(a * b for a, b in itertools.combinations(sizes, 2)) <= MOST_PAIRS:
        yield from _each_pair(sizes)


def _each_value(sizes: Sequence[int]) -> Iterator[Row]:
    """The first choice everywhere, then each other choice of each factor alone, then the last choice everywhere."""
    base = (0,) * len(sizes)
    yield base
    for at, size in enumerate(sizes):
        for i in range(1, size):
            yield (*base[:at], i, *base[at + 1 :])
    yield tuple(size - 1 for size in sizes)


def _each_pair(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows in which every pair of choices of two factors meets: greedy, a row a time (AETG, Cohen et al. 1997)."""
    places = range(len(sizes))
    # A dict keeps the order, so that the rows do not depend on hashes.
    open_pairs = dict.fromkeys(
        (a, i, b, j) for a, b in itertools.combinations(places, 2) for i in range(sizes[a]) for j in range(sizes[b])
    )
    while open_pairs:
        a, i, b, j = next(iter(open_pairs))
        row = {a: i, b: j}
        for at in places:
            if at not in row:
                row[at] = max(range(sizes[at]), key=lambda choice: _gain(row, at, choice, open_pairs))
        yield tuple(row[at] for at in places)
        for pair in _pairs(row):
            open_pairs.pop(pair, None)


def _gain(row: Mapping[int, int], at: int, choice: int, open_pairs: Mapping[Any, Any]) -> int:
    return sum(pair in open_pairs for pair in _pairs({at: choice}, row))


def _pairs(row: Mapping[int, int], others: Mapping[int, int] | None = None) -> Iterable[tuple[int, int, int, int]]:
    """The pairs of a row, or those between it and another."""
    if others is None:
        return [(a, i, b, j) for (a, i), (b, j) in itertools.combinations(sorted(row.items()), 2)]
    crossed = itertools.product(row.items(), others.items())
    return [(a, i, b, j) if a < b else (b, j, a, i) for (a, i), (b, j) in crossed]
