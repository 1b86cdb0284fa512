"""How many scenarios there are of each kind. Knows no database: the store counts the same cells with a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.records import NO_TOOL, Scenario, Split, Status
from workbench.scenarios.splitting import split_of


@dataclass(frozen=True)
class CoverageCell:
    """``n`` scenarios that share tool, OS, mode, split and status.

    Attributes:
        tool: a tool's name, or ``NO_TOOL``. A scenario with several calls counts once under each of its tools,
            so that cells add up to more than the number of scenarios.
        split: the resolved split, pinned or hashed.
    """

    tool: str
    os: str
    mode: str
    split: Split
    status: Status
    n: int


def tools_of(scenario: Scenario) -> tuple[str, ...]:
    """The distinct tools that a scenario calls, in the order of its calls; ``(NO_TOOL,)`` when it calls none."""
    return tuple(dict.fromkeys(call.name for call in scenario.outcome.calls)) or (NO_TOOL,)


def count(scenarios: Iterable[Scenario]) -> list[CoverageCell]:
    """The cells that are not empty, ordered by tool, OS, mode, split, status."""
    counts = Counter(
        (tool, scenario.os, scenario.mode, split_of(scenario), scenario.status)
        for scenario in scenarios
        for tool in tools_of(scenario)
    )
    return [CoverageCell(*key, n) for key, n in sorted(counts.items())]
