"""Targets of a toolset: setting them, how far they are, and which arguments no scenario shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.curate import toolset as get_toolset
from workbench.errors import WorkbenchError
from workbench.scenarios import targets as lines
from workbench.scenarios.arguments import ArgumentCase, argument_coverage
from workbench.scenarios.targets import PRESETS, Counts, Target, TargetProgress
from workbench.store import counting
from workbench.store import demands as demand_store
from workbench.store.database import Store


@dataclass(frozen=True)
class Standing:
    """How far a toolset is.

    Attributes:
        targets: as they were set, or those that were asked about.
        rows: one for each value that a target concerns.
    """

    toolset: str
    targets: tuple[Target, ...]
    rows: tuple[TargetProgress, ...]
    total: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "toolset": self.toolset,
            "approved": self.total,
            "targets": [target.text for target in self.targets],
            "progress": [
                {
                    "target": row.target.text,
                    "axis": row.target.axis,
                    "value": row.value,
                    "have": row.have,
                    "need": row.need,
                    "missing": row.missing,
                }
                for row in self.rows
            ],
            "presets": {name: [target.text for target in preset] for name, preset in PRESETS.items()},
        }


def standing(store: Store, toolset: str, targets: Sequence[Target] | None = None) -> Standing:
    """How far the toolset is with its own targets, or with those given. Only approved scenarios count."""
    chosen = demand_store.get_demands(store, toolset).targets if targets is None else tuple(targets)
    counts = counts_of(store, toolset)
    return Standing(toolset, chosen, tuple(lines.progress(chosen, counts)), counts.total)


def counts_of(store: Store, toolset: str) -> Counts:
    """Approved scenarios by value of each axis; every declared tool is there, with 0 where it has none."""
    declared = get_toolset(store, toolset).tool_names
    found = counting.approved_counts(store, toolset)
    tools = {**dict.fromkeys(declared, 0), **found.by["tool"]}
    return Counts(found.total, {**found.by, "tool": {name: n for name, n in tools.items() if n or name in declared}})


def set_targets(store: Store, toolset: str, texts: Sequence[str], author: str = DEFAULT_AUTHOR) -> Standing:
    """Replace the targets of a toolset by these lines; none takes all away.

    Raises:
        WorkbenchError: no such toolset, or a line that says no target.
    """
    get_toolset(store, toolset)
    demand_store.save_targets(store, toolset, lines.read_all(texts), author)
    return standing(store, toolset)


def preset(name: str) -> tuple[Target, ...]:
    """The targets of a preset. Raises WorkbenchError when there is none of that name."""
    if name not in PRESETS:
        raise WorkbenchError(f"There is no preset '{name}'.", f"Choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]


def argument_cases(store: Store, toolset: str) -> list[ArgumentCase]:
    """What every argument of the toolset can be, and how many approved calls show it. Reads every scenario once."""
    declared = get_toolset(store, toolset)
    return argument_coverage(counting.approved_calls(store, toolset), declared)
