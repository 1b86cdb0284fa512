"""Scenarios into files, of the workspace or of a snapshot, in every format that is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from workbench.actions.curate import default_toolset
from workbench.actions.curate import toolset as toolset_named
from workbench.actions.intake import PARQUET
from workbench.errors import WorkbenchError
from workbench.records import Scenario, Toolset
from workbench.scenarios import exporting
from workbench.scenarios.cells import COLUMNS
from workbench.store import parquet
from workbench.store import scenarios as scenario_store
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

EXPORT_FORMATS: tuple[str, ...] = (*exporting.WRITERS, PARQUET)


def export(store: Store, filter: ScenarioFilter, format: str, snapshot: str = "") -> Iterator[str]:
    """The lines, each with its line end, of a file with the scenarios that the filter lets through.

    Args:
        snapshot: hash of a snapshot to take the scenarios from; the filter may then name a split.

    Raises:
        WorkbenchError: an unknown format, toolset or snapshot; several toolsets where the format declares tools.
    """
    return exporting.write(*_chosen(store, filter, format, snapshot), format)


def export_bytes(store: Store, filter: ScenarioFilter, format: str, snapshot: str = "") -> Iterator[bytes]:
    """Like ``export``, for every format: the pieces of the file."""
    if format != PARQUET:
        return (line.encode("utf-8") for line in export(store, filter, format, snapshot))
    return _parquet(exporting.table_rows(_chosen(store, filter, format, snapshot)[0]))


def export_file(store: Store, filter: ScenarioFilter, format: str, path: Path, snapshot: str = "") -> None:
    """Write what ``export_bytes`` gives into a file. Raises WorkbenchError when that is not possible."""
    pieces = export_bytes(store, filter, format, snapshot)
    try:
        with path.open("wb") as file:
            file.writelines(pieces)
    except OSError as error:
        raise WorkbenchError(f"Cannot write {path}: {error.strerror}.", "Choose another place.") from error


def _parquet(lines: Iterable[str]) -> Iterator[bytes]:
    with TemporaryDirectory(prefix="workbench-parquet-") as folder:
        rows, target = Path(folder) / "rows.jsonl", Path(folder) / "rows.parquet"
        with rows.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        parquet.from_json_lines(rows, target, COLUMNS, ("tags", "tools"))
        with target.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece


def _chosen(store: Store, filter: ScenarioFilter, format: str, snapshot: str) -> tuple[Iterator[Scenario], Toolset]:
    """The scenarios to export, and the toolset whose tools the format declares."""
    if snapshot:
        return _of_snapshot(store, snapshot, filter)
    if filter.toolset:
        chosen = toolset_named(store, filter.toolset)
    elif format in exporting.DECLARING:
        chosen = toolset_named(store, default_toolset(store))
        filter = replace(filter, toolset=chosen.name)
    else:
        chosen = Toolset("all", ())  # the other formats do not look at the tools
    return scenario_store.stream(store, filter), chosen


def _of_snapshot(store: Store, hash: str, filter: ScenarioFilter) -> tuple[Iterator[Scenario], Toolset]:
    """The scenarios of a snapshot, each pinned to the split that it has there."""
    if replace(filter, split="", toolset="") != ScenarioFilter():
        raise WorkbenchError("A snapshot can be narrowed to a split, and to nothing else.", "Leave the filter out.")
    found = snapshot_store.load(store, hash)
    rows = (row for row in found.rows if filter.split in ("", row.split))
    return (replace(row.scenario, split=row.split) for row in rows), found.toolset
