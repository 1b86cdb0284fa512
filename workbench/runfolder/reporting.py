"""What a worker says: status with heartbeat, metrics, how its work ended, and its errors in words for people."""

from __future__ import annotations

import errno
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import RunState
from workbench.runfolder import RunFolder, append_rows, write_json
from workbench.runfolder.status import ProcessId, RunStatus

HEARTBEAT_SECONDS = 1.5
CANCEL_SECONDS = 0.2
logger = logging.getLogger(__name__)


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


def _overwrite(path: Path, value: Any) -> None:
    """Replace a small file in place: works on a full disk, because its block is already there."""
    with path.open("rb+") as file:
        file.write(json.dumps(value, ensure_ascii=False).encode())
        file.truncate()
