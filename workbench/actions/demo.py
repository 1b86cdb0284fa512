"""The whole loop without a browser: shipped scenarios, base model evaluated, adapter trained, evaluated again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.actions import curate, run_progress, runs, starting
from workbench.actions.content import open_workspace
from workbench.actions.models import RUN_PREFIX, STARTER_ID
from workbench.errors import WorkbenchError
from workbench.records import Run
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

OnProgress = Callable[[str, run_progress.Progress], None]


def demo(root: Path | None = None, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Run the loop and return its figures: rates are 0 to 1, times are seconds.

    Args:
        root: workspace to use; None makes a temporary one that is gone afterwards.
        on_progress: called with a title and how far that part is, about twice a second.

    Raises:
        WorkbenchError: one of the runs failed.
    """
    if root is not None:
        return _loop(root, on_progress or _ignore)
    with tempfile.TemporaryDirectory(prefix="workbench-demo-", ignore_cleanup_errors=True) as folder:
        return _loop(Path(folder), on_progress or _ignore)


def _loop(root: Path, on_progress: OnProgress) -> dict[str, Any]:
    began = time.monotonic()
    with open_workspace(root) as store:
        toolset = curate.default_toolset(store)
        snapshot = runs.make_snapshot(store, toolset, "demo")
        base = _evaluate(store, STARTER_ID, snapshot, "Evaluating the base model", on_progress)
        training = starting.start_training(store, toolset, STARTER_ID, snapshot=snapshot, name="demo")
        trained = _finish(store, training, "Training", on_progress)
        tuned = _evaluate(store, RUN_PREFIX + training.id, snapshot, "Evaluating the tuned model", on_progress)
        return {
            "scenarios": curate.count(store, ScenarioFilter(toolset=toolset)),
            "test_n": base.summary["n"],
            "base": _figures(base),
            "tuned": _figures(tuned),
            "train_seconds": trained.summary["train_seconds"],
            "seconds": round(time.monotonic() - began, 1),
        }


def _evaluate(store: Store, model_id: str, snapshot: str, title: str, on_progress: OnProgress) -> Run:
    return _finish(store, starting.start_evaluation(store, model_id, snapshot, "test"), title, on_progress)


def _finish(store: Store, run: Run, title: str, on_progress: OnProgress) -> Run:
    """Wait for a run; a run that is cut off half-way is stopped, for its folder goes away with the workspace."""
    try:
        ended = run_progress.wait(store, run.id, lambda progress: on_progress(title, progress))
    except BaseException:
        runs.cancel(store, run.id)
        raise
    if ended.state != "done":
        raise WorkbenchError(f"{title} did not succeed: {ended.message}", run_progress.log_tail(store, run.id, 5))
    return ended


def _figures(run: Run) -> dict[str, float]:
    return {name: run.summary[name]["value"] for name in ("tool_accuracy", "exact_calls")}


def _ignore(title: str, progress: run_progress.Progress) -> None:
    """Nobody watches."""
