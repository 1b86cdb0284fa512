"""Opening a workspace, and the content that a new one starts with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from workbench import workspace
from workbench.actions.curate import SHIPPED_CHANGE, SHIPPED_TOOLSET
from workbench.records import Scenario, Toolset
from workbench.scenarios.targets import PRESETS
from workbench.store import demands as demand_store
from workbench.store import scenarios as scenario_store
from workbench.store import toolsets as toolset_store
from workbench.store.database import Store

SHIPPED_AUTHOR = "workbench"


def open_workspace(root: Path | None = None) -> Store:
    """The store of a workspace (the repository when ``root`` is None), created and filled when it is new.

    Raises:
        WorkbenchError: the folder cannot be created, or another process holds the store.
    """
    place = workspace.Workspace(root.resolve()) if root else workspace.Workspace()
    store = Store.open(place.prepare())
    try:
        ensure_shipped(store)
    except BaseException:
        store.close()
        raise
    return store


def ensure_shipped(store: Store) -> None:
    """Give a store without any toolset the shipped toolset and its scenarios; leave every other store alone."""
    if toolset_store.list_toolsets(store):
        return
    add_shipped(store)


def add_shipped(
    store: Store, name: str = SHIPPED_TOOLSET, keep: Callable[[Scenario], bool] = lambda scenario: True
) -> None:
    """Bring a shipped dataset into the store: its toolset, and those of its scenarios that ``keep`` lets through."""
    toolset = shipped_toolset(name)
    scenarios = [scenario for scenario in shipped_scenarios(name) if keep(scenario)]
    # The toolset goes last: a process that dies in between finds no toolset and starts over, and saving what is
    # already there makes no revision.
    scenario_store.save(store, scenarios, SHIPPED_CHANGE, SHIPPED_AUTHOR)
    demand_store.save_targets(store, toolset.name, PRESETS["basic"], SHIPPED_AUTHOR)
    toolset_store.save_toolset(store, toolset, SHIPPED_AUTHOR)


def shipped_toolset(name: str = SHIPPED_TOOLSET) -> Toolset:
    """The toolset of a shipped dataset; by default that which a new workspace starts with."""
    path = workspace.SHIPPED_DATASETS / name / "toolset.json"
    return Toolset.from_dict(json.loads(path.read_text("utf-8")))


def shipped_scenarios(name: str = SHIPPED_TOOLSET) -> list[Scenario]:
    """The scenarios of a shipped dataset, all splits."""
    with (workspace.SHIPPED_DATASETS / name / "scenarios.jsonl").open(encoding="utf-8") as lines:
        return [Scenario.from_dict(json.loads(line)) for line in lines if line.strip()]
