"""Opening a workspace, and the content that a new one starts with."""

from __future__ import annotations

import json
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
    folder, toolset = workspace.SHIPPED_DATASETS / SHIPPED_TOOLSET, shipped_toolset()
    with (folder / "scenarios.jsonl").open(encoding="utf-8") as lines:
        scenarios = [Scenario.from_dict(json.loads(line)) for line in lines if line.strip()]
    # The toolset goes last: a process that dies in between finds no toolset and starts over, and saving what is
    # already there makes no revision.
    scenario_store.save(store, scenarios, SHIPPED_CHANGE, SHIPPED_AUTHOR)
    demand_store.save_targets(store, toolset.name, PRESETS["basic"], SHIPPED_AUTHOR)
    toolset_store.save_toolset(store, toolset, SHIPPED_AUTHOR)


def shipped_toolset() -> Toolset:
    """The toolset that a new workspace starts with."""
    path = workspace.SHIPPED_DATASETS / SHIPPED_TOOLSET / "toolset.json"
    return Toolset.from_dict(json.loads(path.read_text("utf-8")))
