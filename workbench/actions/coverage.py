"""Which tools, systems and modes the scenarios cover, and where they are thin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.actions.curate import toolset as get_toolset
from workbench.records import NO_TOOL, SPLITS, STATUSES
from workbench.store import counting
from workbench.store import scenarios as scenario_store
from workbench.store.database import Store
from workbench.store.scenarios import CoverageCell, ScenarioFilter


@dataclass(frozen=True)
class Coverage:
    """Counts of scenarios by tool, OS, mode, split and status.

    Attributes:
        tools: every tool of the toolset in its order, those without a scenario too, then NO_TOOL, then tools that
            only scenarios name.
        oses, modes: values that occur, sorted; the empty one ("any") last.
        cells: one count for each combination that occurs. A scenario with several calls counts under each of its tools.
        total: number of scenarios, each counted once.
        by_tool_shell, by_tool_category: counts by (tool, shell) and (tool, category); a scenario counts in each of its
            categories (see ``scenarios.targets.category_names``), and under "" where it has none.
    """

    toolset: str
    tools: tuple[str, ...]
    oses: tuple[str, ...]
    modes: tuple[str, ...]
    cells: tuple[CoverageCell, ...]
    total: int
    by_tool_shell: Mapping[tuple[str, str], int] = field(default_factory=dict)
    by_tool_category: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def shells(self) -> tuple[str, ...]:
        return _values(shell for _, shell in self.by_tool_shell)

    @property
    def categories(self) -> tuple[str, ...]:
        return _values(category for _, category in self.by_tool_category)

    @property
    def by_tool_os(self) -> Mapping[tuple[str, str], int]:
        """Counts by (tool, OS); pairs without a scenario are absent."""
        return self._sum(lambda cell: (cell.tool, cell.os))

    @property
    def by_tool_mode(self) -> Mapping[tuple[str, str], int]:
        """Counts by (tool, mode)."""
        return self._sum(lambda cell: (cell.tool, cell.mode))

    @property
    def by_tool_split(self) -> Mapping[tuple[str, str], int]:
        """Counts by (tool, split)."""
        return self._sum(lambda cell: (cell.tool, cell.split))

    @property
    def by_tool_status(self) -> Mapping[tuple[str, str], int]:
        """Counts by (tool, status)."""
        return self._sum(lambda cell: (cell.tool, cell.status))

    def _sum(self, key: Callable[[CoverageCell], tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        totals: Counter[tuple[str, str]] = Counter()
        for cell in self.cells:
            totals[key(cell)] += cell.n
        return totals

    def to_dict(self) -> dict[str, Any]:
        return {
            "toolset": self.toolset,
            "total": self.total,
            "tools": list(self.tools),
            "oses": list(self.oses),
            "modes": list(self.modes),
            "shells": list(self.shells),
            "categories": list(self.categories),
            "by_tool_shell": self._table(self.by_tool_shell, self.shells),
            "by_tool_category": self._table(self.by_tool_category, self.categories),
            "by_tool_os": self._table(self.by_tool_os, self.oses),
            "by_tool_mode": self._table(self.by_tool_mode, self.modes),
            "by_tool_split": self._table(self.by_tool_split, SPLITS),
            "by_tool_status": self._table(self.by_tool_status, STATUSES),
        }

    def _table(self, counts: Mapping[tuple[str, str], int], columns: tuple[str, ...]) -> dict[str, dict[str, int]]:
        return {tool: {column: counts.get((tool, column), 0) for column in columns} for tool in self.tools}


def coverage(store: Store, toolset: str, filter: ScenarioFilter | None = None) -> Coverage:
    """Coverage of one toolset, of all its scenarios or of those that ``filter`` lets through.

    Raises:
        WorkbenchError: there is no toolset of that name.
    """
    declared = get_toolset(store, toolset).tool_names
    chosen = replace(filter or ScenarioFilter(), toolset=toolset)
    cells = tuple(scenario_store.coverage(store, toolset, chosen))
    stray = sorted({cell.tool for cell in cells} - {*declared, NO_TOOL})
    return Coverage(
        toolset=toolset,
        tools=(*declared, NO_TOOL, *stray),
        oses=_values(cell.os for cell in cells),
        modes=_values(cell.mode for cell in cells),
        cells=cells,
        total=scenario_store.count(store, chosen),
        by_tool_shell=counting.table(store, toolset, "tool", "shell", chosen),
        by_tool_category=counting.table(store, toolset, "tool", "category", chosen),
    )


def _values(found: Any) -> tuple[str, ...]:
    return tuple(sorted(set(found), key=lambda value: (value == "", value)))
