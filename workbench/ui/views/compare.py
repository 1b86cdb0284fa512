"""Compare: what to choose from, figures with intervals, plots, the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workbench.actions.answers import BUCKETS
from workbench.actions.comparing import FIGURE_NAMES, Column, Comparison
from workbench.actions.figures import Confusion, Drawn
from workbench.actions.leaderboard import Entry
from workbench.actions.run_progress import Progress
from workbench.evaluation import report
from workbench.evaluation.job import told
from workbench.evaluation.pairing import Pairs
from workbench.evaluation.report import interval_text, percent
from workbench.evaluation.statistics import SLICES, Rate
from workbench.records import SPLITS, Model
from workbench.store.snapshots import SnapshotInfo
from workbench.ui.compare_form import NOW, Bench
from workbench.ui.views.base import TONES, ago, colors_of, going, number, pairs, render

MOST_ENTRIES = 12
_SLICE_NAMES = {"tool": "Tool", "os": "OS", "mode": "Mode", "tag": "Tag"}


def compare_form(
    bench: Bench, models: Sequence[Model], snapshots: Sequence[SnapshotInfo], more_open: bool = False
) -> str:
    known = {model.id: model.label for model in models}
    others = {model: model for model in bench.models if model not in known}
    tuned = {model.id: model.label for model in models if model.adapter}
    listed = {**{id: label for id, label in known.items() if id not in tuned}, **others, **tuned}
    return render(
        "compare_form.html",
        models=[(id, label, id in bench.models) for id, label in listed.items()],
        untrained=not tuned,
        services=[model.label for model in models if model.kind == "endpoint"],
        more_open=more_open,
        splits=pairs(SPLITS),
        split=bench.split,
        snapshots=[*((info.hash, _snapshot_label(info)) for info in snapshots), (NOW, "The approved scenarios of now")],
        snapshot=bench.snapshot,
    )


def _snapshot_label(info: SnapshotInfo) -> str:
    return " · ".join(part for part in (info.toolset, info.hash[:8], ago(info.created_at), info.note) if part)


def compare_result(
    bench: Bench,
    comparison: Comparison | None = None,
    drawn: Drawn | None = None,
    waiting: Sequence[tuple[str, Progress]] = (),
    error: str = "",
) -> str:
    """Progress of what is missing, then the figures. ``waiting``: label and progress of each evaluation."""
    parts: dict[str, Any] = {"cards": [], "empty": None}
    if comparison is not None and drawn is not None:
        parts |= _compared(comparison, drawn, bench)
    elif not waiting and not error:
        parts["empty"] = _invitation(bench)
    return render(
        "compare_result.html",
        place=bench,
        error=error,
        waiting=[_waiting(*one) for one in waiting],
        pending=any(not progress.run.finished for _, progress in waiting),
        **parts,
    )


def _invitation(bench: Bench) -> tuple[str, str]:
    if len(bench.models) == 1:
        return "One more", "Tick a second model to see them side by side, or press Compare to see this one alone."
    return "Choose two models", "Tick a base and a model trained on it, then press Compare."


def _waiting(label: str, progress: Progress) -> dict[str, Any]:
    run = progress.run
    return {
        "id": run.id,
        "label": label,
        "state": run.state,
        "tone": TONES[run.state],
        "percent": round(100 * progress.fraction),
        "text": going(progress) if run.state == "running" else "",
        "message": run.message,
        "failed": run.state == "failed",
        "stoppable": run.state in ("queued", "running"),
    }


def _compared(comparison: Comparison, drawn: Drawn, bench: Bench) -> dict[str, Any]:
    columns, labels = comparison.columns, comparison.labels
    rival = next((i for i, column in enumerate(columns) if column.run.model == bench.rival), len(columns) - 1)
    name = "tool_accuracy" if bench.figure == "tool" else "exact_calls"
    slices = drawn.slices if set(drawn.slices) - {""} else {}
    return {
        "cards": [_card(column, color) for column, color in zip(columns, colors_of(labels), strict=True)],
        "forest": _forest(columns, colors_of(labels)),
        "findings": [*comparison.findings("tool")[:-1], *comparison.findings("exact")] if len(columns) > 1 else [],
        "metrics": report.metric_table([c.headline for c in columns], [c.argument_f1 for c in columns]),
        "models": [(column.run.model, label) for column, label in zip(columns, labels, strict=True)],
        "figures": [(figure, name.capitalize()) for figure, name in FIGURE_NAMES.items()],
        "slices": [(by, _SLICE_NAMES[by]) for by in SLICES],
        "slices_plot": _figure(report.slices_plot(labels, slices, name)) if slices else None,
        "curve_plot": _figure(report.curve_plot(labels, drawn.curves, comparison.threshold))
        if any(drawn.curves)
        else None,
        "latency_plot": _figure(report.latency_plot(labels, drawn.latencies)),
        "confusion": _confusion(drawn.confusion),
        "buckets": _buckets(comparison.differences[_figure_of(bench)][rival - 1].pairs) if len(columns) > 1 else [],
        "base": labels[0],
        "rival": labels[rival],
        "unanswered": [
            (label, said) for column, label in zip(columns, labels, strict=True) if (said := told(column.run.summary))
        ],
    }


def _figure_of(bench: Bench) -> Any:
    return "tool" if bench.figure == "tool" else "exact"


def _figure(plot: dict[str, Any]) -> dict[str, Any]:
    """A plot for the page: Plotly's plain data as text, and how high it stands."""
    return {"json": json.dumps(plot, ensure_ascii=False), "height": plot["height"]}


