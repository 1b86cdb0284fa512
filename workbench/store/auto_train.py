"""Rules by which a toolset is trained again by itself. One row a toolset; none means never."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.store.database import Store, now


@dataclass(frozen=True)
class AutoRule:
    """Train and evaluate when so many approved scenarios are new.

    Attributes:
        active: whether the app looks by itself; off by default.
        min_new: approved scenarios that are new or changed since the last training run.
        settings: of the run; those that are not given are the good ones for the base.
        swap: ``ask`` proposes the new model to a person; ``not_worse`` serves it, if it is not worse.
    """

    toolset: str
    active: bool = False
    min_new: int = 50
    base: str = "starter"
    settings: Mapping[str, Any] = field(default_factory=dict)
    swap: str = "ask"


def get_rule(store: Store, toolset: str) -> AutoRule:
    return next((rule for rule in list_rules(store) if rule.toolset == toolset), AutoRule(toolset))


def list_rules(store: Store) -> list[AutoRule]:
    rows = store.read("SELECT toolset, active, min_new, base, settings, swap FROM auto_train ORDER BY toolset")
    return [AutoRule(**{**row, "settings": json.loads(row["settings"])}) for row in rows]


def save_rule(store: Store, rule: AutoRule, author: str) -> None:
    settings = json.dumps(dict(rule.settings), ensure_ascii=False)
    values = [rule.toolset, rule.active, rule.min_new, rule.base, settings, now(), author, rule.swap]
    with store.write() as cursor:
        cursor.execute("INSERT OR REPLACE INTO auto_train VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def count_new(store: Store, toolset: str, snapshot: str) -> int:
    """Approved scenarios of a toolset that are not in the snapshot as they are now."""
    rows = store.read(
        """SELECT count(*) AS n FROM scenarios s WHERE toolset = ? AND status = 'approved' AND NOT EXISTS (
               SELECT 1 FROM snapshot_rows r
               WHERE r.snapshot = ? AND r.scenario_id = s.id AND r.revision = s.revision)""",
        [toolset, snapshot],
    )
    return int(rows[0]["n"])
