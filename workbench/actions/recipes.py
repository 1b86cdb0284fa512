"""Settings of a run from a preset, how much there is to learn, and this machine. Knows no torch."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from workbench.actions.models import resolve
from workbench.errors import WorkbenchError
from workbench.store import scenarios as scenario_store
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.training.settings import TrainSettings, default_settings, preset_settings

FIRST_PRESET = "balanced"


def recipe(
    store: Store, toolset: str, base: str, preset: str = "", given: Mapping[str, Any] | None = None
) -> TrainSettings:
    """Settings for a base: those of the preset, or the good ones of the base; what is ``given`` stands above.

    Raises:
        WorkbenchError: no such base, preset or setting.
    """
    place = resolve(store, base).base
    count = scenario_store.count(store, ScenarioFilter(toolset=toolset, status="approved", split="train"))
    found = preset_settings(preset, place, count, has_gpu()) if preset else default_settings(place)
    return TrainSettings.from_dict({**found.to_dict(), **(given or {})})


def first_settings(store: Store, toolset: str, base: str) -> TrainSettings:
    """What a form begins with: the balanced preset. For a base that is not there the good ones of its kind; whoever
    starts the run is told what is wrong with it."""
    try:
        return recipe(store, toolset, base, FIRST_PRESET)
    except WorkbenchError:
        return default_settings(base)


def has_gpu() -> bool:
    """Whether a CUDA driver is installed; torch itself is too heavy to ask here."""
    return shutil.which("nvidia-smi") is not None
