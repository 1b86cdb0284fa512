"""Scenarios on their way into the store: set down in a temporary table first, compared, then taken in at once.

Any number of scenarios pass through in batches; other writers wait only for the last step. Knows no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from workbench.records import Scenario, Toolset
from workbench.store import toolsets as toolset_store
from workbench.store.database import Cursor, Store
from workbench.store.revisions import add_change, make_table, set_down, take_in, text_of

BATCH = 2_000
SHOWN = 100


@dataclass(frozen=True)
class Compared:
    """How staged scenarios stand to those of the store with the same id.

    Attributes:
        new: ids that are not there.
        same: they are there with this very content.
        changed: they are there with another content; ``changed_ids`` are the first hundred.
    """

    new: int
    same: int
    changed: int
    changed_ids: tuple[str, ...] = ()


class Staging:
    """Use ``staging``. The ids that are added must differ."""

    def __init__(self, store: Store, session: Cursor) -> None:
        self._store, self._session = store, session
        self._batch: list[Scenario] = []
        make_table(session, "staged")

    def add(self, scenario: Scenario) -> None:
        self._batch.append(scenario)
        if len(self._batch) >= BATCH:
            self._flush()

    def compare(self) -> Compared:
        """Compare what was added with what is there. Text is compared, for 1 and 1.0 are equal as values."""
        self._flush()
        counted = self._session.execute(
            f"SELECT count(*) FILTER (s.id IS NULL), count(*) FILTER ({_SAME}), count(*) FILTER (NOT {_SAME}) {_BOTH}"
        ).fetchone()
        assert counted is not None
        changed = self._session.execute(f"SELECT i.id {_BOTH} WHERE NOT {_SAME} ORDER BY i.id LIMIT {SHOWN}").fetchall()
        new, same, differing = counted
        return Compared(new, same, differing, tuple(id_ for (id_,) in changed))

    def save(
        self,
        kind: str,
        author: str,
        note: str = "",
        toolsets: Sequence[Toolset] = (),
        keep_changed: bool = False,
        progress: Callable[[float], None] | None = None,
    ) -> int:
        """Take everything in as one change, the toolsets with it; returns its id, 0 when no scenario is new or differs.

        Args:
            keep_changed: leave scenarios alone that are there with another content.
            progress: is told the share that is taken in, up to 1.
        """
        self._flush()
        with self._store.write(self._session) as cursor:
            wanted = "s.id IS NULL" if keep_changed else f"s.id IS NULL OR NOT {_SAME}"
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT i.* {_BOTH} WHERE {wanted}")
            found = cursor.execute("SELECT count(*) FROM fresh").fetchone()
            change = add_change(cursor, kind, author, note) if found and found[0] else 0
            for toolset in toolsets:
                toolset_store.add_version(cursor, toolset, author, note, change or None)
            for share in take_in(cursor, "fresh", change) if change else ():
                if progress:
                    progress(share)
        return change

    def _flush(self) -> None:
        set_down(self._session, "staged", self._batch, [text_of(scenario) for scenario in self._batch])
        self._batch = []


@contextmanager
def staging(store: Store) -> Iterator[Staging]:
    """A place for scenarios until ``save``; without it they are gone at the end."""
    with store.session() as session:
        yield Staging(store, session)


_BOTH = "FROM staged i LEFT JOIN scenarios s ON s.id = i.id"
_SAME = "(s.body::VARCHAR = i.body)"
