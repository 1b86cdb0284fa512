"""The verbs of training and of the pre-flight before it. ``verbs.Verbs`` takes them over."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from workbench.actions import curate, preflight, run_list, runs, starting
from workbench.actions.models import STARTER_ID
from workbench.actions.recipes import recipe
from workbench.actions.run_verbs import run_to_dict
from workbench.store.database import Store
from workbench.training.settings import TrainSettings

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class TrainVerbs:
    """All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    def train(
        self,
        toolset: str = "",
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        name: str = "",
        snapshot: str = "",
        allow_leaks: str = "",
        preset: str = "",
        like: str = "",
    ) -> Json:
        """Start a training run.

        ``settings`` that are not given are the preset's, those of the run ``like``, or the good ones for the base; that
        run also gives toolset and base where they are not named.
        """
        chosen, base, parsed = self._recipe(toolset, base, settings, preset, like)
        return run_to_dict(
            starting.start_training(self.store, chosen, base, parsed, snapshot or None, name, allow_leaks)
        )

    def _recipe(
        self, toolset: str, base: str, settings: Mapping[str, Any] | None, preset: str, like: str
    ) -> tuple[str, str, TrainSettings]:
        """Toolset, base and settings of a run that begins as ``train`` says."""
        model = runs.get_run(self.store, like) if like else None
        chosen = toolset or (run_list.toolset_name(model) if model else curate.default_toolset(self.store))
        base = base or (model.model if model else STARTER_ID)
        first = run_list.settings_of(model).to_dict() if model and not preset else {}
        return chosen, base, recipe(self.store, chosen, base, preset, {**first, **(settings or {})})

    def preflight(
        self,
        toolset: str = "",
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        preset: str = "",
        like: str = "",
    ) -> Json:
        """What a run with these settings would see and cost. Asked again, it tells how far it is."""
        chosen, base, parsed = self._recipe(toolset, base, settings, preset, like)
        return preflight.start(self.store, chosen, base, parsed).to_dict()

    def preflight_state(self, key: str) -> Json:
        """How a pre-flight stands."""
        return preflight.get(self.store, key).to_dict()

    def preflight_scenarios(self, key: str, offset: int = 0, limit: int = 50) -> Json:
        """What scenarios become: text, special tokens, trained tokens; blocked ones first."""
        return {"scenarios": preflight.sights(self.store, key, offset, limit)}
