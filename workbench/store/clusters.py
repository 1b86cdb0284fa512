"""Clusters of near-duplicates in the store, as the last check of a toolset saw them, and the splits that they share.

A check covers what is not rejected. It is out of date as soon as a change was made after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.records import Scenario, Split
from workbench.scenarios.dedupe import Cluster, Duplicates, Entry
from workbench.store.database import Cursor, Store, now


@dataclass(frozen=True)
class Standing:
    """An entry with what decides over its split.

    Attributes:
        pinned: the scenario says its split itself.
        settled: an earlier check has seen it on its split.
    """

    entry: Entry
    pinned: bool
    settled: bool


@dataclass(frozen=True)
class Move:
    """A scenario that a cluster took to another split.

    Attributes:
        settled: it had been on its old split at an earlier check; else it was new and joined its twins.
        cluster: id of the cluster.
    """

    scenario_id: str
    before: Split
    after: Split
    settled: bool
    cluster: str
    at: str = ""


@dataclass(frozen=True)
class Check:
    """When a toolset was last checked.

    Attributes:
        current: nothing has changed since.
        total: scenarios that were looked at.
    """

    at: str
    total: int
    current: bool


def standings(store: Store, toolset: str) -> list[Standing]:
    """Everything a check of the toolset looks at, by id."""
    rows = store.stream(
        """SELECT s.body, s.split, s.pinned, coalesce(p.settled, false) AS settled
           FROM scenarios s LEFT JOIN splits p ON p.scenario_id = s.id
           WHERE s.toolset = ? AND s.status <> 'rejected' ORDER BY s.id""",
        [toolset],
    )
    return [Standing(_entry(row["body"], row["split"]), row["pinned"], row["settled"]) for row in rows]


def newest_change(store: Store) -> int:
    return int(store.read("SELECT coalesce(max(id), 0) AS id FROM changes")[0]["id"])


def last_check(store: Store, toolset: str) -> Check | None:
    """The last check of the toolset, or None before the first."""
    rows = store.read(
        """SELECT checked_at, total, change_id = (SELECT coalesce(max(id), 0) FROM changes) AS current
           FROM cluster_checks WHERE toolset = ?""",
        [toolset],
    )
    return Check(rows[0]["checked_at"], rows[0]["total"], rows[0]["current"]) if rows else None


def save_check(store: Store, toolset: str, change: int, found: Duplicates, moves: Sequence[Move]) -> None:
    """Keep what a check found, move scenarios to the splits of their clusters, and settle every split.

    Args:
        change: the newest change when the check read the scenarios.
    """
    at = now()
    members = [(id, one.by_meaning, toolset, one.id) for one in found.clusters for id in one.ids]
    with store.write() as cursor:
        cursor.execute("DELETE FROM clusters WHERE toolset = ?", [toolset])
        _insert(cursor, "clusters", ("VARCHAR", "BOOLEAN", "VARCHAR", "VARCHAR"), members)
        cursor.execute("INSERT OR REPLACE INTO cluster_checks VALUES (?, ?, ?, ?)", [toolset, change, found.total, at])
        rows = [(m.scenario_id, toolset, m.before, m.after, m.settled, m.cluster, at) for m in moves]
        _insert(cursor, "split_moves", (*["VARCHAR"] * 4, "BOOLEAN", "VARCHAR", "VARCHAR"), rows)
        _move(cursor, moves)
        # Only what was there when the check read: what came meanwhile is settled by the next one.
        cursor.execute(
            """UPDATE splits SET settled = true WHERE NOT settled AND scenario_id IN
               (SELECT id FROM scenarios WHERE toolset = ? AND change_id <= ? AND status <> 'rejected')""",
            [toolset, change],
        )


def load(store: Store, toolset: str) -> Duplicates:
    """What the last check found, with the scenarios as they are now; clusters of which less than two are left are gone.

    Nothing before the first check.
    """
    rows = store.stream(
        """SELECT c.cluster, c.by_meaning, s.body, s.split FROM clusters c JOIN scenarios s ON s.id = c.scenario_id
           WHERE c.toolset = ? AND s.status <> 'rejected' ORDER BY s.id""",
        [toolset],
    )
    groups: dict[tuple[str, bool], list[Entry]] = {}
    for row in rows:
        groups.setdefault((row["cluster"], row["by_meaning"]), []).append(_entry(row["body"], row["split"]))
    check = last_check(store, toolset)
    clusters = [Cluster(tuple(group), key[1]) for key, group in groups.items() if len(group) > 1]
    return Duplicates.of(check.total if check else 0, clusters)


def moves(store: Store, toolset: str, limit: int = 100) -> list[Move]:
    """Scenarios that clusters took to another split, the newest first; those that were settled before the others."""
    rows = store.read(
        """SELECT scenario_id, before, after, settled, cluster, moved_at AS at FROM split_moves
           WHERE toolset = ? ORDER BY settled DESC, moved_at DESC, scenario_id LIMIT ?""",
        [toolset, limit],
    )
    return [Move(**row) for row in rows]


def mark_variants(store: Store, ids: Sequence[str], author: str) -> None:
    """Remember that these scenarios are alike on purpose."""
    mark = min(ids)
    with store.write() as cursor:
        cursor.execute(
            """INSERT OR REPLACE INTO variants SELECT unnest(?::VARCHAR[]), ?, ?, ?""", [list(ids), mark, author, now()]
        )


def unmark_variants(store: Store, ids: Sequence[str]) -> None:
    """Forget it again."""
    with store.write() as cursor:
        cursor.execute("DELETE FROM variants WHERE scenario_id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)])


def marks(store: Store) -> dict[str, str]:
    """The mark of each deliberate variant by scenario id; those of one group have the same."""
    return {row["scenario_id"]: row["mark"] for row in store.read("SELECT scenario_id, mark FROM variants")}


def save_meanings(store: Store, toolset: str, encoder: str, pairs: Iterable[tuple[str, str, float]]) -> None:
    """Keep the pairs of scenarios that an encoder holds for the same, in place of earlier ones of the toolset."""
    rows = [(one, other, toolset, encoder, similarity) for one, other, similarity in pairs]
    with store.write() as cursor:
        cursor.execute("DELETE FROM meanings WHERE toolset = ?", [toolset])
        _insert(cursor, "meanings", (*["VARCHAR"] * 4, "DOUBLE"), rows)
        cursor.execute("DELETE FROM cluster_checks WHERE toolset = ?", [toolset])


def meanings(store: Store, toolset: str) -> list[tuple[str, str]]:
    rows = store.read("SELECT one, other FROM meanings WHERE toolset = ? ORDER BY ALL", [toolset])
    return [(row["one"], row["other"]) for row in rows]


def encoder_of(store: Store, toolset: str) -> str:
    """The encoder that last looked at the toolset and found something, or empty."""
    rows = store.read("SELECT any_value(encoder) AS name FROM meanings WHERE toolset = ?", [toolset])
    return rows[0]["name"] or ""


def alike(
    store: Store, toolset: str, statuses: Sequence[str], words: Sequence[str], text: str, limit: int
) -> list[tuple[str, str]]:
    """Ids and requests that share words with ``words``, or begin as ``text`` does: a first, coarse choice."""
    rows = store.read(
        r"""SELECT id, request FROM (
                SELECT id, request, lower(request) AS low FROM scenarios
                WHERE toolset = ? AND status IN (SELECT unnest(?::VARCHAR[])))
            ORDER BY len(list_intersect(string_split_regex(low, '\W+'), ?::VARCHAR[])) / (1 + abs(length(low) - ?) / 40)
                     + jaro_winkler_similarity(low, ?) DESC, id LIMIT ?""",
        [toolset, list(statuses), list(words), len(text), text, limit],
    )
    return [(row["id"], row["request"]) for row in rows]


def _entry(body: str, split: Split) -> Entry:
    return Entry.of(Scenario.from_dict(json.loads(body)), split)


def _move(cursor: Cursor, moves: Sequence[Move]) -> None:
    given = [[move.scenario_id for move in moves], [move.after for move in moves]]
    if not moves:
        return
    for table, key in (("splits", "scenario_id"), ("scenarios", "id")):
        cursor.execute(
            f"""UPDATE {table} SET split = m.split
                FROM (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::VARCHAR[]) AS split) m WHERE {table}.{key} = m.id
                {"AND NOT pinned" if table == "scenarios" else ""}""",
            given,
        )


def _insert(cursor: Cursor, table: str, types: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    """Lists as parameters: row by row is 100x slower."""
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        values = ", ".join(f"unnest(?::{type}[])" for type in types)
        cursor.execute(f"INSERT INTO {table} SELECT {values}", columns)
