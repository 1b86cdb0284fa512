"""Train: the form, the run that is watched, the table of runs, the points of their curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.actions.auto_train import AutoState
from workbench.actions.duplicates import LeakError
from workbench.actions.models import RUN_PREFIX
from workbench.actions.preflight import how_far_off
from workbench.actions.run_progress import Progress
from workbench.errors import Problem
from workbench.records import SPLITS, Model, Run, Split, Toolset
from workbench.training.settings import CHOICES, PRESETS
from workbench.ui import forms
from workbench.ui.train_form import TrainOrder, setting_text
from workbench.ui.views.base import TONES, ago, duration, elapsed, number, pairs, percent, render, run_name, said
from workbench.ui.views.preflight import foretold
from workbench.ui.views.train_runs import base_name

_MAIN = (
    ("epochs", "Epochs", "Passes over the data"),
    ("learning_rate", "Learning rate", ""),
    ("batch_size", "Batch", "Scenarios a step"),
    ("rank", "LoRA rank", "Size of the adapter"),
)
_MORE_LABELS = {
    "alpha": "LoRA alpha",
    "max_seconds": "Time limit (s)",
    "augment": "Augmentation",
    "early_stop_patience": "Early stop after",
    "validate_every": "Validate every",
    "clip": "Gradient clip",
    "b_rate_factor": "Rate of B over A",
    "gpu_memory_gb": "GPU memory (GB)",
    "neftune": "Embedding noise",
    "report_to": "Log to",
    "accumulate": "Accumulation",
    "quantization": "Base in 4 bits",
}
_MORE_HINTS = {
    "augment": "Share of requests varied",
    "dialect": "auto: as the tokenizer tells",
    "checkpoint_every": "Steps; 0: each half minute",
    "early_stop_patience": "Validations; 0: never",
    "max_seconds": "0: none",
    "threads": "0: as torch decides",
    "validate_every": "Steps; 0: three to six times",
    "validation_scenarios": "At most so many each time",
    "b_rate_factor": "1: both halves alike (LoRA+)",
    "optimizer": "muon: fewer steps for tiny models",
    "max_steps": "0: the epochs decide",
    "accumulate": "Batches that make one step",
    "quantization": "nf4: base in 4 bits (QLoRA)",
    "checkpointing": "Less memory, slower",
    "device": "auto: CUDA, MPS, else CPU",
    "processes": "Each with its batch and its GPU",
    "launcher": "ray: on a cluster, see docs/scale.md",
    "gpu_memory_gb": "0: no limit",
    "neftune": "NEFTune; 0: none, 5 is usual",
    "report_to": "The run's folder tensorboard/",
    "target_modules": "Layers that get an adapter",
    "warm_start": "run:ID of an adapter to begin with",
}
_ABOUT = {"starter": "Ships with the workbench: tiny, to see the whole loop in minutes."}
_GROUPS = (
    ("Adapter", ("variant", "alpha", "dropout", "target_modules", "quantization", "dialect",
                 "warm_start")),
    ("Schedule", ("schedule", "warmup", "max_steps", "max_seconds", "accumulate", "optimizer", "b_rate_factor",
                  "weight_decay", "clip", "seed")),
    ("Data and validation", ("augment", "neftune", "choice_weight", "validate_every", "validation_scenarios",
                             "early_stop_patience")),
    ("Machine", ("device", "precision", "threads", "checkpointing", "gpu_memory_gb", "checkpoint_every",
                 "processes", "launcher", "report_to")),
)  # fmt: skip
"""Settings that are folded away; one that stands nowhere comes into the last."""


def train_form(
    order: TrainOrder,
    toolsets: Sequence[Toolset],
    bases: Sequence[Model],
    counts: Mapping[Split, int],
    problems: Sequence[Problem] = (),
    leak: LeakError | None = None,
    auto: AutoState | None = None,
) -> str:
    """The form of a new run.

    Args:
        counts: approved scenarios of the toolset by split.
        leak: why training was refused.
        auto: the toolset's rule of auto-train, where it is shown.
    """
    known = {model.id: model.label for model in bases}
    by_field = _by_field(order, problems)
    material = ", ".join(f"{counts.get(split, 0):,} {split}" for split in SPLITS)
    return render(
        "train_form.html",
        toolsets=pairs([one.name for one in toolsets]),
        toolset=order.toolset,
        base=order.base,
        other=None if order.base in known else order.base,
        about=_ABOUT.get(order.base, "It must be on this computer, or reachable on the Hugging Face hub."),
        name=order.name,
        bases=list(known.items()),
        main=[_setting(name, label, hint, order) for name, label, hint in _MAIN],
        groups=_groups(order, by_field),
        presets=PRESETS,
        problems=by_field,
        ready=counts.get("train", 0) > 0,
        material=f"{material} scenarios, approved",
        leak=leak.message if leak else "",
        leaks=f"/duplicates?{forms.address(toolset=order.toolset if len(toolsets) > 1 else '', kind='leaks')}",
        reason=order.allow_leaks,
        auto=auto,
    )


def _by_field(order: TrainOrder, problems: Sequence[Problem]) -> dict[str, list[str]]:
    """What is wrong at each field of the form; under no name what belongs to none."""
    fields = {*order.settings.to_dict(), "base"}
    found: dict[str, list[str]] = {}
    for problem in problems:
        field = problem.field.removeprefix("settings.")
        found.setdefault(field if field in fields else "", []).append(said(problem))
    return found


def _groups(order: TrainOrder, by_field: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The folded settings; one that no group names stands in the last, and a group with a problem is open."""
    main = {row[0] for row in _MAIN}
    placed = {name for _, names in _GROUPS for name in names}
    lost = tuple(name for name in order.settings.to_dict() if name not in main | placed)
    groups = [(title, names + (lost if title == _GROUPS[-1][0] else ())) for title, names in _GROUPS]
    return [
        {
            "title": title,
            "unfold": any(name in by_field for name in names),
            "items": [_setting(name, _label(name), _MORE_HINTS.get(name, ""), order) for name in names],
        }
        for title, names in groups
    ]


