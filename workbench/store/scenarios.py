"""Scenarios in the store: revisions are added, never overwritten, so that undo and history are reads.

``scenario_revisions`` holds everything that ever was; ``scenarios`` the newest revision of what is not deleted, with
the columns that pages filter by. Each save, delete or undo is one change (see ``changes``). The split of an unpinned
scenario is its hash's when it is first saved; ``splits`` remembers it through edits, and only ``clusters`` changes it.
Knows nothing of validity: callers check scenarios against their toolset first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import Scenario, Split, Toolset
from workbench.scenarios.coverage import CoverageCell
from workbench.store import toolsets
from workbench.store.database import Cursor, Store
from workbench.store.revisions import add_change, put, remove, scenario_of, text_of


@dataclass(frozen=True)
class ScenarioFilter:
    """Which scenarios; an empty field lets all pass.

    Attributes:
        text: part of the request or the id, in any case.
        tool: a tool that the scenario calls, or ``NO_TOOL``.
        split: the resolved split, pinned or hashed.

    ``os``, ``shell``, ``mode`` and ``tag`` may be ``UNSET``, which finds the scenarios that have none.
    """

    toolset: str = ""
    text: str = ""
    tool: str = ""
    os: str = ""
    mode: str = ""
    split: str = ""
    status: str = ""
    tag: str = ""
    shell: str = ""


@dataclass(frozen=True)
class Revision:
    """One revision of a scenario and the change that made it."""

    scenario: Scenario
    revision: int
    author: str
    at: str
    kind: str
    deleted: bool


NO_FILTER = ScenarioFilter()
UNSET = "-"


def find(store: Store, filter: ScenarioFilter = NO_FILTER, offset: int = 0, limit: int = 50) -> list[Scenario]:
    """One page: the newest change first, then by id."""
    where, params = _where(filter)
    page = f"SELECT body FROM scenarios {where} ORDER BY change_id DESC, id LIMIT ? OFFSET ?"
    return [scenario_of(row["body"]) for row in store.read(page, [*params, limit, offset])]


def count(store: Store, filter: ScenarioFilter = NO_FILTER) -> int:
    where, params = _where(filter)
    return int(store.read(f"SELECT count(*) AS n FROM scenarios {where}", params)[0]["n"])


def stream(store: Store, filter: ScenarioFilter = NO_FILTER) -> Iterator[Scenario]:
    """All that pass, by id, without holding them in memory together."""
    where, params = _where(filter)
    for row in store.stream(f"SELECT body FROM scenarios {where} ORDER BY id", params):
        yield scenario_of(row["body"])


def places(store: Store, toolset: str) -> list[dict[str, Any]]:
    """Id, request, label, OS, shell, mode and split of a toolset's scenarios: what a look for duplicates needs."""
    columns = "id, request, label, os, shell, mode, split"
    return store.read(f"SELECT {columns} FROM scenarios WHERE toolset = ? ORDER BY id", [toolset])


def get(store: Store, scenario_id: str) -> Scenario | None:
    """The newest revision, or None when there is none or it is deleted."""
    rows = store.read("SELECT body FROM scenarios WHERE id = ?", [scenario_id])
    return scenario_of(rows[0]["body"]) if rows else None


