"""Every evaluated model on one snapshot split, best first, and how the figures went over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workbench.actions.comparing import evaluations
from workbench.evaluation.statistics import Rate
from workbench.records import Run, Split
from workbench.store.database import Store


@dataclass(frozen=True)
class Entry:
    """One finished evaluation; ``newest``: there is no later one of the same model."""

    run: Run
    exact: Rate
    tool: Rate
    newest: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.run.model,
            "label": self.run.name or self.run.model,
            "run": self.run.id,
            "at": self.run.ended_at,
            "newest": self.newest,
            "exact_calls": self.exact.to_dict(),
            "tool_accuracy": self.tool.to_dict(),
        }


def leaderboard(store: Store, snapshot: str, split: Split = "test") -> list[Entry]:
    """All finished evaluations on the split: most exact calls first, of equals the newer."""
    return sorted(_entries(store, snapshot, split), key=lambda entry: -(entry.exact.value or 0))


def _entries(store: Store, snapshot: str, split: Split) -> Iterator[Entry]:
    seen: set[str] = set()
    for run in evaluations(store, snapshot):
        if run.config["split"] == split and "exact_calls" in run.summary:
            exact, tool = (_rate(run.summary[name]) for name in ("exact_calls", "tool_accuracy"))
            yield Entry(run, exact, tool, run.model not in seen)
            seen.add(run.model)


def _rate(data: dict[str, Any]) -> Rate:
    return Rate(data["successes"], data["n"])
