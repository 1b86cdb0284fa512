"""The queue of runs: its order, and going on with runs that were stopped or interrupted."""

from __future__ import annotations

from typing import Literal, get_args

from workbench.actions.runs import FOREVER, alone, get_run, last_place, sync
from workbench.errors import WorkbenchError
from workbench.records import Run
from workbench.runfolder import RunFolder, count_lines, drop_torn_line
from workbench.runfolder.checkpoints import rewind
from workbench.runfolder.reporting import explain
from workbench.store import runs as run_store
from workbench.store.database import Store

Place = Literal["first", "up", "down", "last"]
PLACES: tuple[Place, ...] = get_args(Place)


def queue(store: Store) -> list[Run]:
    """The runs that wait, the next one first."""
    return run_store.queued(store)


def move(store: Store, run_id: str, where: str) -> list[Run]:
    """Move a queued run; returns the queue as it is then.

    Raises:
        WorkbenchError: there is no such run or place, or the run does not wait.
    """
    if where not in PLACES:
        raise WorkbenchError(f"There is no place '{where}'.", f"Choose one of {', '.join(PLACES)}.")
    with alone(store, FOREVER):
        run = get_run(store, run_id)
        if run.state != "queued":
            raise WorkbenchError(
                f"The run {run_id} does not wait: it is {run.state}.", "Only queued runs have an order."
            )
        ids = [one.id for one in run_store.queued(store)]
        at = ids.index(run_id)
        ids.remove(run_id)
        wanted = {"first": 0, "up": max(at - 1, 0), "down": at + 1, "last": len(ids)}[where]
        ids.insert(wanted, run_id)
        run_store.reorder(store, ids)
    return queue(store)


def resume(store: Store, run_id: str) -> Run:
    """Queue a run again that was stopped or failed; its worker goes on from the last checkpoint, or the last reply.

    Metrics rows that were written after the checkpoint are taken back, in the folder and in the store: the same steps
    are written again. A training run without a checkpoint begins anew.

    Raises:
        WorkbenchError: there is no such run, it is not over, it is complete, or its folder is gone.
    """
    with alone(store, FOREVER):
        run = get_run(store, run_id)
        _refuse(run)
        folder = RunFolder(store.workspace.run_folder(run_id))
        folder.read_config()
        try:
            lines = _take_back(run, folder)
        except OSError as error:
            raise WorkbenchError(f"The run {run_id} cannot go on. {explain(error)}") from error
        run_store.cut_metrics(store, run_id, lines)
        changes = {"state": "queued", "ended_at": "", "message": "", "summary": {}, "position": last_place(store) + 1}
        run_store.update(store, run_id, **changes)
    sync(store)
    return get_run(store, run_id)


def _refuse(run: Run) -> None:
    if run.deleted_at:
        raise WorkbenchError(f"The run {run.id} is in the trash.", "Restore it first.")
    if not run.finished:
        raise WorkbenchError(f"The run {run.id} goes on already: it is {run.state}.", "Wait for it, or stop it first.")
    if run.kind == "generate":
        raise WorkbenchError("A generation goes on in a new run.", f"Use 'generate --resume {run.id}'.")
    if not run.resumable:
        raise WorkbenchError(f"The run {run.id} is complete.", "Start a new one; a warm start begins with its adapter.")


def _take_back(run: Run, folder: RunFolder) -> int:
    """How many metrics rows stay."""
    if run.kind == "train":
        return rewind(folder)
    drop_torn_line(folder.metrics)
    return count_lines(folder.metrics)
