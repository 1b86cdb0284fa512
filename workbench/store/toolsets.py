"""Toolsets in the store: versions are added, never overwritten; the newest is the current one.

A version may belong to a change of scenarios (see ``store.scenarios``), which is undone with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import Toolset
from workbench.store.database import Cursor, Store, now


@dataclass(frozen=True)
class ToolsetVersion:
    """One version of a toolset.

    Attributes:
        at: when it was saved, ISO 8601 in UTC.
        note: why, such as ``undo`` or ``version 2 again``.
        deleted: the toolset was deleted with this version; ``toolset`` is what it was.
    """

    toolset: Toolset
    version: int
    author: str
    at: str
    note: str = ""
    deleted: bool = False


def save_toolset(store: Store, toolset: Toolset, author: str) -> int:
    """Keep the toolset as a new version and return its number, 1 for the first. The same content adds no version."""
    with store.write() as cursor:
        return add_version(cursor, toolset, author)


def add_version(
    cursor: Cursor, toolset: Toolset, author: str, note: str = "", change: int | None = None, base: int | None = None
) -> int:
    """Like ``save_toolset``, in a transaction of the caller's.

    Args:
        change: the change that it belongs to.
        base: the version that was edited, 0 for none; None does not ask.

    Raises:
        WorkbenchError: ``base`` is not the newest version any more.
    """
    body = _body(toolset)
    newest = _newest(cursor, toolset.name)
    if base is not None and (newest["version"] if newest and not newest["deleted"] else 0) != base:
        raise WorkbenchError(
            f"The toolset '{toolset.name}' was changed meanwhile; its newest version is no longer {base}.",
            "Load it again and repeat your change.",
        )
    if newest and newest["body"] == body and not newest["deleted"]:
        return int(newest["version"])
    version = int(newest["version"]) + 1 if newest else 1
    _insert(cursor, toolset.name, version, body, author, note, change)
    return version


def delete_version(cursor: Cursor, name: str, author: str, note: str = "", change: int | None = None) -> None:
    """Add a version that says deleted, with the last body. Does nothing where there is no such toolset."""
    newest = _newest(cursor, name)
    if newest and not newest["deleted"]:
        _insert(cursor, name, newest["version"] + 1, newest["body"], author, note, change, deleted=True)


def take_back(cursor: Cursor, undone: int, change: int, author: str) -> None:
    """What the change ``undone`` did to toolsets is undone by further versions, which belong to ``change``.

    Raises:
        WorkbenchError: a toolset is not as that change left it.
    """
    rows = cursor.execute(
        """SELECT v.name, p.body, coalesce(p.deleted, true),
                  n.deleted <> v.deleted OR n.body::VARCHAR <> v.body::VARCHAR FROM toolsets v
           JOIN toolsets n ON n.name = v.name AND n.version = (SELECT max(version) FROM toolsets WHERE name = v.name)
           LEFT JOIN toolsets p ON p.name = v.name AND p.version = v.version - 1
           WHERE v.change_id = ?""",
        [undone],
    ).fetchall()
    for name, body, was_deleted, differs in rows:
        if differs:
            message = f"The toolset '{name}' was changed again later."
            raise WorkbenchError(message, "Undo that first, or restore a version of it on the Tools page.")
        if was_deleted:
            delete_version(cursor, name, author, "undo", change)
        else:
            add_version(cursor, Toolset.from_dict(json.loads(body)), author, "undo", change)


def get_toolset(store: Store, name: str) -> Toolset | None:
    """The current version, or None."""
    found = current(store, name)
    return found.toolset if found else None


def current(store: Store, name: str) -> ToolsetVersion | None:
    """The newest version, or None when there is none or it is deleted."""
    newest = _versions(store, "SELECT * FROM toolsets WHERE name = ? ORDER BY version DESC LIMIT 1", [name])
    return newest[0] if newest and not newest[0].deleted else None


def get_version(store: Store, name: str, version: int) -> ToolsetVersion | None:
    """One version, or None."""
    found = _versions(store, "SELECT * FROM toolsets WHERE name = ? AND version = ?", [name, version])
    return found[0] if found else None


def versions(store: Store, name: str) -> list[ToolsetVersion]:
    """Every version, the newest first; empty for an unknown name."""
    return _versions(store, "SELECT * FROM toolsets WHERE name = ? ORDER BY version DESC", [name])


def list_toolsets(store: Store) -> list[Toolset]:
    """The current version of each toolset, by name."""
    rows = store.read(
        """SELECT arg_max(body, version) AS body FROM toolsets
           GROUP BY name HAVING NOT arg_max(deleted, version) ORDER BY name"""
    )
    return [Toolset.from_dict(json.loads(row["body"])) for row in rows]


def _versions(store: Store, sql: str, params: Sequence[Any]) -> list[ToolsetVersion]:
    return [
        ToolsetVersion(
            Toolset.from_dict(json.loads(row["body"])),
            row["version"],
            row["author"],
            row["created_at"],
            row["note"],
            row["deleted"],
        )
        for row in store.read(sql, params)
    ]


def _newest(cursor: Cursor, name: str) -> dict[str, Any] | None:
    query = "SELECT version, body, deleted FROM toolsets WHERE name = ? ORDER BY version DESC LIMIT 1"
    row = cursor.execute(query, [name]).fetchone()
    return dict(zip(("version", "body", "deleted"), row, strict=True)) if row else None


def _insert(
    cursor: Cursor,
    name: str,
    version: int,
    body: str,
    author: str,
    note: str,
    change: int | None,
    deleted: bool = False,
) -> None:
    cursor.execute(
        """INSERT INTO toolsets (name, version, body, created_at, author, note, change_id, deleted)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        [name, version, body, now(), author, note, change, deleted],
    )


def _body(toolset: Toolset) -> str:
    return json.dumps(toolset.to_dict(), ensure_ascii=False)
