"""The list of runs: finding, naming and tagging them, what differs between two, their curves, the trash."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workbench.actions.models import RUN_PREFIX
from workbench.actions.runs import FOREVER, alone, get_run
from workbench.errors import WorkbenchError
from workbench.records import Run
from workbench.scenarios.cells import defuse
from workbench.store import runs as run_store
from workbench.store import served as served_store
from workbench.store.database import Store, now
from workbench.training.settings import TrainSettings

TRASH_DAYS = 30
MOST_TAGS, LONGEST_TAG, LONGEST_NAME = 20, 40, 120
_CURVE_COLUMNS = ("run", "name", "step", "epoch", "time", "loss", "learning_rate", "grad_norm")


@dataclass(frozen=True)
class RunFilter:
    """Which runs are listed; what is empty lets all pass.

    Attributes:
        text: words that stand in id, name, model or a tag.
        deleted: those in the trash instead of those outside.
    """

    kind: str = ""
    state: str = ""
    tag: str = ""
    text: str = ""
    deleted: bool = False


@dataclass(frozen=True)
class SettingDifference:
    """One thing in which two runs differ; None where a run does not have it."""

    name: str
    values: tuple[Any, Any]


def find(store: Store, filter: RunFilter) -> list[Run]:
    """The runs that the filter lets through, the newest first."""
    return run_store.list_runs(store, filter.kind, filter.state, filter.tag, filter.text, filter.deleted)


def tags(store: Store) -> list[str]:
    """All tags of runs outside the trash, in order."""
    return sorted({tag for run in run_store.list_runs(store) for tag in run.tags})


def edit(store: Store, run_id: str, name: str | None = None, tags: Sequence[str] | None = None) -> Run:
    """Rename a run, or replace its tags; None leaves them as they are.

    Raises:
        WorkbenchError: there is no such run; a name or tag is too long, or there are too many.
    """
    get_run(store, run_id)
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = _short(name, LONGEST_NAME)
    if tags is not None:
        kept = list(dict.fromkeys(found for tag in tags if (found := _short(tag, LONGEST_TAG))))
        if len(kept) > MOST_TAGS:
            raise WorkbenchError(f"A run has at most {MOST_TAGS} tags.", "Take some away.")
        changes["tags"] = kept
    run_store.update(store, run_id, **changes)
    return get_run(store, run_id)


def differences(store: Store, run_id: str, other_id: str) -> list[SettingDifference]:
    """In what two runs differ: base model, toolset, snapshot, split and every setting. Raises WorkbenchError."""
    one, other = (_given(get_run(store, id)) for id in (run_id, other_id))
    names = [*one, *(name for name in other if name not in one)]
    pairs = ((name, (one.get(name), other.get(name))) for name in names)
    return [SettingDifference(name, values) for name, values in pairs if values[0] != values[1]]


def curves(store: Store, run_ids: Sequence[str]) -> Iterator[str]:
    """Lines of a CSV file with every metrics row of these runs.

    Raises:
        WorkbenchError: no run is named, or there is no such run.
    """
    if not run_ids:
        raise WorkbenchError("No run is chosen.", "Name one or more runs.")
    found = [get_run(store, run_id) for run_id in dict.fromkeys(run_ids)]
    return _curve_lines(store, found)


def delete(store: Store, run_ids: Sequence[str]) -> list[Run]:
    """Move finished runs to the trash; ``restore`` brings them back.

    Raises:
        WorkbenchError: there is no such run, it is not over, or a run under way needs its adapter; nothing is deleted.
    """
    with alone(store, FOREVER):
        found = [get_run(store, run_id) for run_id in dict.fromkeys(run_ids)]
        for run in found:
            _refuse_needed(store, run)
        for run in found:
            # The store first: a folder that did not move yet is found by restore and by emptying just the same.
            run_store.update(store, run.id, deleted_at=run.deleted_at or now())
            _move(store.workspace.run_folder(run.id), store.workspace.trash / run.id)
    return [get_run(store, run.id) for run in found]


def restore(store: Store, run_ids: Sequence[str]) -> list[Run]:
    """Bring runs back from the trash. Raises WorkbenchError when there is no such run (any more)."""
    with alone(store, FOREVER):
        found = [get_run(store, run_id) for run_id in dict.fromkeys(run_ids)]
        for run in found:
            _move(store.workspace.trash / run.id, store.workspace.run_folder(run.id))
            run_store.update(store, run.id, deleted_at="")
    return [get_run(store, run.id) for run in found]


def empty_trash(store: Store, days: float = 0) -> list[str]:
    """Delete for good what has been in the trash for so many days; returns the ids."""
    limit = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    with alone(store, FOREVER):
        ids = [run.id for run in run_store.list_runs(store, deleted=True) if run.deleted_at <= limit]
        for run_id in ids:
            for folder in (store.workspace.trash / run_id, store.workspace.run_folder(run_id)):
                _remove(folder)
        if ids:
            run_store.forget(store, ids)
    return ids


def toolset_name(run: Run) -> str:
    return str((run.config.get("toolset") or {}).get("name", ""))


def settings_of(run: Run) -> TrainSettings:
    """The settings of a training run, to start another with. Raises WorkbenchError when it is of another kind."""
    if run.kind != "train":
        raise WorkbenchError(f"The run {run.id} is no training run.", "Choose one of kind train.")
    known = TrainSettings().to_dict()
    # A setting that this version no longer has must not keep people from running the rest again.
    return TrainSettings.from_dict({k: v for k, v in run.config["settings"].items() if k in known})


def _given(run: Run) -> Mapping[str, Any]:
    """What the run was started with, flat."""
    config = run.config
    head = {"kind": run.kind, "model": run.model, "toolset": toolset_name(run), "snapshot": run.snapshot}
    return {**head, "split": config.get("split", ""), **config.get("settings", {})}


def _curve_lines(store: Store, found: Sequence[Run]) -> Iterator[str]:
    rows = {run.id: run_store.metrics(store, run.id) for run in found}
    names = dict.fromkeys(name for one in rows.values() for row in one for name in row)
    columns = [*_CURVE_COLUMNS, *(name for name in names if name not in _CURVE_COLUMNS)]
    yield _line(columns)
    for run in found:
        for row in rows[run.id]:
            cells = {"run": run.id, "name": run.name, **row}
            yield _line([cells.get(column, "") for column in columns])


def _line(values: Sequence[Any]) -> str:
    """One line of CSV; only text can be taken for a formula."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([defuse(value) if isinstance(value, str) else value for value in values])
    return buffer.getvalue()


