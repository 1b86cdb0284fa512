"""Pre-flight: what a training run would see and cost, before anything is spent.

A detached child looks at every scenario and tries two steps; its folder is named after the content that it looked at,
so that the same question is answered at once the second time. It is no run: the store does not know it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from workbench.actions.curate import ProblemsError
from workbench.actions.models import resolve
from workbench.errors import WorkbenchError
from workbench.jobs import cancel as cancelling
from workbench.jobs.local import launch
from workbench.jobs.watch import observe
from workbench.records import Model, Run, RunState, Scenario, Toolset, canonical_json
from workbench.runfolder import RunFolder, append_rows, read_rows, write_json
from workbench.runfolder.reporting import explain
from workbench.store import scenarios as scenario_store
from workbench.store import toolsets as toolset_store
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.training.preflight import SIGHTS
from workbench.training.settings import TrainSettings

WORKER = "workbench.training.preflight"
KEPT = 8
"""Folders of earlier pre-flights that stay."""


@dataclass(frozen=True)
class Preflight:
    """How a pre-flight stands and what it found.

    Attributes:
        key: names the content that was looked at.
        summary: counts (``scenarios``, ``blocked``, ``longest``, ``tokens``, ``trained_tokens``, ``context``) and the
            estimate (``seconds``, ``step_seconds``, ``validation_seconds``, ``total_steps``, ``memory_mb``); empty
            until it is done.
        blocked: ``{"scenario_id", "request", "split", "tokens", "reasons"}`` of each that must not be trained.
    """

    key: str
    state: RunState
    phase: str
    message: str
    base: str
    toolset: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    blocked: tuple[Mapping[str, Any], ...] = ()

    @property
    def finished(self) -> bool:
        return self.state in ("done", "stopped", "failed")

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "blocked": list(self.blocked)}


def start(store: Store, toolset_name: str, base: str, settings: TrainSettings) -> Preflight:
    """Begin a pre-flight of what is approved now; one that was done, or is under way, is not begun again.

    Raises:
        ProblemsError: a setting makes no sense.
        WorkbenchError: no such toolset or base; nothing to train on; the disk refuses.
    """
    if problems := settings.check():
        raise ProblemsError("; ".join(map(str, problems)), problems, problems[0].hint)
    model = resolve(store, base)
    if model.adapter:
        raise WorkbenchError(f"'{base}' is an adapter already.", "Choose a base model, such as 'starter'.")
    toolset = toolset_store.get_toolset(store, toolset_name)
    if toolset is None:
        raise WorkbenchError(f"There is no toolset '{toolset_name}'.", "Import or write it first.")
    rows = _approved(store, toolset_name)
    if not any(split == "train" for _, split in rows):
        raise WorkbenchError("There is no approved scenario to train on.", "Approve some that fall on the train split.")
    key = content_key(model, toolset, settings, rows)
    with FileLock(store.workspace.runs / "preflight.lock", is_singleton=False):
        folder = _folder(store, key)
        if not folder.path.is_dir() or observe(folder.path).state in ("failed", "stopped"):
            _begin(folder, key, model, toolset, settings, rows)
            _sweep(folder.path.parent)
    return get(store, key)


def get(store: Store, key: str) -> Preflight:
    """How the pre-flight of that key stands. Raises WorkbenchError when there is none."""
    folder = _folder(store, key)
    if not folder.config.is_file():
        raise WorkbenchError("There is no such pre-flight any more.", "Check again.")
    config, status = folder.read_config(), observe(folder.path)
    blocked = () if not status.finished else tuple(_brief(row) for row in _sights(folder) if row["reasons"])
    return Preflight(
        key=key,
        state=status.state,
        phase="" if status.finished else status.phase,
        message=status.message,
        base=config["model"]["id"],
        toolset=config["toolset"]["name"],
        summary=dict(status.summary),
        blocked=blocked,
    )


def latest(store: Store) -> Preflight | None:
    """The one that was begun last, or None."""
    folders = _by_age(store.workspace.runs / "preflight")
    return get(store, folders[0].name) if folders else None


def stop(store: Store, key: str) -> Preflight:
    """Ask a pre-flight to end."""
    cancelling.ask(_folder(store, key).path)
    return get(store, key)


def sights(store: Store, key: str, offset: int = 0, limit: int = 50) -> list[dict[str, Any]]:
    """What scenarios become, in the order of the data, blocked ones first.

    Returns:
        Rows of ``training.inspection.Sight`` whose ``pieces`` are whole: ``[text, special, trained]`` each.
    """
    get(store, key)
    folder = _folder(store, key)
    prefixes = {row["prefix"]: row["pieces"] for row in _rows(folder) if "scenario_id" not in row}
    chosen = sorted(_sights(folder), key=lambda row: not row["reasons"])[offset : offset + limit]
    return [{**row, "pieces": [*prefixes.get(row["prefix"], ()), *row["pieces"]]} for row in chosen]


def estimate(
    store: Store, model: Model, toolset: Toolset, settings: TrainSettings, rows: Iterable[tuple[Scenario, str]]
) -> dict[str, float]:
    """Seconds and memory that a pre-flight of this very content foretold; empty when there was none."""
    folder = _folder(store, content_key(model, toolset, settings, rows))
    status = observe(folder.path) if folder.config.is_file() else None
    if status is None or status.state != "done":
        return {}
    return {name: status.summary[name] for name in ("seconds", "memory_mb")}


def how_far_off(run: Run) -> dict[str, dict[str, float]]:
    """What was foretold of a finished training run, and what it really took; empty when nothing was.

    Returns:
        For ``seconds`` and ``memory_mb``: ``{"foretold", "really", "off"}``; 0.1 is a tenth more than was foretold.
    """
    guess = run.config.get("estimate") or {}
    if run.state != "done":
        return {}
    real = {"seconds": run.summary.get("train_seconds"), "memory_mb": run.summary.get("peak_memory_mb")}
    pairs = ((name, guess.get(name), value) for name, value in real.items())
    return {
        name: {"foretold": foretold, "really": really, "off": round(really / foretold - 1, 4)}
        for name, foretold, really in pairs
        if foretold and really
    }


def content_key(model: Model, toolset: Toolset, settings: TrainSettings, rows: Iterable[tuple[Scenario, str]]) -> str:
    """A hash of all that decides on the answer."""
    digest = hashlib.sha256(canonical_json([dataclasses.asdict(model), toolset.to_dict(), settings.to_dict()]).encode())
    for scenario, split in sorted(rows, key=lambda row: row[0].id):
        if split != "test":
            digest.update(canonical_json([scenario.to_dict(), split]).encode())
    return digest.hexdigest()[:16]


def _approved(store: Store, toolset: str) -> list[tuple[Scenario, str]]:
    """Approved scenarios of train and validation, those as well that do not fit the toolset any more."""
    return [
        (scenario, split)
        for split in ("train", "validation")
        for scenario in scenario_store.stream(store, ScenarioFilter(toolset=toolset, status="approved", split=split))
    ]


def _begin(
    folder: RunFolder,
    key: str,
    model: Model,
    toolset: Toolset,
    settings: TrainSettings,
    rows: Iterable[tuple[Scenario, str]],
) -> None:
    shutil.rmtree(folder.path, ignore_errors=True)
    config = {
        "run_id": key,
        "kind": "preflight",
        "model": dataclasses.asdict(model),
        "toolset": toolset.to_dict(),
        "settings": settings.to_dict(),
        "cache": "../../cache",
    }
    try:
        folder.path.mkdir(parents=True)
        append_rows(folder.train, ({"scenario": one.to_dict(), "split": split} for one, split in rows))
        write_json(folder.config, config)
        launch(folder.path, WORKER)
    except OSError as error:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise WorkbenchError(f"The pre-flight could not be written to {folder.path}. {explain(error)}") from error


def _sweep(parent: Path) -> None:
    """Delete the oldest folders that nobody works in."""
    for path in _by_age(parent)[KEPT:]:
        if observe(path).finished:
            shutil.rmtree(path, ignore_errors=True)


def _by_age(parent: Path) -> list[Path]:
    """Folders of pre-flights, the newest first."""
    found = [path for path in parent.glob("*") if (path / "config.json").is_file()]
    return sorted(found, key=lambda path: -(path / "config.json").stat().st_mtime)


def _folder(store: Store, key: str) -> RunFolder:
    return RunFolder(store.workspace.run_folder(key).parent / "preflight" / key)


def _rows(folder: RunFolder) -> list[dict[str, Any]]:
    return [row for row in read_rows(folder.path / SIGHTS) if row]


def _sights(folder: RunFolder) -> list[dict[str, Any]]:
    return [row for row in _rows(folder) if "scenario_id" in row]


def _brief(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("scenario_id", "request", "split", "tokens", "reasons")}
