"""What happened: changes, what each did, the revisions of a scenario, and what differs between two snapshots."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from workbench.actions import curate
from workbench.errors import WorkbenchError
from workbench.records import Scenario
from workbench.scenarios.differences import FieldChange, RowChange, compare_scenarios, compare_snapshots
from workbench.store import changes as change_store
from workbench.store import snapshots as snapshot_store
from workbench.store.changes import Change
from workbench.store.database import Store
from workbench.store.scenarios import Revision
from workbench.store.snapshots import SnapshotInfo

SHOWN_SCENARIOS = 50
MOST_CHANGES = 500


@dataclass(frozen=True)
class ScenarioChange:
    """What a change did to one scenario; ``kind`` is ``added``, ``removed`` or ``changed``."""

    id: str
    kind: str
    request: str
    fields: tuple[FieldChange, ...]

    def to_dict(self) -> dict[str, Any]:
        fields = [field.to_dict() for field in self.fields]
        return {"id": self.id, "kind": self.kind, "request": self.request, "fields": fields}


@dataclass(frozen=True)
class Step:
    """One revision of a scenario and what it changed against the one before; ``fields`` empty for the first."""

    revision: Revision
    fields: tuple[FieldChange, ...]

    def to_dict(self) -> dict[str, Any]:
        one = self.revision
        head = {"revision": one.revision, "author": one.author, "at": one.at, "kind": one.kind, "deleted": one.deleted}
        return {**head, "fields": [field.to_dict() for field in self.fields]}


def changes(store: Store, limit: int = 50, before: int = 0) -> list[Change]:
    """The newest changes, newest first; with ``before``, those older than that change."""
    if not 1 <= limit <= MOST_CHANGES:
        raise WorkbenchError(f"Cannot show {limit} changes.", f"Ask for 1 to {MOST_CHANGES} at a time.")
    return change_store.changes(store, limit, before)


def change(store: Store, change_id: int) -> Change:
    """One change. Raises WorkbenchError when there is none."""
    found = change_store.get_change(store, change_id)
    if found is None:
        raise WorkbenchError(f"There is no change {change_id}.", "History lists them all.")
    return found


def what_changed(store: Store, change_id: int, limit: int = SHOWN_SCENARIOS) -> list[ScenarioChange]:
    """The first scenarios of a change, and what it did to their fields."""
    change(store, change_id)
    return [_scenario_change(one.id, one.before, one.after) for one in change_store.touched(store, change_id, limit)]


def scenario_history(store: Store, scenario_id: str) -> list[Step]:
    """Every revision of a scenario, the newest first. Raises WorkbenchError when there never was one of that id."""
    revisions = curate.history(store, scenario_id)
    if not revisions:
        raise WorkbenchError(f"There never was a scenario '{scenario_id}'.", "Copy its id from the editor.")
    steps = []
    for i, revision in enumerate(revisions):
        before = revisions[i + 1] if i + 1 < len(revisions) else None
        compared = before is not None and not before.deleted and not revision.deleted
        fields = compare_scenarios(before.scenario, revision.scenario) if before and compared else ()
        steps.append(Step(revision, fields))
    return steps


def snapshots(store: Store) -> list[SnapshotInfo]:
    """All snapshots, the newest first."""
    return snapshot_store.list_snapshots(store)


def compare(store: Store, before: str, after: str) -> list[RowChange]:
    """The rows that differ between two snapshots. Raises WorkbenchError when one of them does not exist."""
    return compare_snapshots(snapshot_store.load(store, before), snapshot_store.load(store, after))


def change_to_dict(one: Change) -> dict[str, Any]:
    """A change for other programs; whether it may be undone or redone follows from ``undoes`` and ``holds``."""
    return asdict(one)


def _scenario_change(id: str, before: Scenario | None, after: Scenario | None) -> ScenarioChange:
    kind = "added" if before is None else "removed" if after is None else "changed"
    shown = after or before
    fields = compare_scenarios(before, after) if before and after else ()
    return ScenarioChange(id, kind, shown.request if shown else "", fields)
