"""Adding generated drafts: as one change, and never over what is there."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.records import Scenario
from workbench.store import scenarios as scenario_store
from workbench.store.database import Store

GENERATE_CHANGE = "generate"


def add_drafts(store: Store, drafts: Sequence[Scenario], author: str, note: str) -> int:
    """Add the drafts whose ids are free as one change; returns its id, 0 when none was.

    A draft that is there already, edited or approved meanwhile, stays as it is.
    """
    taken = scenario_store.existing(store, (draft.id for draft in drafts))
    fresh = [draft for draft in drafts if draft.id not in taken]
    return scenario_store.save(store, fresh, GENERATE_CHANGE, author, note) if fresh else 0
