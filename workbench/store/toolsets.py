"""Toolsets in the store: versions are added, never overwritten; the newest is the current one."""

from __future__ import annotations

import json

from workbench.records import Toolset
from workbench.store.database import Cursor, Store, now


def save_toolset(store: Store, toolset: Toolset, author: str) -> int:
    """Keep the toolset as a new version and return its number, 1 for the first. The same content adds no version."""
    with store.write() as cursor:
        return add_version(cursor, toolset, author)


def add_version(cursor: Cursor, toolset: Toolset, author: str) -> int:
    """Like ``save_toolset``, inside a transaction."""
    body = json.dumps(toolset.to_dict(), ensure_ascii=False)
    newest = "SELECT version, body FROM toolsets WHERE name = ? ORDER BY version DESC LIMIT 1"
    row = cursor.execute(newest, [toolset.name]).fetchone()
    if row is not None and row[1] == body:
        return int(row[0])
    version = 1 if row is None else int(row[0]) + 1
    cursor.execute("INSERT INTO toolsets VALUES (?, ?, ?, ?, ?)", [toolset.name, version, body, now(), author])
    return version


def get_toolset(store: Store, name: str) -> Toolset | None:
    """The current version, or None."""
    rows = store.read("SELECT body FROM toolsets WHERE name = ? ORDER BY version DESC LIMIT 1", [name])
    return Toolset.from_dict(json.loads(rows[0]["body"])) if rows else None


def list_toolsets(store: Store) -> list[Toolset]:
    """The current version of each toolset, by name."""
    rows = store.read("SELECT arg_max(body, version) AS body FROM toolsets GROUP BY name ORDER BY name")
    return [Toolset.from_dict(json.loads(row["body"])) for row in rows]
