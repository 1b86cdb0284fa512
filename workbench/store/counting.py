"""Counts of scenarios along any two axes, and the approved ones for targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from workbench.records import ExpectedCall
from workbench.scenarios.targets import CATEGORY, Counts
from workbench.store.database import Store
from workbench.store.scenarios import NO_FILTER, ScenarioFilter, _where, stream

AXES = ("tool", "os", "mode", "shell", "category", "split", "status")


def table(
    store: Store, toolset: str, rows: str, columns: str, filter: ScenarioFilter = NO_FILTER
) -> Mapping[tuple[str, str], int]:
    """Scenarios by (row, column), each axis one of ``AXES``; pairs without a scenario are absent.

    A scenario counts under each of its tools and each of its categories, and under "" where it has no value.
    """
    where, params = _where(replace(filter, toolset=toolset))
    found = store.read(
        f"""SELECT {_axis(rows)} AS y, {_axis(columns)} AS x, count(DISTINCT id) AS n
            FROM (SELECT *, unnest(categories) AS category
                  FROM (SELECT *, unnest(tools) AS tool, {_CATEGORIES} AS categories FROM scenarios {where}))
            GROUP BY ALL""",
        [*_categories_of(store, toolset), *params],
    )
    return {(row["y"], row["x"]): row["n"] for row in found}


def approved_counts(store: Store, toolset: str) -> Counts:
    """Approved scenarios in all and by value; a value that only other scenarios have is there with 0."""
    sides = {
        "tool": "unnest(tools)",
        "category": f"unnest({_CATEGORIES})",
        "os": "os",
        "mode": "mode",
        "shell": "shell",
    }
    by = {}
    for axis, side in sides.items():
        marks = _categories_of(store, toolset) if axis == "category" else []
        rows = store.read(
            f"""SELECT value, count(*) FILTER (status = 'approved') AS n
                FROM (SELECT {side} AS value, status FROM scenarios WHERE toolset = ?) GROUP BY value ORDER BY value""",
            [*marks, toolset],
        )
        by[axis] = {row["value"]: row["n"] for row in rows}
    total = store.read("SELECT count(*) AS n FROM scenarios WHERE toolset = ? AND status = 'approved'", [toolset])
    return Counts(total[0]["n"], by)


def approved_calls(store: Store, toolset: str) -> Iterator[ExpectedCall]:
    """Every expected call of the approved scenarios."""
    for scenario in stream(store, ScenarioFilter(toolset=toolset, status="approved")):
        yield from scenario.outcome.calls


# The parameter says whether only tags that begin with "category:" are categories; it stands there twice.
_KEPT = f"list_filter(tags, lambda t: NOT ?::BOOLEAN OR starts_with(t, '{CATEGORY}'))"
_CATEGORIES = f"CASE WHEN len({_KEPT}) = 0 THEN [''] ELSE {_KEPT} END"


def _categories_of(store: Store, toolset: str) -> list[bool]:
    named = store.read(
        f"""SELECT coalesce(bool_or(len(list_filter(tags, lambda t: starts_with(t, '{CATEGORY}'))) > 0), false) AS named
            FROM scenarios WHERE toolset = ?""",
        [toolset],
    )[0]["named"]
    return [named, named]


def _axis(name: str) -> str:
    if name not in AXES:
        raise ValueError(f"not an axis: {name}")
    return name
