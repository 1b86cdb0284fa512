"""Metrics for programs that draw them, beside ``metrics.jsonl``: event files of TensorBoard. Knows no run."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from workbench.errors import WorkbenchError

FOLDER = "tensorboard"
FLUSH_SECONDS = 10


class Board(Protocol):
    """Where metrics rows go."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Keep the numbers of a row under its step. Raises OSError."""

    def close(self) -> None:
        """Write out what is still in memory. Raises OSError."""


class NoBoard:
    """For runs that report to nobody."""

    def write(self, row: Mapping[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass


class TensorBoard:
    """Event files in ``folder``; those of a resumed run hide the steps that an interrupted one wrote after ``step``."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None, flush_secs=FLUSH_SECONDS)

    def write(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if name != "step" and isinstance(value, (int, float)):
                self._writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        self._writer.close()


def refuse_missing(report_to: str) -> None:
    """Raises WorkbenchError when the library that the report needs is not installed."""
    if report_to == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
        raise WorkbenchError(
            "Logging to TensorBoard needs the library tensorboard, which is not installed.",
            "Install it (pip install tensorboard), or choose report_to none.",
        )


def open_board(report_to: str, run: Path, step: int) -> Board:
    """The board of a run that goes on after ``step``."""
    return TensorBoard(run / FOLDER, step) if report_to == "tensorboard" else NoBoard()
