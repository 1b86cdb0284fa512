"""Snapshots in the store: immutable lists of approved scenario revisions with the splits they fell on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from workbench.errors import WorkbenchError
from workbench.records import Scenario, Snapshot, SnapshotRow, Toolset
from workbench.store.database import Store, now
from workbench.store.toolsets import get_toolset


@dataclass(frozen=True)
class SnapshotInfo:
    """A snapshot without its rows: how many there are in each split."""

    hash: str
    toolset: str
    created_at: str
    note: str
    train: int
    validation: int
    test: int


def create(
    store: Store, toolset_name: str, note: str = "", check: Callable[[Snapshot], None] = lambda snapshot: None
) -> str:
    """Freeze the approved scenarios of a toolset and return the snapshot's hash. Equal content makes no second one.

    Args:
        check: sees what is about to be frozen, and raises to prevent it.

    Raises:
        WorkbenchError: no such toolset, or none of its scenarios is approved.
    """
    toolset = get_toolset(store, toolset_name)
    if toolset is None:
        raise WorkbenchError(f"There is no toolset '{toolset_name}'.", "Import or write it first.")
    approved = "SELECT body, revision, split FROM scenarios WHERE toolset = ? AND status = 'approved' ORDER BY id"
    rows = tuple(
        SnapshotRow(Scenario.from_dict(json.loads(row["body"])), row["revision"], row["split"])
        for row in store.read(approved, [toolset_name])
    )
    if not rows:
        raise WorkbenchError(
            f"The toolset '{toolset_name}' has no approved scenarios, so there is nothing to put into a snapshot.",
            "Approve some scenarios first.",
        )
    snapshot = Snapshot(toolset, rows)
    check(snapshot)
    return _write(store, snapshot, note)


def load(store: Store, hash: str) -> Snapshot:
    """The snapshot with all its rows.

    Raises:
        WorkbenchError: there is no such snapshot.
    """
    heads = store.read("SELECT toolset_body FROM snapshots WHERE hash = ?", [hash])
    if not heads:
        raise WorkbenchError(f"There is no snapshot '{hash}'.", "Choose one from the list of snapshots.")
    rows = store.read(
        """SELECT r.body, s.revision, s.split FROM snapshot_rows s
           JOIN scenario_revisions r ON r.scenario_id = s.scenario_id AND r.revision = s.revision
           WHERE s.snapshot = ? ORDER BY s.position""",
        [hash],
    )
    return Snapshot(
        toolset=Toolset.from_dict(json.loads(heads[0]["toolset_body"])),
        rows=tuple(
            SnapshotRow(Scenario.from_dict(json.loads(row["body"])), row["revision"], row["split"]) for row in rows
        ),
    )


def list_snapshots(store: Store) -> list[SnapshotInfo]:
    """All snapshots, the newest first."""
    rows = store.read(
        """SELECT hash, any_value(toolset) AS toolset, any_value(created_at) AS created_at, any_value(note) AS note,
                  count(*) FILTER (split = 'train') AS train,
                  count(*) FILTER (split = 'validation') AS validation,
                  count(*) FILTER (split = 'test') AS test
           FROM snapshots JOIN snapshot_rows ON snapshot = hash
           GROUP BY hash ORDER BY created_at DESC, hash"""
    )
    return [SnapshotInfo(**row) for row in rows]


def _write(store: Store, snapshot: Snapshot, note: str) -> str:
    hash = snapshot.hash  # computed at each access
    body = json.dumps(snapshot.toolset.to_dict(), ensure_ascii=False)
    with store.write() as cursor:
        if cursor.execute("SELECT 1 FROM snapshots WHERE hash = ?", [hash]).fetchone():
            return hash
        values = [hash, snapshot.toolset.name, body, now(), note]
        cursor.execute("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)", values)
        cursor.execute(
            """INSERT INTO snapshot_rows
               SELECT ?, unnest(?::INTEGER[]), unnest(?::VARCHAR[]), unnest(?::INTEGER[]), unnest(?::VARCHAR[])""",
            [
                hash,
                list(range(len(snapshot.rows))),
                [row.scenario.id for row in snapshot.rows],
                [row.revision for row in snapshot.rows],
                [row.split for row in snapshot.rows],
            ],
        )
    return hash