def _label(name: str) -> str:
    return _MORE_LABELS.get(name) or name.replace("_", " ").capitalize()


def _setting(name: str, label: str, hint: str, order: TrainOrder) -> dict[str, Any]:
    text = order.typed.get(name) or setting_text(getattr(order.settings, name))
    choices = CHOICES.get(name, ())
    known = pairs(choices, text) if choices else []
    return {"name": name, "label": label, "hint": hint, "value": text, "options": known}


def train_now(progress: Progress | None, log: str, query: str) -> str:
    """The run that is watched: state, progress, figures, end of its log."""
    return render("train_now.html", run=_watched(progress, log) if progress else None, query=query)


def _watched(progress: Progress, log: str) -> dict[str, Any]:
    run = progress.run
    active = not run.finished
    pair = forms.address(model=(run.model, f"{RUN_PREFIX}{run.id}"))
    since = "waiting since" if run.state == "queued" else "started"
    more = " · on a Ray cluster" if run.config.get("settings", {}).get("launcher") == "ray" else ""
    more += " · padded batches" if run.summary.get("batching") == "padded" else ""
    return {
        "id": run.id,
        "name": run_name(run),
        "about": f"on {base_name(run)} · snapshot {run.snapshot[:8]} · {since} {ago(run.created_at)}{more}",
        "state": run.state,
        "tone": TONES[run.state],
        "stoppable": run.state in ("queued", "running"),
        "resumable": run.resumable,
        "deletable": run.finished and not run.deleted_at,
        "tags": ", ".join(run.tags),
        "typed_name": run.name,
        "active": active,
        "percent": round(100 * progress.fraction, 1),
        "message": run.message or progress.message or _phase(progress) if run.state != "done" else "",
        "failed": run.state == "failed",
        "tiles": _tiles(progress),
        "next": f"/compare?{pair}" if run.state in ("done", "stopped") else "",
        "folder": f"runs/{run.id}/adapter",
        "foretold": foretold(how_far_off(run)),
        "log": log,
        "leaks": _allowed_leaks(run),
    }


def _allowed_leaks(run: Run) -> str:
    """That a run was started in spite of leaks, and why."""
    allowed = run.config.get("allowed_leaks") or {}
    if not allowed:
        return ""
    n = allowed["scenarios"]
    return f"Trained with {n:,} leaked scenario{'s' if n != 1 else ''}: {allowed['reason']}"


def _phase(progress: Progress) -> str:
    """What the worker is doing, where the figures do not show it."""
    return "" if progress.phase == "training" else progress.phase.capitalize()


def _tiles(progress: Progress) -> list[tuple[str, str]]:
    run, figures = progress.run, dict(progress.figures or {})
    summary = run.summary
    steps = f"{progress.step:,} / {progress.total_steps:,}" if progress.total_steps else "–"
    tiles = [
        ("Step", steps),
        ("Train loss", number(figures.get("loss", summary.get("loss")))),
        ("Validation loss", number(figures.get("validation_loss", summary.get("validation_loss")))),
        ("Exact calls", percent(figures.get("validation_exact", summary.get("validation_exact")), 0)),
        ("Steps per second", number(figures.get("steps_per_second"), 2)),
        ("Memory", f"{figures['memory_mb'] / 1024:.1f} GB" if figures.get("memory_mb") else "–"),
    ]
    if run.finished:
        return [*tiles, ("Took", duration(elapsed(run)))]
    return [*tiles, ("To go", duration(progress.eta_s))]


def train_head() -> str:
    return render("train_head.html")


def train_plot() -> str:
    return render("train_plot.html")


def curve(run: Run, rows: Sequence[Mapping[str, Any]], start: int) -> dict[str, Any]:
    """The points of a run's loss curves since line ``start`` of its metrics.

    Returns:
        ``{"id", "name", "start", "after", "train": {"x", "y"}, "validation": {"x", "y"}}``; ``after`` is where the
        next call goes on.
    """
    return {
        "id": run.id,
        "name": run_name(run),
        "start": start,
        "after": start + len(rows),
        "train": _points(rows, "loss"),
        "validation": _points(rows, "validation_loss"),
    }


def _points(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[float]]:
    kept = [row for row in rows if isinstance(row.get(key), (int, float))]
    return {"x": [row["step"] for row in kept], "y": [row[key] for row in kept]}