def _buckets(found: Pairs) -> list[dict[str, Any]]:
    says = {
        "fixed": "wrong before, right now",
        "broken": "right before, wrong now",
        "both wrong": "neither is right",
        "both right": "nothing to do",
    }
    tones = {"fixed": "good", "broken": "bad"}
    return [
        {
            "name": name,
            "n": f"{getattr(found, name.replace(' ', '_')):,}",
            "says": says[name],
            "tone": tones.get(name, ""),
        }
        for name in BUCKETS
    ]


def _confusion(found: Confusion) -> dict[str, Any]:
    """Rows of cells; ``level`` (0 to 100) is the share of its row."""
    rows = []
    for expected in found.rows:
        total = sum(found.counts.get((expected, got), 0) for got in found.columns)
        cells = []
        for got in found.columns:
            n = found.counts.get((expected, got), 0)
            right = expected == got
            said = f"expected {expected}, got {got}: {n}"
            cells.append({"got": got, "n": n, "right": right, "level": round(100 * n / total), "says": said})
        rows.append({"expected": expected, "total": f"{total:,}", "cells": cells})
    return {"columns": found.columns, "rows": rows}


def _rates(column: Column) -> tuple[tuple[str, Rate], ...]:
    """The two figures that lead."""
    return ("Right tool", column.headline.tool_accuracy), ("Exact calls", column.headline.exact_calls)


def _card(column: Column, color: str) -> dict[str, Any]:
    head = column.headline
    latency = f"{number(head.latency_p50, 0)} / {number(head.latency_p95, 0)} ms"
    return {
        "label": column.label,
        "color": color,
        "n": f"{head.n:,}",
        "main": [
            {"label": label, "value": percent(rate.value), "interval": interval_text(rate.interval)}
            for label, rate in _rates(column)
        ],
        "rest": [
            ("Argument F1", percent(head.argument_f1)),
            ("Malformed", percent(head.malformed.value)),
            ("Latency p50 / p95", latency),
        ],
    }


def _forest(columns: Sequence[Column], colors: Sequence[str]) -> list[dict[str, Any]]:
    """One figure a rate, one bar a model, a whisker from end to end of its interval."""
    figures: dict[str, list[dict[str, Any]]] = {}
    for column, color in zip(columns, colors, strict=True):
        for label, rate in _rates(column):
            figures.setdefault(label, []).append(_bar(column.label, rate, color))
    return [{"label": label, "bars": bars} for label, bars in figures.items()]


def _bar(label: str, rate: Rate, color: str) -> dict[str, Any]:
    low, high = 100 * rate.interval.low, 100 * rate.interval.high
    return {
        "label": label,
        "color": color,
        "share": f"{100 * (rate.value or 0):.2f}",
        "low": f"{low:.2f}",
        "width": f"{high - low:.2f}",
        "text": f"{percent(rate.value)} ({rate.successes}/{rate.n})",
        "says": f"{label}: {percent(rate.value)}, interval {interval_text(rate.interval)}",
    }


def compare_board(entries: Sequence[Entry], bench: Bench) -> str:
    """Every evaluation on the snapshot split: the newest of each model first, best on top, and all over time."""
    newest = [entry for entry in entries if entry.newest]
    shown = newest[:MOST_ENTRIES]
    history: dict[str, list[tuple[str, Rate]]] = {entry.run.model: [] for entry in shown}
    for entry in sorted(entries, key=lambda entry: entry.run.ended_at):
        if entry.run.model in history:
            history[entry.run.model].append((entry.run.ended_at, entry.exact))
    names = {entry.run.model: entry.run.name or entry.run.model for entry in shown}
    several = any(len(points) > 1 for points in history.values())
    return render(
        "compare_board.html",
        rows=[
            {
                "model": entry.run.model,
                "label": names[entry.run.model],
                "chosen": entry.run.model in bench.models,
                "exact": percent(entry.exact.value),
                "exact_interval": interval_text(entry.exact.interval),
                "tool": percent(entry.tool.value),
                "tool_interval": interval_text(entry.tool.interval),
                "when": ago(entry.run.ended_at),
                "times": sum(other.run.model == entry.run.model for other in entries),
            }
            for entry in shown
        ],
        more=len(newest) - len(shown),
        plot=_figure(report.history_plot({names[model]: points for model, points in history.items()}))
        if several
        else None,
        split=bench.split,
        snapshot=bench.snapshot[:8],
    )
