"""History: changes, what each did, revisions of a scenario, two snapshots side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workbench.actions.curate import DEFAULT_AUTHOR, SHIPPED_CHANGE
from workbench.actions.history import SHOWN_SCENARIOS, ScenarioChange, Step
from workbench.records import SPLITS
from workbench.scenarios.differences import FieldChange, RowChange
from workbench.store.changes import Change
from workbench.store.snapshots import SnapshotInfo
from workbench.ui.forms import Past
from workbench.ui.views.base import ago, pairs, render, short
from workbench.ui.views.scenarios import EXPORTS

PAST_ROWS = 40
SHOWN_ROWS = 300
KINDS = {"added": "good", "removed": "bad", "changed": "warn"}


def past_changes(
    found: Sequence[Change],
    past: Past,
    did: Sequence[ScenarioChange],
    next_undo: Change | None,
    next_redo: Change | None,
    refused: tuple[int, int] = (0, 0),
) -> str:
    """The changes as a table; ``found`` holds one more than a page when there are older ones.

    Args:
        did: what the open change did.
        refused: a change that cannot be taken back whole, and how many of its scenarios can.
    """
    rows = found[:PAST_ROWS]
    return render(
        "history_changes.html",
        query=past.query,
        rows=[_row(one, past, refused) for one in rows],
        open=past.change,
        did=[{**vars(one), "tone": KINDS[one.kind], "fields": _fields(one.fields)} for one in did],
        more=max(0, next((one.scenarios for one in rows if one.id == past.change), 0) - SHOWN_SCENARIOS),
        below=rows[-1].id if len(found) > PAST_ROWS else 0,
        paged=bool(past.below),
        next_undo=_said(next_undo),
        next_redo=_said(next_redo),
    )


def past_scenario(steps: Sequence[Step], past: Past) -> str:
    """The revisions of one scenario, the newest first, each with the fields it changed."""
    newest = steps[0].revision
    return render(
        "history_scenario.html",
        query=past.query,
        id=past.scenario,
        request=newest.scenario.request,
        deleted=newest.deleted,
        steps=[
            {
                "revision": one.revision.revision,
                "what": "deleted" if one.revision.deleted else "created" if i == len(steps) - 1 else one.revision.kind,
                "author": _who(one.revision.author),
                "when": ago(one.revision.at),
                "at": one.revision.at,
                "fields": _fields(one.fields),
            }
            for i, one in enumerate(steps)
        ],
    )


def past_snapshots(found: Sequence[SnapshotInfo], past: Past, rows: Sequence[RowChange] | None) -> str:
    """Two menus of snapshots and the rows that differ; ``rows`` is None before two are chosen."""
    kinds = [row.kind for row in rows or ()]
    counts = [(kind, kinds.count(kind), tone) for kind, tone in KINDS.items() if kind in kinds]
    shown = (rows or ())[:SHOWN_ROWS]
    return render(
        "history_snapshots.html",
        query=past.query,
        menu=[(one.hash, _snapshot(one)) for one in found],
        splits=pairs(SPLITS),
        formats=[(format, label) for format, label, _ in EXPORTS],
        old=past.old,
        new=past.new,
        compared=rows is not None,
        counts=counts,
        rows=[
            {
                "id": row.id,
                "kind": row.kind,
                "tone": KINDS[row.kind],
                "request": row.request,
                "fields": _fields(row.fields),
            }
            for row in shown
        ],
        more=len(kinds) - len(shown),
    )


def _snapshot(one: SnapshotInfo) -> str:
    n = one.train + one.validation + one.test
    note = f" · {short(one.note, 40)}" if one.note else ""
    return f"{one.toolset} {one.hash[:8]} · {n:,} scenarios · {ago(one.created_at)}{note}"


def _row(one: Change, past: Past, refused: tuple[int, int]) -> dict[str, Any]:
    ordinary = one.undoes is None and one.kind != SHIPPED_CHANGE
    return {
        "id": one.id,
        "when": ago(one.at),
        "at": one.at,
        "who": _who(one.author),
        "what": one.kind,
        "n": f"{one.scenarios:,}",
        "note": short(one.note, 120),
        "undone": one.undoes is None and not one.holds,
        "quiet": one.undoes is not None or not one.holds,
        "action": "" if not ordinary else "take" if one.holds else "bring",
        "rest": refused[1] if refused[0] == one.id else 0,
        "open": past.change == one.id,
    }


def _said(change: Change | None) -> str:
    if change is None:
        return ""
    n = f" of {change.scenarios:,} scenario{'s' if change.scenarios != 1 else ''}" if change.scenarios else ""
    return f"{change.kind}{n}, {ago(change.at)}"


def _who(author: str) -> str:
    return "you" if author == DEFAULT_AUTHOR else author


def _fields(fields: Sequence[FieldChange]) -> list[dict[str, str]]:
    return [{"field": one.field, "before": _text(one.before), "after": _text(one.after)} for one in fields]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return short(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 400)
