"""How a run stands and which process is at it: what worker and launcher write, and reading it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_args

import psutil

from workbench.records import FINISHED_STATES, RunState
from workbench.runfolder import RunFolder


@dataclass(frozen=True)
class ProcessId:
    """One process of one machine; a pid alone may be given to another process later.

    Attributes:
        created: start of the process in seconds since 1970.
    """

    pid: int
    created: float
    host: str

    @classmethod
    def current(cls) -> ProcessId:
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time(), platform.node())

    @property
    def is_local(self) -> bool:
        return self.host == platform.node()

    def find(self) -> psutil.Process | None:
        """The living process, or None when it ended (a zombie has ended) or runs on another machine."""
        if not self.is_local:
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 5
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


@dataclass(frozen=True)
class RunStatus:
    """How a run stands.

    Attributes:
        eta_s: seconds until the end as the worker guesses; None when it cannot say yet.
        phase: what the worker does now: waiting (for a machine of a cluster), starting, loading, preparing, training,
            validating, saving, answering.
        heartbeat: seconds since 1970 at which the worker last gave a sign of life.
        summary: figures of a finished run.
    """

    state: RunState
    step: int = 0
    total_steps: int = 0
    eta_s: float | None = None
    message: str = ""
    heartbeat: float = 0.0
    phase: str = ""
    process: ProcessId | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.state in FINISHED_STATES

    @property
    def progress(self) -> float:
        """0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def to_dict(self) -> dict[str, Any]:
        data = asdict(self)
        return {**data, "pid": self.pid, "summary": dict(self.summary)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunStatus:
        """Raises ValueError or TypeError when it is no status."""
        if not isinstance(data, Mapping) or data.get("state") not in get_args(RunState):
            raise ValueError("no status")
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        if known.get("process"):
            known["process"] = ProcessId(**known["process"])
        return cls(**known)


def read_status(folder: RunFolder) -> RunStatus | None:
    """What the worker last wrote, or None when it wrote nothing readable yet."""
    try:
        return RunStatus.from_dict(json.loads(folder.status.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def read_process(folder: RunFolder) -> ProcessId | None:
    """The process that the launcher started, or None."""
    try:
        return ProcessId(**json.loads(folder.process.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def read_exit(folder: RunFolder) -> dict[str, Any]:
    """What the launcher wrote when the worker ended: pid, code, short_of_memory. Empty when it could not."""
    try:
        found = json.loads(folder.exit.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def forget_worker(folder: RunFolder) -> None:
    """Remove what an earlier worker of a folder left: it would be taken for the next one's word. Raises OSError."""
    for stale in (folder.status, folder.process, folder.cancel, folder.exit, folder.ray):
        stale.unlink(missing_ok=True)


def tail_log(folder: RunFolder, lines: int = 20) -> str:
    """Last lines of ``worker.log``; empty when there is none."""
    try:
        with folder.log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
