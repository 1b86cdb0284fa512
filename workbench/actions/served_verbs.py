"""The verbs on what is served, as doors to other programs speak them: plain JSON in and out; see ``actions.verbs``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from workbench.actions import curate, runs, served
from workbench.store import served as served_store
from workbench.store.auto_train import get_rule
from workbench.store.database import Store

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class ServedVerbs:
    """On an open store. All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    def show(self, toolset: str = "") -> Json:
        """What is served for a toolset, what was before, the rule, and what is proposed (None when nothing is)."""
        runs.sync(self.store)
        chosen = self._toolset(toolset)
        found = served.proposal(self.store, chosen)
        return {
            **dataclasses.asdict(served.served(self.store, chosen)),
            "rule": get_rule(self.store, chosen).swap,
            "proposal": found.to_dict() if found else None,
            "history": [dataclasses.asdict(one) for one in served_store.history(self.store, chosen)],
        }

    def serve(self, model: str, toolset: str = "", reason: str = "", author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Serve a model from now on."""
        served.serve(self.store, self._toolset(toolset), model, author, reason)
        return self.show(toolset)

    def swap(self, toolset: str = "", author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Serve the model that is proposed."""
        served.swap(self.store, self._toolset(toolset), author)
        return self.show(toolset)

    def _toolset(self, name: str) -> str:
        return name or curate.default_toolset(self.store)


@dataclasses.dataclass(frozen=True)
class RemoteServedVerbs:
    """The same methods as ``ServedVerbs``, answered by the app."""

    ask: Callable[..., Json]

    def show(self, toolset: str = "") -> Json:
        return self.ask("GET", "/api/served", {"toolset": toolset})

    def serve(self, model: str, toolset: str = "", reason: str = "") -> Json:
        return self.ask("PUT", "/api/served", None, {"model": model, "toolset": toolset, "reason": reason})

    def swap(self, toolset: str = "") -> Json:
        return self.ask("POST", "/api/served/swap", None, {"toolset": toolset})
