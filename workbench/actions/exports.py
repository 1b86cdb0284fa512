"""Artefacts: a trained model as files for other programs, each export a run that compares them with the model."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from workbench.actions import runs, starting
from workbench.actions.curate import ProblemsError
from workbench.actions.models import RUN_PREFIX, artefact_folder, resolve
from workbench.errors import WorkbenchError
from workbench.records import Run, Split
from workbench.runfolder import read_rows
from workbench.runfolder.reporting import explain
from workbench.store import runs as run_store
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store
from workbench.training.artefacts.settings import FLIPS, FORMATS, ExportSettings


@dataclass(frozen=True)
class Artefact:
    """An export run and what came of it.

    Attributes:
        path: the folder with the files; None while, or because, there is none.
        flips: scenarios that the artefact answers otherwise, those between a call and NO_TOOL first.
    """

    run: Run
    path: Path | None
    flips: tuple[Mapping[str, Any], ...] = ()

    @property
    def format(self) -> str:
        return str(self.run.config["settings"]["format"])

    @property
    def parity(self) -> Mapping[str, Any] | None:
        """What the comparison found, see ``Parity.to_dict``; None before it was made."""
        return self.run.summary.get("parity")

    @property
    def verdict(self) -> str:
        """``matches``, ``does not match``, or empty where nothing was compared."""
        if self.parity is None:
            return ""
        return "matches" if self.parity["matches"] else "does not match"

    def to_dict(self) -> dict[str, Any]:
        return {
            "run": self.run.id,
            "model": self.run.model,
            "name": self.run.name,
            "state": self.run.state,
            "message": self.run.message,
            "format": self.format,
            "path": str(self.path or ""),
            "files": self.run.summary.get("files", []),
            "bytes": self.run.summary.get("bytes", 0),
            "verdict": self.verdict,
            "parity": self.parity,
            "flips": [dict(flip) for flip in self.flips],
        }


def start(store: Store, model_id: str, settings: ExportSettings | None = None) -> Run:
    """Start the export of a trained model, or queue it.

    Args:
        model_id: ``run:ID`` of a training run; the bare id will do.

    Raises:
        ProblemsError: a setting makes no sense.
        WorkbenchError: no such model, it has no adapter, or its snapshot has no scenario in that split.
    """
    settings = settings or ExportSettings()
    if problems := settings.check():
        raise ProblemsError("; ".join(map(str, problems)), problems, problems[0].hint)
    run_id = model_id.removeprefix(RUN_PREFIX)
    model = resolve(store, RUN_PREFIX + run_id)
    trained = runs.get_run(store, run_id)
    if trained.kind != "train":
        raise WorkbenchError(f"'{run_id}' is an artefact already.", "Name the training run that it comes from.")
    frozen = snapshot_store.load(store, trained.snapshot)
    scenarios = frozen.split(cast(Split, settings.split))
    if not scenarios:
        raise WorkbenchError(
            f"The snapshot {trained.snapshot} has no {settings.split} scenarios to compare the artefact on.",
            "Choose another split.",
        )
    about = {
        "name": model.label,
        "base": trained.config["model"]["id"],
        "toolset": frozen.toolset.name,
        "tools": len(frozen.toolset.tools),
        "snapshot": trained.snapshot,
        "settings": trained.config["settings"],
        "scores": _scores(store, model.id),
    }
    config = {"toolset": frozen.toolset.to_dict(), "snapshot": trained.snapshot, "split": settings.split}
    return starting.start_export(store, model, scenarios, {**config, "settings": settings.to_dict(), "about": about})


def artefacts(store: Store, model_id: str = "") -> list[Artefact]:
    """Exports of one trained model or of all, the newest first, without their flips."""
    wanted = RUN_PREFIX + model_id.removeprefix(RUN_PREFIX) if model_id else ""
    found = run_store.list_runs(store, kind="export")
    return [Artefact(run, _path(store, run)) for run in found if wanted in ("", run.model)]


def artefact(store: Store, run_id: str) -> Artefact:
    """One export with every flip. Raises WorkbenchError when there is none of that id."""
    run = runs.get_run(store, run_id)
    if run.kind != "export":
        raise WorkbenchError(f"'{run_id}' is no export.", "The list of artefacts has their ids.")
    rows = read_rows(store.workspace.run_folder(run.id) / FLIPS)
    return Artefact(run, _path(store, run), tuple(row for row in rows if row))


def pack(store: Store, run_id: str, folder: Path) -> Path:
    """All files of an artefact in one zip, not compressed, for weights hardly shrink.

    Args:
        folder: where to write it.

    Raises:
        WorkbenchError: the export has no files, or the disk refuses.
    """
    found = artefact(store, run_id)
    if found.path is None:
        raise WorkbenchError(f"The export '{run_id}' has no files.", "Wait until it has written them, or export again.")
    target = folder / f"{found.run.id}-{found.format}.zip"
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
            for path in sorted(found.path.iterdir()):
                file.write(path, path.name)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise WorkbenchError(f"The artefact could not be packed. {explain(error)}") from error
    return target


def format_name(format: str) -> str:
    """What people call a format."""
    return FORMATS.get(format, format)


def _path(store: Store, run: Run) -> Path | None:
    folder = artefact_folder(store, run.id)
    return folder if folder.is_dir() else None


def _scores(store: Store, model_id: str) -> list[dict[str, Any]]:
    """The finished evaluations of a model, the newest of each snapshot split first."""
    found = [run for run in run_store.list_runs(store, kind="evaluate", state="done") if run.model == model_id]
    rows = {(run.snapshot, run.config["split"]): run for run in reversed(found)}
    keys = ("n", "tool_accuracy", "exact_calls")
    return [
        {"snapshot": snapshot, "split": split, **{key: run.summary[key] for key in keys}}
        for (snapshot, split), run in rows.items()
    ]
