"""Checkpoints of a training run as files: which is the newest whole one, and going back to it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.runfolder import RunFolder, count_lines, drop_torn_line

logger = logging.getLogger(__name__)


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
