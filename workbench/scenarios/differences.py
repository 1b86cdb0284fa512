"""What differs between two scenarios, field by field, and between two snapshots, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.records import Scenario, Snapshot, SnapshotRow


@dataclass(frozen=True)
class FieldChange:
    """One field that differs; None where it is not there.

    ``field`` is a JSON path such as ``request`` or ``expected[0].arguments.host``.
    """

    field: str
    before: Any
    after: Any

    def to_dict(self) -> dict[str, Any]:
        return {"field": self.field, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class RowChange:
    """One scenario that differs between two snapshots: ``added``, ``removed`` or ``changed``."""

    id: str
    kind: str
    request: str
    fields: tuple[FieldChange, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        fields = [field.to_dict() for field in self.fields]
        return {"id": self.id, "kind": self.kind, "request": self.request, "fields": fields}


def compare_scenarios(before: Scenario | None, after: Scenario | None) -> tuple[FieldChange, ...]:
    """Every field that differs, the call's arguments one by one; all fields when one of the two is None."""
    old = _flat(before.to_dict()) if before else {}
    new = _flat(after.to_dict()) if after else {}
    names = [name for name in {**old, **new} if name not in old or name not in new or not _same(old[name], new[name])]
    return tuple(FieldChange(name, old.get(name), new.get(name)) for name in names)


def compare_snapshots(before: Snapshot, after: Snapshot) -> list[RowChange]:
    """The rows that differ, by id; a row whose split alone differs counts, too."""
    old = {row.scenario.id: row for row in before.rows}
    new = {row.scenario.id: row for row in after.rows}
    changed = []
    for id in sorted(old.keys() | new.keys()):
        if id not in new:
            changed.append(RowChange(id, "removed", old[id].scenario.request))
        elif id not in old:
            changed.append(RowChange(id, "added", new[id].scenario.request))
        elif fields := _row_fields(old[id], new[id]):
            changed.append(RowChange(id, "changed", new[id].scenario.request, fields))
    return changed


def _row_fields(before: SnapshotRow, after: SnapshotRow) -> tuple[FieldChange, ...]:
    fields = compare_scenarios(before.scenario, after.scenario)
    if before.split != after.split and not any(one.field == "split" for one in fields):
        fields += (FieldChange("split", before.split, after.split),)
    return fields


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1, 1.0 and true are three values."""
    return repr(one) == repr(other)


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Leaves by JSON path. Only expected calls and earlier turns are taken apart: a list of tags reads best whole."""
    if isinstance(value, Mapping) and value:
        pairs = [(f"{path}.{key}" if path else str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and path.startswith(("expected", "history")) and ".arguments." not in path:
        pairs = [(f"{path}[{i}]", inner) for i, inner in enumerate(value)]
    else:
        return {path: value}
    return {name: leaf for place, inner in pairs for name, leaf in _flat(inner, place).items()}
