"""How a run stands, also when its worker can no longer say so itself."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil

from workbench.jobs import ray
from workbench.runfolder import RunFolder
from workbench.runfolder.status import ProcessId, RunStatus, read_exit, read_process, read_status, tail_log

SILENCE_SECONDS = 30.0
"""A worker that cannot be looked up (other machine, none known) counts as dead after this long without heartbeat."""

ASK_SECONDS = 5.0
"""A cluster is asked about a job only when its folder has been silent for so long."""

_FULL_DISK_BYTES = 1 << 20
_WORD_SECONDS = 0.2
_CLOCK_SECONDS = 5.0
"""By so much may the times of a boot and of a process's start be off."""


def observe(folder: Path) -> RunStatus:
    """The run's status; a dead worker, a full disk or a folder deleted by hand show as ``failed`` with a sentence.

    Reads only: may be called as often as wanted, by as many as want to.
    """
    run = RunFolder(folder)
    if not run.path.is_dir():
        return RunStatus("failed", message="The run's folder was deleted. Its scores stay, its adapter is gone.")
    status = _current(run)
    if not status.finished and (job := ray.read_job(run)):
        return _observe_job(run, job, status)
    if status.finished or is_alive(run, status):
        return status
    # The worker may have finished between the two looks.
    status = _current(run)
    return status if status.finished else _dead(run, status)


def _observe_job(run: RunFolder, job: ray.RayJob, status: RunStatus) -> RunStatus:
    """A run on a cluster. Its folder tells how it goes, also while the cluster's head is away.

    Shared storage may show a file late: what the cluster says of an end counts after a while of silence.
    """
    silence = time.time() - status.heartbeat
    if silence < ASK_SECONDS:
        return status
    word = ray.ask(job)
    if word.kind == "waiting":
        return replace(status, phase="waiting", message=word.message)
    if word.kind == "running" or silence < SILENCE_SECONDS:
        return status
    status = _current(run)
    return status if status.finished else _dead(run, status, word.message)


def is_alive(run: RunFolder, status: RunStatus) -> bool:
    """Whether the run's process lives, as far as can be told from here."""
    process = status.process
    if process is not None and process.is_local:
        return process.find() is not None
    return time.time() - status.heartbeat < SILENCE_SECONDS


def known_process(run: RunFolder) -> ProcessId | None:
    """The worker's process as it or its launcher wrote it down."""
    status = read_status(run)
    return (status.process if status else None) or read_process(run)


def _current(run: RunFolder) -> RunStatus:
    status = read_status(run) or _starting(run)
    if run.cancel.exists() and not status.finished:
        return replace(status, state="stopping")
    return status


def _starting(run: RunFolder) -> RunStatus:
    """Between launch and the worker's first word there is only what the launcher wrote."""
    source = next((path for path in (run.process, run.ray) if path.exists()), run.path)
    try:
        since = source.stat().st_mtime
    except FileNotFoundError:
        since = 0.0
    return RunStatus("running", phase="starting", process=read_process(run), heartbeat=since)


def _dead(run: RunFolder, status: RunStatus, reason: str = "") -> RunStatus:
    if run.cancel.exists():
        return replace(status, state="stopped", phase="", message="Stopped.", eta_s=0.0)
    if not reason:
        _await_exit(run, status)
        reason = _why_dead(run)
    log = tail_log(run, 5)
    message = f"{reason}\nLast lines of its log:\n{log}" if log else reason
    return replace(status, state="failed", phase="", message=message, eta_s=None)


def _await_exit(run: RunFolder, status: RunStatus) -> None:
    """A worker that ended just now: its launcher may be about to write how."""
    deadline = time.time() + _WORD_SECONDS
    while not run.exit.exists() and time.time() < deadline and time.time() - status.heartbeat < SILENCE_SECONDS:
        time.sleep(0.01)


def _why_dead(run: RunFolder) -> str:
    """The likeliest reason why a worker ended without a word."""
    process, ended = known_process(run), read_exit(run)
    known = process is not None and ended.get("pid") == process.pid
    if shutil.disk_usage(run.path).free < _FULL_DISK_BYTES:
        return "The disk is full. Free some space, then resume the run or start it again."
    if known and ended.get("short_of_memory"):
        return (
            "The computer ran out of memory, and the system killed the worker. Choose a smaller batch size or model, "
            "or close other programs."
        )
    if process is not None and process.is_local and process.created < psutil.boot_time() - _CLOCK_SECONDS:
        return "The computer restarted while the run was under way."
    code = ended.get("code") if known else None
    if code == -signal.SIGKILL:
        return "The worker was killed (SIGKILL): by a person, or by the system when memory was short."
    if isinstance(code, int) and code < 0:
        return f"The worker was ended by signal {-code} ({_signal_name(-code)})."
    if isinstance(code, int):
        return f"The worker ended with exit status {code} before it could say why."
    return "The worker ended without a word: it was killed, or the computer restarted."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
