"""Stop a run: ask first, kill later."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import psutil

from workbench.jobs import ray
from workbench.jobs.watch import known_process, observe
from workbench.runfolder import RunFolder
from workbench.runfolder.status import RunStatus

GRACE_SECONDS = 60.0


def ask(folder: Path) -> None:
    """Ask the worker to finish its step, save its adapter and end. Harmless when the run is over or gone."""
    run = RunFolder(folder)
    if run.path.is_dir():
        run.cancel.touch(exist_ok=True)


def enforce(folder: Path, grace_s: float = GRACE_SECONDS) -> RunStatus:
    """Kill a worker that was asked to end longer than ``grace_s`` seconds ago and still lives.

    Kills only a process that is surely the worker: same pid, same start time, same machine; on a cluster, its job. A
    job that still waits for a machine has nothing to finish, and will find that it is not wanted.

    Returns:
        The run's status afterwards.
    """
    run = RunFolder(folder)
    status = observe(folder)
    if status.state == "stopping" and status.phase == "waiting":
        return replace(status, state="stopped", phase="", message="Stopped before it began.")
    if status.state != "stopping" or _seconds_since_request(run) < grace_s:
        return status
    if job := ray.read_job(run):
        ray.kill(job)
        return observe(folder)
    identity = known_process(run)
    process = identity.find() if identity else None
    if process is not None:
        try:
            process.kill()
            process.wait(timeout=10)
        except psutil.Error:  # ended meanwhile, or belongs to another user: the next look tells which
            pass
    return observe(folder)


def _seconds_since_request(run: RunFolder) -> float:
    try:
        return time.time() - run.cancel.stat().st_mtime
    except FileNotFoundError:
        return 0.0
