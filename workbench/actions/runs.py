"""The life of runs: queued, launched, followed, ended. A run is a detached process that sees its folder, nothing else.

The store remembers; the folder tells. ``sync`` carries what folders tell into the store and starts what waits, and may
be called as often as one likes.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench.actions import duplicates
from workbench.actions.following import follow
from workbench.actions.toolsets import refuse_broken
from workbench.actions.warm_start import WARM_START, copy_adapter
from workbench.errors import WorkbenchError
from workbench.jobs import cancel as cancelling
from workbench.jobs import ray
from workbench.jobs.command import Launch, Resources
from workbench.jobs.local import launch
from workbench.records import Model, Run, RunKind
from workbench.runfolder import append_rows, write_json
from workbench.runfolder.reporting import explain
from workbench.store import runs as run_store
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store, now

WORKERS: dict[RunKind, str] = {
    "train": "workbench.training.worker",
    "evaluate": "workbench.evaluation.worker",
    "generate": "workbench.generation.worker",
    "export": "workbench.training.artefacts.worker",
}
LAUNCHERS: dict[str, Launch] = {"local": launch, "ray": ray.launch}
BUSY = ("running", "stopping")
FOREVER = -1


def make_snapshot(store: Store, toolset: str, note: str = "") -> str:
    """Freeze the approved scenarios of a toolset; returns the snapshot's hash. The same content has the same hash.

    Near-duplicates are brought onto one split first, as far as pins let them.

    Raises:
        ProblemsError: approved scenarios do not fit the toolset as it is now; nothing is left out silently.
        WorkbenchError: no such toolset, or nothing approved.
    """
    duplicates.check(store, toolset)
    return snapshot_store.create(store, toolset, note, refuse_broken)


def sync(store: Store) -> list[Run]:
    """Bring the store up to date with the run folders, start the next queued run, and return all runs.

    Runs that another app process started are adopted on the way: nothing of a run is kept in memory. When another
    thread is at it already, this returns what the store knows.
    """
    with alone(store) as unshared:
        if unshared:
            started = [run for run in _unfinished(store) if run.state in BUSY]
            failures = [error for run in started if (error := _try_to_follow(store, run))]
            _start_next(store)
            if failures:
                raise ExceptionGroup("some runs could not be followed", failures)
    return run_store.list_runs(store)


def cancel(store: Store, run_id: str) -> Run:
    """End a run; one that has finished is left as it is.

    A queued run ends at once. A running one finishes its step, makes a checkpoint and keeps
    its adapter; if it does not, it is killed. ``run_queue.resume`` goes on with it.
    """
    with alone(store, FOREVER):
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


def new_run(kind: RunKind, model: Model, name: str, **config: Any) -> Run:
    """A queued run; ``config`` is what its worker is given beside id, kind and model."""
    created = datetime.now(UTC)
    run_id = f"{kind}-{created:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    return Run(
        id=run_id,
        kind=kind,
        state="queued",
        snapshot=config["snapshot"],
        model=model.id,
        config={"run_id": run_id, "kind": kind, "model": dataclasses.asdict(model), **config},
        created_at=created.isoformat(timespec="milliseconds"),
        name=name,
    )


def enqueue(
    store: Store,
    run: Run,
    input_name: str,
    rows: Iterable[Mapping[str, Any]],
    more: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
    warm: Path | None = None,
) -> Run:
    """Write the folder of a new run, keep the run as queued, and start it if nothing else is running."""
    folder = store.workspace.run_folder(run.id)
    try:
        folder.mkdir(parents=True)
        for name, content in {input_name: rows, **(more or {})}.items():
            append_rows(folder / name, content)
        if warm:
            copy_adapter(warm, folder / WARM_START)
        write_json(folder / "config.json", run.config)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise WorkbenchError(f"The run could not be written to {folder}. {explain(error)}") from error
    run_store.add(store, dataclasses.replace(run, position=last_place(store) + 1))
    sync(store)
    return get_run(store, run.id)


def last_place(store: Store) -> int:
    """Where the last of the queued runs stands; 0 when none waits."""
    return max((run.position for run in run_store.queued(store)), default=0)


@contextmanager
def alone(store: Store, patience_s: float = 0) -> Iterator[bool]:
    """Whether this thread is the only one to change what state runs are in.

    A lock on a file, for there is no place in memory that all threads share.
    """
    lock = FileLock(store.workspace.runs / "sync.lock", timeout=patience_s, is_singleton=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _unfinished(store: Store) -> list[Run]:
    """Runs that are queued, running or stopping, the oldest first."""
    return [run for run in reversed(run_store.list_runs(store)) if not run.finished]


def _try_to_follow(store: Store, run: Run) -> Exception | None:
    """One run that cannot be followed must not keep the others from being followed."""
    try:
        follow(store, run)
    except WorkbenchError as error:
        run_store.update(store, run.id, state="failed", ended_at=now(), message=str(error))
    except Exception as error:
        return error
    return None


def _start_next(store: Store) -> None:
    """Start the next queued run unless one is running: there is one device. Runs elsewhere start in any case."""
    taken = any(run.state in BUSY and not _is_elsewhere(run) for run in _unfinished(store))
    for run in run_store.queued(store):
        if taken and not _is_elsewhere(run):
            continue
        # Kept as running before it is launched: should this process die in between, the run shows as failed and is
        # not started twice.
        run_store.update(store, run.id, state="running", started_at=now(), message="")
        try:
            start = LAUNCHERS[_launcher(run)]
            start(store.workspace.run_folder(run.id), WORKERS[run.kind], _key_names(run), _resources(run))
            taken = taken or not _is_elsewhere(run)
        except WorkbenchError as error:
            run_store.update(store, run.id, state="failed", ended_at=now(), message=str(error))


def _is_elsewhere(run: Run) -> bool:
    """Whether another machine does the work: such a run waits for nobody and nobody waits for it."""
    return "endpoint" in run.config or _launcher(run) != "local"


def _launcher(run: Run) -> str:
    return str(run.config.get("settings", {}).get("launcher", "local"))


def _resources(run: Run) -> Resources:
    """What a training run asks for; the workers of other kinds are single processes."""
    settings = run.config.get("settings", {})
    processes = int(settings.get("processes", 1))
    gpus = processes if settings.get("device") == "cuda" else 0
    return Resources(processes, processes * max(1, int(settings.get("threads") or 0)), gpus)


def _key_names(run: Run) -> list[str]:
    """The environment variables in which the worker finds the key of its endpoint."""
    name = run.config.get("endpoint", {}).get("key_env", "")
    return [name] if name else []
