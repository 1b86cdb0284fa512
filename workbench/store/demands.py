"""What a toolset demands of its scenarios: its targets, and how many reviewers must agree. One row a toolset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.scenarios.targets import Target, read_all
from workbench.store.database import Store, now


@dataclass(frozen=True)
class Demands:
    """Targets in their order, and 1 or 2 reviewers. A toolset without a row demands no targets and one reviewer."""

    targets: tuple[Target, ...] = ()
    reviewers: int = 1


def get_demands(store: Store, toolset: str) -> Demands:
    rows = store.read("SELECT targets, reviewers FROM demands WHERE toolset = ?", [toolset])
    return Demands(read_all(json.loads(rows[0]["targets"])), rows[0]["reviewers"]) if rows else Demands()


def save_targets(store: Store, toolset: str, targets: Sequence[Target], author: str) -> None:
    """Replace the targets of a toolset."""
    _save(store, toolset, "targets", json.dumps([target.text for target in targets]), author)


def save_reviewers(store: Store, toolset: str, reviewers: int, author: str) -> None:
    """Set how many reviewers must agree."""
    _save(store, toolset, "reviewers", reviewers, author)


def _save(store: Store, toolset: str, column: str, value: object, author: str) -> None:
    with store.write() as cursor:
        cursor.execute("INSERT OR IGNORE INTO demands VALUES (?, '[]', 1, ?, ?)", [toolset, now(), author])
        cursor.execute(
            f"UPDATE demands SET {column} = ?, updated_at = ?, author = ? WHERE toolset = ?",
            [value, now(), author, toolset],
        )
