"""The contract between a run's worker and whoever watches it: one folder of small files.

In: ``config.json`` and ``train.jsonl`` or ``cases.jsonl``. Out: ``metrics.jsonl``, ``status.json``, ``worker.log``,
``checkpoints/``, ``adapter/``, ``replies.jsonl``. The file ``cancel`` asks the worker to end. Lines are appended whole,
finished files are renamed into place. Here are the paths and the lines; ``status`` has how a run stands, ``reporting``
what a worker says, ``checkpoints`` which one is the newest. Knows no torch, no store and no UI.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from workbench.errors import WorkbenchError


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
    def ray(self) -> Path:
        """Written by the launcher ``ray``: which job of which cluster the worker is."""
        return self.path / "ray.json"

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


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
