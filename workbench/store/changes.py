"""Changes in the store: who did what and when, which of it holds, and taking it back.

Nothing is ever removed. An undo is a change that names the change it takes back; a redo names the undo it takes back.
A change *holds* unless one that holds takes it back. Changes that take nothing back are *ordinary*: people undo and
redo those, and a new one leaves nothing to redo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from workbench.errors import WorkbenchError
from workbench.records import Scenario
from workbench.store import toolsets
from workbench.store.database import Cursor, Store
from workbench.store.revisions import add_change, put, remove, scenario_of


@dataclass(frozen=True)
class Change:
    """One save, delete, review, undo or redo.

    Attributes:
        kind: what the caller of ``save`` says, or ``delete``, ``approve``, ``reject``, ``undo``, ``redo``.
        undoes: the change that this one took back, or None for an ordinary one.
        scenarios: how many scenarios it touched.
        holds: it was not taken back.
    """

    id: int
    kind: str
    author: str
    at: str
    note: str
    undoes: int | None
    scenarios: int
    holds: bool = True


@dataclass(frozen=True)
class Touched:
    """What a change did to one scenario; None before it was there or after it was deleted."""

    id: str
    before: Scenario | None
    after: Scenario | None


class LaterChangesError(WorkbenchError):
    """A change cannot be taken back as a whole, for later ones changed some of its scenarios again.

    Attributes:
        kept: ids of these scenarios.
        free: how many of its scenarios could be taken back nevertheless.
    """

    def __init__(self, kept: Sequence[str], free: int, later: Sequence[Change]) -> None:
        total = len(kept) + free
        names = ", ".join(f"{one.kind} by {one.author} (change {one.id})" for one in later[:3])
        more = f" and {len(later) - 3} more" if len(later) > 3 else ""
        one = total == 1
        what = "Its scenario was" if one else f"{len(kept)} of its {total} scenarios were"
        rest = f", or take back only the other {free}" if free else ""
        super().__init__(f"{what} changed again later: {names}{more}.", f"Undo that first{rest}.")
        self.kept, self.free = tuple(kept), free


def changes(store: Store, limit: int = 50, before: int = 0, ordinary: bool = False) -> list[Change]:
    """The newest changes, newest first; those with an id below ``before`` where that is given."""
    taken = _taken_back(store.read("SELECT id, undoes FROM changes WHERE undoes IS NOT NULL"))
    rows = store.read(
        f"""{_CHANGES} WHERE (? = 0 OR id < ?) AND (NOT ? OR undoes IS NULL) ORDER BY id DESC LIMIT ?""",
        [before, before, ordinary, limit],
    )
    return [Change(**row, holds=row["id"] not in taken) for row in rows]


def get_change(store: Store, change_id: int) -> Change | None:
    found = changes(store, 1, change_id + 1)
    return found[0] if found and found[0].id == change_id else None


def next_undo(store: Store) -> Change | None:
    """The newest ordinary change that holds."""
    with store.write() as cursor:
        return _next_undo(cursor)


def next_redo(store: Store) -> Change | None:
    """The ordinary change that was undone last; None when an ordinary change came after that undo."""
    with store.write() as cursor:
        last = _next_redo(cursor)
        return _get(cursor, last.undoes) if last and last.undoes else None


def touched(store: Store, change_id: int, limit: int = 100) -> list[Touched]:
    """The first scenarios of a change by id, as they were before and after it."""
    rows = store.read(f"{_BEFORE_AND_AFTER} ORDER BY id LIMIT ?", [change_id, limit])
    return [
        Touched(
            row["id"],
            None if row["before"] is None else scenario_of(row["before"]),
            None if row["gone"] else scenario_of(row["after"]),
        )
        for row in rows
    ]


def undo(store: Store, author: str, change_id: int = 0, rest: bool = False) -> Change | None:
    """Take back the newest ordinary change that holds, or the one named; returns it, None when there is none left.

    Args:
        rest: leave the scenarios alone that later changes touched, instead of raising.

    Raises:
        LaterChangesError: scenarios of the change were changed again later; nothing is taken back.
        WorkbenchError: no such change, or it is undone already.
    """
    with store.write() as cursor:
        change = _named(cursor, change_id) if change_id else _next_undo(cursor)
        if change is None:
            return None
        if not change.holds:
            raise WorkbenchError(f"Change {change.id} is undone already.", "Redo brings it back.")
        _revert(cursor, change, "undo", f"undo of {change.kind}", author, rest)
    return change


def redo(store: Store, author: str, change_id: int = 0, rest: bool = False) -> Change | None:
    """Bring back the change that was undone last, or the one named; returns it, None when there is nothing to redo.

    Raises:
        LaterChangesError: its scenarios were changed again since; nothing is brought back.
        WorkbenchError: no such change, or it holds.
    """
    with store.write() as cursor:
        last = _undo_of(cursor, _named(cursor, change_id)) if change_id else _next_redo(cursor)
        if last is None or last.undoes is None:
            return None
        change = _named(cursor, last.undoes)
        _revert(cursor, last, "redo", f"redo of {change.kind}", author, rest)
    return change


_CHANGES = """SELECT id, kind, author, created_at AS at, note, undoes,
    (SELECT count(*) FROM scenario_revisions r WHERE r.change_id = changes.id) AS scenarios FROM changes"""

_BEFORE_AND_AFTER = """SELECT r.scenario_id AS id, r.revision AS revision, p.body AS before, r.body AS after,
           r.deleted AS gone
    FROM scenario_revisions r
    LEFT JOIN scenario_revisions p
      ON p.scenario_id = r.scenario_id AND p.revision = r.revision - 1 AND NOT p.deleted
    WHERE r.change_id = ?"""

_LATER = f"""SELECT t.id, n.change_id FROM ({_BEFORE_AND_AFTER}) t
    JOIN scenario_revisions n ON n.scenario_id = t.id
    WHERE n.revision = (SELECT max(m.revision) FROM scenario_revisions m WHERE m.scenario_id = t.id)
      AND n.revision > t.revision
      AND (n.deleted <> t.gone OR (NOT n.deleted AND n.body::VARCHAR <> t.after::VARCHAR))
    ORDER BY t.id"""
"""Scenarios of a change that are not as it left them, each with the change that made them what they are now."""


def _taken_back(rows: Iterable[dict[str, int]]) -> set[int]:
    """Ids of the changes that do not hold. Whatever takes a change back is newer than it."""
    taken: set[int] = set()
    for row in sorted(rows, key=lambda row: -row["id"]):
        if row["id"] not in taken:
            taken.add(row["undoes"])
    return taken


def _rows(cursor: Cursor, tail: str, params: Sequence[object] = ()) -> list[Change]:
    undone = cursor.execute("SELECT id, undoes FROM changes WHERE undoes IS NOT NULL").fetchall()
    taken = _taken_back({"id": id, "undoes": undoes} for id, undoes in undone)
    rows = cursor.execute(f"{_CHANGES} {tail}", params).fetchall()
    return [replace(Change(*row), holds=row[0] not in taken) for row in rows]


def _get(cursor: Cursor, change_id: int) -> Change | None:
    return next(iter(_rows(cursor, "WHERE id = ?", [change_id])), None)


def _named(cursor: Cursor, change_id: int) -> Change:
    change = _get(cursor, change_id)
    if change is None:
        raise WorkbenchError(f"There is no change {change_id}.", "History lists them all.")
    if change.undoes is not None:
        message = f"Change {change_id} is itself an {change.kind} of change {change.undoes}."
        raise WorkbenchError(message, "Undo or redo the change that it names.")
    return change


def _next_undo(cursor: Cursor) -> Change | None:
    return next(iter(_rows(cursor, f"WHERE {_NOT_UNDONE} ORDER BY id DESC LIMIT 1")), None)


# No redo is ever taken back, so that two levels tell what holds.
_NOT_UNDONE = """undoes IS NULL AND NOT EXISTS (SELECT 1 FROM changes u WHERE u.undoes = changes.id
    AND NOT EXISTS (SELECT 1 FROM changes v WHERE v.undoes = u.id))"""


def _next_redo(cursor: Cursor) -> Change | None:
    """The newest undo that holds, unless an ordinary change came after it."""
    since = "id > (SELECT coalesce(max(id), 0) FROM changes WHERE undoes IS NULL)"
    found = _rows(cursor, f"WHERE kind = 'undo' AND undoes IS NOT NULL AND {since} ORDER BY id DESC")
    return next((one for one in found if one.holds), None)


def _undo_of(cursor: Cursor, change: Change) -> Change:
    found = _rows(cursor, "WHERE undoes = ? ORDER BY id DESC", [change.id])
    last = next((one for one in found if one.holds), None)
    if last is None:
        raise WorkbenchError(f"Change {change.id} was not undone.", "There is nothing to redo.")
    return last


def _revert(cursor: Cursor, change: Change, kind: str, note: str, author: str, rest: bool) -> None:
    """Bring the scenarios and toolsets of a change back to what they were before it, by adding revisions."""
    later = dict(cursor.execute(_LATER, [change.id]).fetchall())
    rows = [row for row in cursor.execute(_BEFORE_AND_AFTER, [change.id]).fetchall() if row[0] not in later]
    if later and (not rest or not rows):
        culprits = [_get(cursor, id) for id in sorted(set(later.values()), reverse=True)]
        raise LaterChangesError(sorted(later), len(rows), [one for one in culprits if one])
    kept = f", {len(later)} left as they are" if later else ""
    added = add_change(cursor, kind, author, note + kept, undoes=change.id)
    remove(cursor, added, [row[0] for row in rows if row[2] is None])
    bodies = [row[2] for row in rows if row[2] is not None]
    put(cursor, added, [scenario_of(body) for body in bodies], bodies)
    toolsets.take_back(cursor, change.id, added, author)
