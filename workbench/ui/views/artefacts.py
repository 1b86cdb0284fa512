"""The export panel of the Train page: what to export, and the artefacts of the run that is watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.actions.exports import Artefact, format_name
from workbench.actions.run_progress import Progress
from workbench.errors import Problem
from workbench.records import SPLITS
from workbench.training.artefacts.settings import FORMATS, ExportSettings
from workbench.ui.views.base import TONES, going, pairs, percent, render, said, short

SHOWN_FLIPS = 100
_VERDICT_TONES = {"matches": "good", "does not match": "bad"}


def export_form(
    run_id: str, settings: ExportSettings | None = None, typed: str = "", problems: Sequence[Problem] = ()
) -> str:
    """The form; nothing where ``run_id`` is empty: there is nothing to export. ``typed``: the limit as typed."""
    settings = settings or ExportSettings()
    by_field: dict[str, list[str]] = {}
    for problem in problems:
        by_field.setdefault(problem.field, []).append(said(problem))
    return render(
        "export_form.html",
        run=run_id,
        formats=list(FORMATS.items()),
        format=settings.format,
        splits=pairs(SPLITS),
        split=settings.split,
        limit=typed or f"{100 * settings.limit:g}",
        problems=by_field,
    )


def artefacts(found: Sequence[tuple[Artefact, Progress]]) -> str:
    """The exports of one run, the newest first."""
    return render("artefacts.html", rows=[_row(artefact, progress) for artefact, progress in found])


def _row(artefact: Artefact, progress: Progress) -> dict[str, Any]:
    run, parity = artefact.run, artefact.parity
    return {
        "id": run.id,
        "format": format_name(artefact.format),
        "state": run.state,
        "tone": TONES[run.state],
        "stoppable": run.state in ("queued", "running"),
        "active": not run.finished,
        "percent": round(100 * progress.fraction, 1),
        "doing": going(progress) if not run.finished else "",
        "message": run.message if run.state in ("failed", "stopped") else "",
        "failed": run.state == "failed",
        "size": size(run.summary["bytes"]) if run.summary.get("bytes") else "–",
        "verdict": artefact.verdict,
        "verdict_tone": _VERDICT_TONES.get(artefact.verdict, ""),
        "counted": _counted(parity) if parity else "",
        "how": parity["how"] if parity else "",
        "path": str(artefact.path or ""),
        "flips": [_flip(flip) for flip in artefact.flips[:SHOWN_FLIPS]],
        "more": max(0, len(artefact.flips) - SHOWN_FLIPS),
    }


def _counted(parity: Mapping[str, Any]) -> str:
    limit = percent(parity["limit"], 1)
    return f"{parity['flips']} of {parity['n']} {parity['split']} answers differ; the limit is {limit}"


def _flip(flip: Mapping[str, Any]) -> dict[str, Any]:
    changed = {(True, False): "was right", (False, True): "is right now"}
    return {
        "kind": flip["kind"],
        "id": flip["scenario_id"],
        "request": short(flip["request"]),
        "before": flip["raw_before"] if flip["kind"] == "arguments" else flip["before"],
        "after": flip["raw_after"] if flip["kind"] == "arguments" else flip["after"],
        "changed": changed.get((flip["was_right"], flip["is_right"]), ""),
    }


def size(count: int) -> str:
    """``812 KB``, ``7.4 MB`` or ``1.2 GB``."""
    if count < 1 << 20:
        return f"{max(1, round(count / 1024))} KB"
    return f"{count / 2**20:.1f} MB" if count < 1 << 30 else f"{count / 2**30:.1f} GB"
