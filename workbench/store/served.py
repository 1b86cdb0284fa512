"""Which model answers for a toolset, and all that did before it: rows are only added."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.store.database import Store, now


@dataclass(frozen=True)
class Served:
    """A model that answers for a toolset.

    Attributes:
        reason: why it took the place of the one before; may be empty.
        since: ISO 8601 in UTC; empty for a model that nobody chose.
    """

    toolset: str
    model: str
    reason: str = ""
    author: str = ""
    since: str = ""


def history(store: Store, toolset: str) -> list[Served]:
    """What was served for a toolset, the present one first."""
    return _read(store, "WHERE toolset = ? ORDER BY number DESC", toolset)


def present(store: Store) -> list[Served]:
    """What is served now, a row a toolset that somebody chose for."""
    return _read(store, "QUALIFY row_number() OVER (PARTITION BY toolset ORDER BY number DESC) = 1 ORDER BY toolset")


def put(store: Store, toolset: str, model: str, reason: str, author: str) -> None:
    """From now on this model answers."""
    with store.write() as cursor:
        cursor.execute(
            "INSERT INTO served SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM served",
            [toolset, model, reason, author, now()],
        )


def _read(store: Store, rest: str, *values: str) -> list[Served]:
    sql = f"SELECT toolset, model, reason, author, since FROM served {rest}"
    return [Served(**row) for row in store.read(sql, values)]
