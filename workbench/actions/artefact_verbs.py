"""The verbs on artefacts as doors to other programs speak them: plain JSON in and out; see ``actions.verbs``."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.actions import exports, runs
from workbench.store.database import Store
from workbench.training.artefacts.settings import ExportSettings

Json = dict[str, Any]


@dataclass(frozen=True)
class ArtefactVerbs:
    """On an open store. All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    def start(self, model: str, settings: Mapping[str, Any]) -> Json:
        """Start an export; settings that are not given keep their defaults."""
        run = exports.start(self.store, model, ExportSettings.from_dict(settings))
        return self.show(run.id)

    def list(self, model: str = "") -> Json:
        """Exports of one trained model or of all, the newest first."""
        runs.sync(self.store)
        return {"artefacts": [found.to_dict() for found in exports.artefacts(self.store, model)]}

    def show(self, run_id: str) -> Json:
        """One export with its verdict and every flip."""
        runs.sync(self.store)
        return exports.artefact(self.store, run_id).to_dict()


@dataclass(frozen=True)
class RemoteArtefactVerbs:
    """The same methods as ``ArtefactVerbs``, answered by the app."""

    ask: Callable[..., Json]

    def start(self, model: str, settings: Mapping[str, Any]) -> Json:
        return self.ask("POST", "/api/artefacts", None, {"model": model, "settings": dict(settings)})

    def list(self, model: str = "") -> Json:
        return self.ask("GET", "/api/artefacts", {"model": model})

    def show(self, run_id: str) -> Json:
        return self.ask("GET", f"/api/artefacts/{urllib.parse.quote(run_id, safe='')}")
