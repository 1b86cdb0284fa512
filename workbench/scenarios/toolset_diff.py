"""What differs between two versions of a toolset: tools added, removed, renamed, changed, each change with its path.

Knows no store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.records import Toolset, canonical_json

MISSING = object()
"""Stands for what one side lacks."""


@dataclass(frozen=True)
class FieldChange:
    """One value that differs.

    Attributes:
        path: its JSON path in the tool or toolset, such as ``parameters.properties.count.minimum``.
        before, after: the values; ``MISSING`` on the side that has none.
    """

    path: str
    before: Any
    after: Any

    def to_dict(self) -> dict[str, Any]:
        """Without the side that has none."""
        sides = {"before": self.before, "after": self.after}
        return {"path": self.path, **{name: value for name, value in sides.items() if value is not MISSING}}


@dataclass(frozen=True)
class ToolChange:
    """What changed in a tool that both versions have, by its new name."""

    name: str
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True)
class ToolsetDiff:
    """What it takes to get from one version to the other.

    Attributes:
        renamed: new name by old name.
        reordered: the tools that both have stand in another order.
        toolset: changes of the prompt profile and of further keys.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: Mapping[str, str] | None = None
    changed: tuple[ToolChange, ...] = ()
    reordered: bool = False
    toolset: tuple[FieldChange, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "renamed": dict(self.renamed or {}),
            "changed": [{"name": t.name, "changes": [c.to_dict() for c in t.changes]} for t in self.changed],
            "reordered": self.reordered,
            "toolset": [change.to_dict() for change in self.toolset],
        }


def diff(old: Toolset, new: Toolset, renames: Mapping[str, str] | None = None) -> ToolsetDiff:
    """From ``old`` to ``new``.

    Args:
        renames: new name by old name, of tools that are the same under another name; others count as removed and added.
    """
    sound = {a: b for a, b in (renames or {}).items() if old.tool(a) and new.tool(b)}
    was = {new_name: old_name for old_name, new_name in sound.items()}
    common = [name for name in new.tool_names if was.get(name) or (old.tool(name) and name not in sound)]
    changed = []
    for name in common:
        before, after = _body(old, was.get(name, name)), _body(new, name)
        if changes := tuple(_changes(before, after, "")):
            changed.append(ToolChange(name, changes))
    order = [sound.get(name, name) for name in old.tool_names if sound.get(name, name) in common]
    return ToolsetDiff(
        added=tuple(name for name in new.tool_names if name not in common),
        removed=tuple(name for name in old.tool_names if sound.get(name, name) not in common),
        renamed=sound,
        changed=tuple(changed),
        reordered=order != common,
        toolset=tuple(_changes(_head(old), _head(new), "")),
    )


def _body(toolset: Toolset, name: str) -> dict[str, Any]:
    """A tool without its name; description and parameters on top, as people see them."""
    tool = toolset.tool(name)
    assert tool is not None
    outer = tool.to_dict()
    inner = {key: value for key, value in outer.pop("function").items() if key != "name"}
    del outer["type"]
    return {**inner, **outer}


def _head(toolset: Toolset) -> dict[str, Any]:
    return {key: value for key, value in toolset.to_dict().items() if key not in ("name", "tools")}


def _changes(before: Any, after: Any, path: str) -> Iterator[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            inner = f"{path}.{key}" if path else str(key)
            yield from _changes(before.get(key, MISSING), after.get(key, MISSING), inner)
    elif not _equal(before, after):
        yield FieldChange(path, before, after)


def _equal(before: Any, after: Any) -> bool:
    """Equal as JSON: 1 and 1.0 differ, the order of keys does not count."""
    if before is MISSING or after is MISSING:
        return before is after
    return canonical_json(before) == canonical_json(after)
