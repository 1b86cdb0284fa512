"""How far runs are, what they have written until now, and waiting until they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.actions.runs import get_run, sync
from workbench.jobs.watch import observe
from workbench.records import Run
from workbench.runfolder import RunFolder
from workbench.runfolder.status import tail_log
from workbench.store import runs as run_store
from workbench.store.database import Store

POLL_SECONDS = 0.5
RECENT_LINES = 20
"""Metrics rows among which the newest figures are sought: loss and validation stand in different rows."""


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
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """0 to 1."""
        if self.run.state == "done":
            return 1.0
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


def progress(store: Store, run_id: str) -> Progress:
    """How far a run is. Raises WorkbenchError when there is none of that id."""
    run = get_run(store, run_id)
    if run.state == "queued":
        return Progress(run, phase="queued", message=run.message)
    status = observe(store.workspace.run_folder(run_id))
    figures: dict[str, Any] = {}
    for row in run_store.metrics(store, run_id, run_store.last_line(store, run_id) - RECENT_LINES):
        figures |= row
    return Progress(
        run=run,
        phase="" if run.finished else status.phase,
        step=status.step,
        total_steps=status.total_steps,
        eta_s=None if run.finished else status.eta_s,
        message=run.message or status.message,
        figures=figures,
    )


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


def run_metrics(store: Store, run_id: str, after: int = 0) -> list[dict[str, Any]]:
    """Metrics rows behind the first ``after``, as the worker wrote them. Raises WorkbenchError for an unknown run."""
    get_run(store, run_id)
    return run_store.metrics(store, run_id, after)


def log_tail(store: Store, run_id: str, lines: int = 50) -> str:
    """The last lines of a run's log; empty when it has none (yet, or because its folder was deleted)."""
    return tail_log(RunFolder(store.workspace.run_folder(get_run(store, run_id).id)), lines)