def _short(text: str, longest: int) -> str:
    """One line without spaces around it. Raises WorkbenchError."""
    cleaned = " ".join(text.split())
    if len(cleaned) > longest:
        raise WorkbenchError(f"'{cleaned[:20]}…' is too long.", f"Use at most {longest} characters.")
    return cleaned


def _refuse_needed(store: Store, run: Run) -> None:
    if not run.finished:
        raise WorkbenchError(f"The run {run.id} is still {run.state}.", "Stop it, then delete it.")
    users = [one.id for one in run_store.list_runs(store) if not one.finished and one.model == RUN_PREFIX + run.id]
    if here := [one.toolset for one in served_store.present(store) if one.model == RUN_PREFIX + run.id]:
        raise WorkbenchError(f"The run {run.id} is served for the toolset '{here[0]}'.", "Serve another model first.")
    if users:
        raise WorkbenchError(f"The run {users[0]} needs the adapter of {run.id}.", "Wait until it has finished.")


def _move(source: Path, target: Path) -> None:
    """Nothing to move is fine: it was deleted by hand, or moved before."""
    if not source.is_dir() or target.exists():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    except OSError as error:
        raise WorkbenchError(
            f"The folder {source} could not be moved: {error.strerror}.", "Is a file in use?"
        ) from error


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise WorkbenchError(f"The folder {folder} could not be deleted: {error.strerror}.", "Try again.") from error
