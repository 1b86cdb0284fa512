"""Saved endpoints in the store: settings without keys, for a key never leaves its environment variable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workbench.store.database import Store, now


def put(store: Store, name: str, body: Mapping[str, Any]) -> None:
    """Keep an endpoint; one of the same name is replaced."""
    with store.write() as cursor:
        values = [name, json.dumps(dict(body), ensure_ascii=False), now()]
        cursor.execute("INSERT OR REPLACE INTO endpoints VALUES (?, ?, ?)", values)


def listed(store: Store) -> list[dict[str, Any]]:
    """The bodies of all endpoints, by name."""
    return [json.loads(row["body"]) for row in store.read("SELECT body FROM endpoints ORDER BY name")]


def delete(store: Store, name: str) -> None:
    with store.write() as cursor:
        cursor.execute("DELETE FROM endpoints WHERE name = ?", [name])
