"""The contract between a run's worker and whoever watches it: one folder of small files.

In: ``config.json`` and ``train.jsonl`` or ``cases.jsonl``. Out: ``metrics.jsonl``, ``status.json``, ``worker.log``,
``checkpoints/``, ``adapter/``, ``replies.jsonl``. The file ``cancel`` asks the worker to end. Lines are appended whole,
finished files are renamed into place. Knows no torch, no store and no UI.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, cast, get_args

import psutil

from workbench.errors import WorkbenchError
from workbench.records import FINISHED_STATES, RunState

HEARTBEAT_SECONDS = 1.5
CANCEL_SECONDS = 0.2
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """Paths inside one run folder."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def train(self) -> Path:
        return self.path / "train.jsonl"

    @property
    def cases(self) -> Path:
        return self.path / "cases.jsonl"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def replies(self) -> Path:
        return self.path / "replies.jsonl"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def process(self) -> Path:
        """Written by the launcher: which process was started."""
        return self.path / "process.json"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def cancel(self) -> Path:
        return self.path / "cancel"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def superseded(self) -> Path:
        """Metrics rows that a resumed run took back, for people who wonder."""
        return self.path / "metrics.superseded.jsonl"

    @property
    def exit(self) -> Path:
        """Written by the launcher, where it still lives when the worker ends: how the process ended."""
        return self.path / "exit.json"

    def read_config(self) -> dict[str, Any]:
        """Raises WorkbenchError when the file is missing or not JSON."""
        try:
            return cast(dict[str, Any], json.loads(self.config.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise WorkbenchError(
                f"The run folder {self.path} has no readable config.json.", "Start the run again."
            ) from error


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
        phase: what the worker does now: starting, loading, preparing, training, validating, saving, answering.
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


def write_json(path: Path, value: Any) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fresh.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def append_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append whole JSON lines with one write, so that a reader of another process never sees two mixed."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with path.open("ab", buffering=0) as file:
        file.write(text.encode())


def drop_torn_line(path: Path) -> None:
    """Cut a last line that a killed writer left unfinished; without this the next line would be glued to it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if end != len(content):
            file.truncate(end)


def read_rows(path: Path, after: int = 0) -> list[dict[str, Any]]:
    """Complete JSON lines of a file behind the first ``after``; a torn last line waits for the next reading.

    Args:
        after: how many lines the caller has already. Lines that are not JSON come back as ``{}`` so that counting
            stays right.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = content.split(b"\n")[:-1]
    return [_row(line) for line in lines[after:]]


def iterate_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Stream a JSON-lines input file. Raises WorkbenchError when it is missing or broken."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = _row(line)
                if not row:
                    raise WorkbenchError(f"{path.name}, line {number} is not a JSON object.", "Start the run again.")
                yield row
    except FileNotFoundError as error:
        raise WorkbenchError(f"The run folder has no {path.name}.", "Start the run again.") from error


def count_lines(path: Path) -> int:
    """Whole lines of a file; 0 when there is none."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def sync_to_disk(path: Path) -> None:
    """Have the system write a file or folder out, so that it outlives a power cut. A file that is not there is fine."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    except PermissionError:
        # Windows opens no folder; it writes names out by itself.
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class CheckpointPlace:
    """A complete checkpoint: its folder and what its ``state.json`` says."""

    folder: Path
    state: Mapping[str, Any]

    @property
    def metrics_lines(self) -> int:
        """Lines of ``metrics.jsonl`` that were there when it was made."""
        return int(self.state["metrics_lines"])


def newest_checkpoint(folder: RunFolder) -> CheckpointPlace | None:
    """The newest checkpoint that is whole, or None."""
    numbered = (path for path in folder.checkpoints.glob("*") if path.name.isdigit())
    for path in sorted(numbered, reverse=True):
        try:
            place = CheckpointPlace(path, json.loads((path / "state.json").read_text("utf-8")))
            whole = (path / "tensors.safetensors").stat().st_size == place.state["bytes"]
            if whole and place.metrics_lines <= count_lines(folder.metrics):
                return place
        except (OSError, ValueError, TypeError, KeyError) as error:
            logger.warning("the checkpoint %s cannot be read (%s); the one before it is taken", path, error)
    return None


def rewind(folder: RunFolder) -> int:
    """Take back the metrics rows that a training run wrote after its newest checkpoint; doing it twice changes nothing.

    The rows are moved to ``metrics.superseded.jsonl``: the resumed run writes those steps again.

    Returns:
        How many lines ``metrics.jsonl`` has now.
    """
    drop_torn_line(folder.metrics)
    place = newest_checkpoint(folder)
    keep = place.metrics_lines if place else 0
    if count_lines(folder.metrics) > keep:
        content = folder.metrics.read_bytes()
        end = len(b"\n".join(content.split(b"\n")[:keep])) + bool(keep)
        with folder.superseded.open("ab") as file:
            file.write(content[end:])
        with folder.metrics.open("rb+") as file:
            file.truncate(end)
    return keep


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


class Reporter:
    """A worker's voice: status with heartbeat, metrics, and the question whether to go on.

    Used as a context manager; a thread keeps the heart beating while a long step runs.
    """

    def __init__(self, folder: RunFolder, phase: str = "loading") -> None:
        self.folder = folder
        self.started = time.time()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._status = RunStatus("running", phase=phase, process=ProcessId.current())
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Reporter:
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """Since the worker began, and those before it of a resumed run."""
        return time.time() - self.started

    def go_on_from(self, seconds: float) -> None:
        """Count the seconds that earlier workers of a resumed run spent."""
        self.started = time.time() - seconds

    @property
    def cancelled(self) -> bool:
        return self.folder.cancel.exists()

    @contextmanager
    def when_cancelled(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call ``stop`` as soon as somebody asks the worker to end, for work that waits for others."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(CANCEL_SECONDS):
                if self.cancelled:
                    return stop()

        threading.Thread(target=watch, name="cancel", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def update(self, **changes: Any) -> None:
        """Set fields of the status; the heartbeat writes them at once when the phase changes, else within seconds."""
        with self._lock:
            urgent = changes.get("phase", self._status.phase) != self._status.phase
            self._status = replace(self._status, **changes)
        if urgent:
            self._write()

    def metric(self, row: Mapping[str, Any]) -> None:
        """Append one row to ``metrics.jsonl``. Raises OSError (disk full, folder gone)."""
        append_rows(self.folder.metrics, [row])

    def finish(self, state: RunState, message: str = "", summary: Mapping[str, Any] | None = None) -> None:
        """Stop the heartbeat and write the last status."""
        self._ended.set()
        with self._lock:
            self._status = replace(
                self._status, state=state, message=message, eta_s=0.0, phase="", summary=dict(summary or {})
            )
        self._write(last=True)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            try:
                self._write()
            except OSError as error:
                # The main thread meets the same trouble at its next metric and reports it.
                logger.warning("heartbeat: %s", error)

    def _write(self, last: bool = False) -> None:
        with self._lock:
            if self._ended.is_set() and not last:
                return
            self._status = replace(self._status, heartbeat=time.time())
            data = self._status.to_dict()
            try:
                write_json(self.folder.status, data)
            except OSError:
                if not last or not self.folder.status.exists():
                    raise
                _overwrite(self.folder.status, data)


@dataclass(frozen=True)
class Ending:
    """How a worker's work ended."""

    state: RunState
    message: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)


def run_worker(path: Path, work: Callable[[RunFolder, Reporter], Ending]) -> int:
    """Run a worker's work and tell its folder how it ended.

    Returns:
        Exit status: 0 when done or stopped, 1 when failed.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = RunFolder(path)
    if not folder.path.is_dir():
        logger.error("There is no run folder %s.", folder.path)
        return 1
    with Reporter(folder) as reporter:
        try:
            ending = work(folder, reporter)
        except Exception as error:
            logger.exception("the run failed")
            ending = Ending("failed", explain(error))
        if folder.path.is_dir():
            reporter.finish(ending.state, ending.message, ending.summary)
    return 1 if ending.state == "failed" else 0


def explain(error: BaseException) -> str:
    """One or two sentences for people: what went wrong and what to do."""
    if isinstance(error, WorkbenchError):
        return str(error)
    text = str(error)
    # safetensors wraps the system's error in one of its own.
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "no space left" in text.lower():
        return "The disk is full. Free some space, then resume the run or start it again."
    if getattr(error, "errno", None) == errno.EFBIG or "file too large" in text.lower():
        return "The system lets no file grow so large here. Raise the limit (ulimit -f), then resume the run."
    memory = ("not enough memory", "can't allocate memory", "out of memory", "cannot allocate memory")
    if isinstance(error, MemoryError) or any(words in text.lower() for words in memory):
        return "The computer ran out of memory. Choose a smaller batch size or model, or close other programs."
    if isinstance(error, FileNotFoundError):
        return f"A file is missing: {error.filename}. Was the run folder moved or deleted?"
    first = text.strip().splitlines()[0] if text.strip() else "no message"
    return f"The worker met an error that it did not expect ({type(error).__name__}: {first}). Its log has the details."


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _overwrite(path: Path, value: Any) -> None:
    """Replace a small file in place: works on a full disk, because its block is already there."""
    with path.open("rb+") as file:
        file.write(json.dumps(value, ensure_ascii=False).encode())
        file.truncate()