def existing(store: Store, ids: Iterable[str]) -> set[str]:
    """Those of the ids that are taken by a scenario now."""
    rows = store.read("SELECT id FROM scenarios WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)])
    return {row["id"] for row in rows}


def drafts(store: Store, toolset: str) -> Iterator[Scenario]:
    """The drafts of a toolset, those that have waited longest first."""
    waiting = "SELECT body FROM scenarios WHERE toolset = ? AND status = 'draft' ORDER BY change_id, id"
    for row in store.stream(waiting, [toolset]):
        yield scenario_of(row["body"])


def history(store: Store, scenario_id: str) -> list[Revision]:
    """Every revision, the newest first; empty for an unknown id."""
    rows = store.read(
        """SELECT r.body, r.revision, c.author, c.created_at, c.kind, r.deleted
           FROM scenario_revisions r JOIN changes c ON c.id = r.change_id
           WHERE r.scenario_id = ? ORDER BY r.revision DESC""",
        [scenario_id],
    )
    return [
        Revision(
            scenario_of(row["body"]), row["revision"], row["author"], row["created_at"], row["kind"], row["deleted"]
        )
        for row in rows
    ]


def save(store: Store, scenarios: Sequence[Scenario], kind: str, author: str, note: str = "") -> int:
    """Add or revise scenarios as one change and return its id; 0 when nothing differed, and then nothing is written.

    Args:
        kind: the verb that history shows, such as ``edit``, ``import``, ``approve``.

    Raises:
        WorkbenchError: two of the scenarios have the same id.
    """
    _refuse_duplicates(scenarios)
    bodies = [text_of(scenario) for scenario in scenarios]
    with store.write() as cursor:
        same = _unchanged(cursor, scenarios, bodies)
        fresh = [(s, body) for s, body in zip(scenarios, bodies, strict=True) if s.id not in same]
        if not fresh:
            return 0
        change = add_change(cursor, kind, author, note)
        put(cursor, change, [scenario for scenario, _ in fresh], [body for _, body in fresh])
    return change


def save_toolset(
    store: Store,
    toolset: Toolset,
    scenarios: Sequence[Scenario] = (),
    *,
    author: str,
    note: str = "",
    base: int | None = None,
) -> tuple[int, int]:
    """A new version of a toolset and the scenarios that change with it, as one change of kind ``tools``.

    Args:
        base: the version that was edited, 0 for none; None does not ask.

    Returns:
        The number of the version and the id of the change; 0 for the change when nothing differed.

    Raises:
        WorkbenchError: ``base`` is not the newest version any more.
    """
    _refuse_duplicates(scenarios)
    bodies = [text_of(scenario) for scenario in scenarios]
    with store.write() as cursor:
        before = cursor.execute("SELECT coalesce(max(version), 0) FROM toolsets WHERE name = ?", [toolset.name])
        newest = (before.fetchone() or (0,))[0]
        same = _unchanged(cursor, scenarios, bodies)
        fresh = [(s, body) for s, body in zip(scenarios, bodies, strict=True) if s.id not in same]
        change = add_change(cursor, "tools", author, note)
        version = toolsets.add_version(cursor, toolset, author, note, change, base)
        if version == newest and not fresh:
            cursor.execute("DELETE FROM changes WHERE id = ?", [change])
            return version, 0
        put(cursor, change, [scenario for scenario, _ in fresh], [body for _, body in fresh])
    return version, change


def delete_toolset(store: Store, name: str, author: str) -> int:
    """Delete a toolset as one change that can be undone; returns its id, 0 when there is no such toolset."""
    with store.write() as cursor:
        row = cursor.execute("SELECT arg_max(deleted, version) FROM toolsets WHERE name = ?", [name]).fetchone()
        if row is None or row[0] is not False:
            return 0
        change = add_change(cursor, "delete", author, name)
        toolsets.delete_version(cursor, name, author, "deleted", change)
    return change


def merge(store: Store, kept: Scenario, gone: Iterable[str], author: str) -> int:
    """Save one scenario and delete others as one change, and return its id; unknown ids are passed over."""
    with store.write() as cursor:
        known = "SELECT id FROM scenarios WHERE id IN (SELECT unnest(?::VARCHAR[])) AND id <> ?"
        found = [row[0] for row in cursor.execute(known, [list(gone), kept.id]).fetchall()]
        change = add_change(cursor, "merge", author, f"into {kept.id}")
        body = text_of(kept)
        if not _unchanged(cursor, [kept], [body]):
            put(cursor, change, [kept], [body])
        remove(cursor, change, found)
    return change


def splits(store: Store, ids: Iterable[str]) -> dict[str, Split]:
    """The split that each of the scenarios is on now, by id."""
    rows = store.read("SELECT id, split FROM scenarios WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)])
    return {row["id"]: row["split"] for row in rows}


def delete(store: Store, ids: Iterable[str], author: str, note: str = "") -> int:
    """Delete as one change and return its id; unknown ids are passed over, 0 when none was known."""
    with store.write() as cursor:
        known = "SELECT id FROM scenarios WHERE id IN (SELECT unnest(?::VARCHAR[]))"
        found = [row[0] for row in cursor.execute(known, [list(ids)]).fetchall()]
        if not found:
            return 0
        change = add_change(cursor, "delete", author, note)
        remove(cursor, change, found)
    return change


def coverage(store: Store, toolset: str, filter: ScenarioFilter = NO_FILTER) -> list[CoverageCell]:
    """The cells of a toolset that are not empty; see ``CoverageCell`` for how several calls count."""
    where, params = _where(filter, "toolset = ?")
    rows = store.read(
        f"""SELECT tool, os, mode, split, status, count(*) AS n
            FROM (SELECT unnest(tools) AS tool, os, mode, split, status FROM scenarios {where})
            GROUP BY ALL ORDER BY ALL""",
        [toolset, *params],
    )
    return [CoverageCell(**row) for row in rows]


_CONDITIONS = {
    "toolset": "toolset = ?",
    "tool": "list_contains(tools, ?)",
    "os": "os = ?",
    "mode": "mode = ?",
    "split": "split = ?",
    "status": "status = ?",
    "tag": "list_contains(tags, ?)",
    "shell": "shell = ?",
}
_WITHOUT = {"os": "os = ''", "shell": "shell = ''", "mode": "mode = ''", "tag": "len(tags) = 0"}


def _where(filter: ScenarioFilter, *first: str) -> tuple[str, list[Any]]:
    """The WHERE clause and its parameters; those of the conditions in ``first`` are the caller's to put in front."""
    conditions = list(first)
    params: list[Any] = []
    for name, condition in _CONDITIONS.items():
        if (value := getattr(filter, name)) == UNSET and name in _WITHOUT:
            conditions.append(_WITHOUT[name])
        elif value:
            conditions.append(condition)
            params.append(value)
    if filter.text:
        conditions.append(r"(request ILIKE ? ESCAPE '\' OR id ILIKE ? ESCAPE '\')")
        params += [_pattern(filter.text)] * 2
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), params


def _pattern(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


def _refuse_duplicates(scenarios: Sequence[Scenario]) -> None:
    seen: set[str] = set()
    for scenario in scenarios:
        if scenario.id in seen:
            raise WorkbenchError(f"Two scenarios have the id '{scenario.id}'.", "Give one of them another id.")
        seen.add(scenario.id)


def _unchanged(cursor: Cursor, scenarios: Sequence[Scenario], bodies: Sequence[str]) -> set[str]:
    """Ids whose newest revision has this very body. Text is compared, for 1 and 1.0 are equal as values."""
    rows = cursor.execute(
        """SELECT i.id FROM (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::VARCHAR[]) AS body) i
           JOIN scenarios s ON s.id = i.id AND s.body::VARCHAR = i.body""",
        [[scenario.id for scenario in scenarios], list(bodies)],
    ).fetchall()
    return {row[0] for row in rows}
