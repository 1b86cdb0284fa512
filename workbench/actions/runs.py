"""Starting runs, following them, ending them. A run is a detached process that sees its folder and nothing else.

The store remembers; the folder tells. ``sync`` carries what folders tell into the store and starts what waits, and may
be called as often as one likes.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from workbench.actions.curate import ProblemsError
from workbench.actions.models import STARTER_ID, resolve
from workbench.errors import WorkbenchError
from workbench.evaluation.statistics import summarise
from workbench.jobs import cancel as cancelling
from workbench.jobs import folder as folders
from workbench.jobs.local import launch
from workbench.jobs.watch import RunStatus, observe
from workbench.records import Model, Reply, Run, RunKind, Scenario, Snapshot, Split, Toolset
from workbench.scenarios.scoring import score
from workbench.store import runs as run_store
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store, now
from workbench.training.settings import TrainSettings

WORKERS: dict[RunKind, str] = {"train": "workbench.training.worker", "evaluate": "workbench.evaluation.worker"}
BUSY = ("running", "stopping")
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class EvaluationSettings:
    """How an evaluation runs.

    Attributes:
        batch_size: scenarios decoded together; does not change what a model answers.
        max_new_tokens: length at which a reply is cut.
        threads: CPU threads; 0 lets torch decide.
    """

    batch_size: int = 32
    max_new_tokens: int = 128
    threads: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a run is at this moment, from its folder.

    Attributes:
        phase: what the worker is doing, such as ``loading`` or ``training``.
        eta_s: seconds to go; None when not known.
        figures: the newest metrics (loss, steps_per_second, memory_mb …); empty before the first.
    """

    run: Run
    phase: str = ""
    step: int = 0
    total_steps: int = 0
    eta_s: float | None = None
    message: str = ""
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """0 to 1."""
        if self.run.state == "done":
            return 1.0
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


def make_snapshot(store: Store, toolset: str, note: str = "") -> str:
    """Freeze the approved scenarios of a toolset; returns the snapshot's hash. The same content has the same hash."""
    return snapshot_store.create(store, toolset, note)


def start_training(
    store: Store,
    toolset: str,
    base: str = STARTER_ID,
    settings: TrainSettings | None = None,
    snapshot: str | None = None,
    name: str = "",
) -> Run:
    """Start a LoRA training run, or queue it behind the one that is running.

    Args:
        base: id of a base model, see ``models.resolve``.
        snapshot: hash of an existing one; None makes one of what is approved now.

    Raises:
        ProblemsError: a setting makes no sense.
        WorkbenchError: no such toolset, base or snapshot; no approved training scenario; the disk refuses.
    """
    settings = settings or TrainSettings()
    if problems := settings.check():
        raise ProblemsError("; ".join(map(str, problems)), problems, problems[0].hint)
    model = resolve(store, base)
    if model.adapter:
        raise WorkbenchError(f"'{base}' is an adapter already.", "Choose a base model, such as 'starter'.")
    frozen = snapshot_store.load(store, snapshot or make_snapshot(store, toolset))
    if not frozen.split("train"):
        raise WorkbenchError(
            f"The snapshot {frozen.hash} has no training scenarios.", "Approve some that fall on the train split."
        )
    rows = (
        {"scenario": row.scenario.to_dict(), "split": row.split} for row in frozen.rows if row.split != "test"
    )
    run = _new_run("train", frozen, model, settings.to_dict(), "train", name)
    return _start(store, run, "train.jsonl", rows)


def start_evaluation(
    store: Store, model_id: str, snapshot: str, split: Split = "test", settings: EvaluationSettings | None = None
) -> Run:
    """Start an evaluation of a model on one split of a snapshot, or queue it.

    Raises:
        WorkbenchError: no such model or snapshot; the split is empty; the disk refuses.
    """
    model = resolve(store, model_id)
    frozen = snapshot_store.load(store, snapshot)
    scenarios = frozen.split(split)
    if not scenarios:
        raise WorkbenchError(
            f"The snapshot {snapshot} has no {split} scenarios.", "Choose another split, or approve some of that split."
        )
    config = dataclasses.asdict(settings or EvaluationSettings())
    run = _new_run("evaluate", frozen, model, config, split, model.label)
    return _start(store, run, "cases.jsonl", ({"scenario": scenario.to_dict()} for scenario in scenarios))


def sync(store: Store) -> list[Run]:
    """Bring the store up to date with the run folders, start the next queued run, and return all runs.

    Runs that another app process started are adopted on the way: nothing of a run is kept in memory. When another
    thread is at it already, this returns what the store knows.
    """
    with _alone(store) as alone:
        if alone:
            failures = [error for run in _unfinished(store) if (error := _try_to_follow(store, run))]
            _start_next(store)
            if failures:
                raise ExceptionGroup("some runs could not be followed", failures)
    return run_store.list_runs(store)


def wait(store: Store, run_id: str, on_progress: Callable[[Progress], None] | None = None) -> Run:
    """Follow a run until it has finished, whatever the outcome, calling ``on_progress`` about twice a second."""
    while True:
        sync(store)
        found = progress(store, run_id)
        if on_progress:
            on_progress(found)
        if found.run.finished:
            return found.run
        time.sleep(POLL_SECONDS)


def cancel(store: Store, run_id: str) -> Run:
    """End a run: a queued one at once; a running one finishes its step, keeps its adapter, and is killed if it does not.

    A finished run is left as it is.
    """
    run = get_run(store, run_id)
    if run.state == "queued":
        run_store.update(store, run_id, state="stopped", ended_at=now(), message="Stopped before it began.")
    elif run.state == "running":
        cancelling.ask(store.workspace.run_folder(run_id))
        run_store.update(store, run_id, state="stopping", message="Stopping…")
    return get_run(store, run_id)


def runs(store: Store, kind: RunKind | None = None) -> list[Run]:
    """All runs, or those of one kind, the newest first."""
    return run_store.list_runs(store, kind=kind or "")


def get_run(store: Store, run_id: str) -> Run:
    """The run of that id. Raises WorkbenchError when there is none."""
    run = run_store.get(store, run_id)
    if run is None:
        raise WorkbenchError(f"There is no run '{run_id}'.", "The list of runs has their ids.")
    return run
