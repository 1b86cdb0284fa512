"""A workspace with two tools and twelve scenarios, for tests that need no more."""

from pathlib import Path

from workbench.records import ExpectedCall, Outcome, Scenario, Tool, Toolset
from workbench.store import Store
from workbench.store.scenarios import save
from workbench.store.toolsets import save_toolset
from workbench.workspace import Workspace

PING = Tool(
    "ping",
    "Test whether a host answers.",
    {
        "type": "object",
        "properties": {"host": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
        "required": ["host"],
    },
)
CLOCK = Tool("clock", "Tell the time.", {"type": "object", "properties": {}})
TOOLSET = Toolset("small", (PING, CLOCK))
SPLITS = (
    "train",
    "train",
    "train",
    "train",
    "train",
    "train",
    "validation",
    "validation",
    "test",
    "test",
    "test",
    "test",
)


def make_scenario(number: int, **changes) -> Scenario:
    """Every third scenario calls ping, the clock, or nothing."""
    calls = ((ExpectedCall("ping", {"host": f"host{number}"}),), (ExpectedCall("clock"),), ())[number % 3]
    fields = {
        "id": f"s{number}",
        "toolset": "small",
        "request": f"please ping host{number}",
        "outcome": Outcome(calls),
        "os": ("linux", "macos")[number % 2],
        "mode": "act",
        "status": "approved",
        "split": SPLITS[number % len(SPLITS)],
    }
    return Scenario(**(fields | changes))


def open_small(root: Path) -> Store:
    """A new store with the small toolset and its scenarios."""
    store = Store.open(Workspace(root))
    save_toolset(store, TOOLSET, "test")
    save(store, [make_scenario(i) for i in range(len(SPLITS))], "import", "test")
    return store
