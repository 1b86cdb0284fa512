"""Names of served models, and which model each stands for. A swap is a new row, so that people see what was served."""

from __future__ import annotations

from typing import Any

from workbench.store.database import Store, now


def swap(store: Store, name: str, model: str) -> None:
    """From now on the name stands for this model."""
    with store.write() as cursor:
        cursor.execute("INSERT INTO served VALUES (?, ?, ?)", [name, model, now()])


def names(store: Store) -> dict[str, str]:
    """The model of each name that was ever swapped."""
    rows = store.read("SELECT name, arg_max(model, (swapped_at, rowid)) AS model FROM served GROUP BY name")
    return {row["name"]: row["model"] for row in rows}


def swaps(store: Store, name: str) -> list[dict[str, Any]]:
    """What a name has stood for since it was first swapped, the newest first."""
    return store.read("SELECT * FROM served WHERE name = ? ORDER BY swapped_at DESC, rowid DESC", [name])
