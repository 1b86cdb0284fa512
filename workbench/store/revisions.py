"""Revisions of scenarios being written: changes, new revisions of many scenarios at once, and taking scenarios away.

Scenarios are set down in a temporary table first and taken in from there, so that any number goes in one transaction.
Every function here works inside a transaction of its caller. Knows no filter and no history.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from workbench.records import Scenario
from workbench.scenarios.coverage import tools_of
from workbench.scenarios.splitting import split_of
from workbench.store.database import Cursor, now

COLUMNS = {
    **dict.fromkeys(("id", "toolset", "request", "os", "shell", "mode", "status", "split"), "VARCHAR"),
    **{"pinned": "BOOLEAN", "label": "VARCHAR", "tools": "VARCHAR[]", "tags": "VARCHAR[]", "body": "VARCHAR"},
}
"""What is set down of a scenario: the columns that pages filter by, and all of it as JSON text."""


def text_of(scenario: Scenario) -> str:
    """The JSON text that is kept of a scenario."""
    return json.dumps(scenario.to_dict(), ensure_ascii=False)


def scenario_of(text: str) -> Scenario:
    """The inverse of ``text_of``."""
    return Scenario.from_dict(json.loads(text))


def add_change(cursor: Cursor, kind: str, author: str, note: str, undoes: int | None = None) -> int:
    """Add a change of now and return its id."""
    row = cursor.execute("SELECT coalesce(max(id), 0) + 1 FROM changes").fetchone()
    assert row is not None
    cursor.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)", [row[0], kind, author, now(), note, undoes])
    return int(row[0])


def make_table(cursor: Cursor, table: str) -> None:
    """An empty temporary table to set scenarios down in; one of that name goes."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")


def set_down(cursor: Cursor, table: str, scenarios: Sequence[Scenario], texts: Sequence[str]) -> None:
    """Add scenarios with their texts to a temporary table. Lists as parameters: row by row is 100x slower."""
    values = ", ".join(f"unnest(?::{kind}[])" for kind in COLUMNS.values())
    rows = (
        (s.id, s.toolset, s.request, s.os, s.shell, s.mode, s.status, split_of(s), s.split is not None)
        + (s.outcome.label, list(tools_of(s)), list(s.tags), text)
        for s, text in zip(scenarios, texts, strict=True)
    )
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    if columns:
        cursor.execute(f"INSERT INTO {table} SELECT {values}", columns)


def take_in(cursor: Cursor, table: str, change: int) -> Iterator[float]:
    """Make what stands in a table the newest revisions of its scenarios; yields the share that is done, up to 1."""
    for done, statement in enumerate(_TAKE_IN, 1):
        cursor.execute(statement.format(table=table), [change] * statement.count("?"))
        yield done / len(_TAKE_IN)


def put(cursor: Cursor, change: int, scenarios: Sequence[Scenario], texts: Sequence[str]) -> None:
    """Add a revision of each scenario and make it the current one."""
    if scenarios:
        make_table(cursor, "fresh")
        set_down(cursor, "fresh", scenarios, texts)
        for _ in take_in(cursor, "fresh", change):
            pass


def remove(cursor: Cursor, change: int, ids: Sequence[str]) -> None:
    """Add a revision that says deleted, with the last text, and take the scenarios off the current ones."""
    cursor.execute(
        """INSERT INTO scenario_revisions
           SELECT id, revision + 1, ?, true, body FROM scenarios WHERE id IN (SELECT unnest(?::VARCHAR[]))""",
        [change, list(ids)],
    )
    cursor.execute("DELETE FROM scenarios WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)])


_TAKE_IN = (
    """INSERT INTO scenario_revisions
       SELECT i.id, coalesce(r.newest, 0) + 1, ?, false, i.body FROM {table} i
       LEFT JOIN (SELECT scenario_id, max(revision) AS newest FROM scenario_revisions
                  WHERE scenario_id IN (SELECT id FROM {table}) GROUP BY scenario_id) r ON r.scenario_id = i.id""",
    "DELETE FROM scenarios WHERE id IN (SELECT id FROM {table})",
    "INSERT OR IGNORE INTO splits SELECT id, split, false FROM {table} WHERE NOT pinned",
    """INSERT INTO scenarios
       SELECT i.id, r.revision, r.change_id, i.toolset, i.request, i.os, i.shell, i.mode, i.status,
              CASE WHEN i.pinned THEN i.split ELSE p.split END, i.pinned, i.label, i.tools, i.tags, r.body, c.created_at
       FROM {table} i JOIN scenario_revisions r ON r.scenario_id = i.id AND r.change_id = ?
       JOIN changes c ON c.id = r.change_id
       LEFT JOIN splits p ON p.scenario_id = i.id""",
)
