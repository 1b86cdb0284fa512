"""Compare: what to choose from, headline figures with intervals, answers argument by argument."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workbench.actions.comparing import Cell, Column, Comparison, Row
from workbench.actions.runs import Progress
from workbench.evaluation.statistics import Rate
from workbench.records import SPLITS, ArgumentScore, Model
from workbench.store.snapshots import SnapshotInfo
from workbench.ui.forms import NOW, Bench
from workbench.ui.views.base import (
    COLORS,
    TONES,
    ago,
    calls_text,
    going,
    number,
    outcome_text,
    pairs,
    percent,
    render,
    short,
)

ANSWERS = 25
"""Rows on a page of answers."""
VERDICTS = ("exact", "wrong arguments", "wrong tool", "malformed")


def compare_form(bench: Bench, models: Sequence[Model], snapshots: Sequence[SnapshotInfo]) -> str:
    known = {model.id: model.label for model in models}
    others = {model: model for model in bench.models if model not in known}
    tuned = {model.id: model.label for model in models if model.adapter}
    listed = {**{id: label for id, label in known.items() if id not in tuned}, **others, **tuned}
    return render(
        "compare_form.html",
        models=[(id, label, id in bench.models) for id, label in listed.items()],
        untrained=not tuned,
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
    waiting: Sequence[tuple[str, Progress]] = (),
    error: str = "",
) -> str:
    """Progress of what is missing, then figures and answers. ``waiting``: label and progress of each evaluation."""
    parts: dict[str, Any] = {"cards": [], "place": bench, "empty": None}
    if comparison is not None:
        parts |= _compared(comparison, bench)
    elif not waiting and not error:
        parts["empty"] = _invitation(bench)
    return render(
        "compare_result.html",
        query=bench.query,
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


def _compared(comparison: Comparison, bench: Bench) -> dict[str, Any]:
    rows = chosen_rows(comparison, bench)
    pages = max(1, -(-len(rows) // ANSWERS))
    bench = bench.at(page=min(bench.page, pages))
    first = (bench.page - 1) * ANSWERS
    page = rows[first : first + ANSWERS]
    colors = [COLORS[i % len(COLORS)] for i in range(len(comparison.columns))]
    return {
        "cards": [_card(column, color) for column, color in zip(comparison.columns, colors, strict=True)],
        "forest": _forest(comparison.columns, colors),
        "rows": [_answer_row(row) for row in page],
        "differing": f"{len(comparison.differing):,}",
        "verdicts": pairs(VERDICTS),
        "first": first + 1,
        "last": first + len(page),
        "found": f"{len(rows):,}",
        "pages": pages,
        "place": bench,
    }


def chosen_rows(comparison: Comparison, bench: Bench) -> list[Row]:
    """The rows that the page's filters let through."""
    rows = comparison.differing if bench.differing else comparison.rows
    text = bench.text.casefold()
    return [
        row
        for row in rows
        if (not text or text in f"{row.scenario.request} {row.scenario.id} {row.scenario.outcome.label}".casefold())
        and (not bench.verdict or any(cell.verdict == bench.verdict for cell in row.cells))
    ]


def _rates(column: Column) -> tuple[tuple[str, Rate], ...]:
    """The two figures that lead."""
    return ("Right tool", column.headline.tool_accuracy), ("Exact calls", column.headline.exact_calls)


def interval_text(rate: Rate) -> str:
    return f"{100 * rate.interval.low:.1f} to {100 * rate.interval.high:.1f} %"


def _card(column: Column, color: str) -> dict[str, Any]:
    head = column.headline
    latency = f"{number(head.latency_p50, 0)} / {number(head.latency_p95, 0)} ms"
    return {
        "label": column.label,
        "color": color,
        "n": f"{head.n:,}",
        "main": [
            {"label": label, "value": percent(rate.value), "interval": interval_text(rate)}
            for label, rate in _rates(column)
        ],
        "rest": [
            ("Fits the schema", percent(head.schema_valid.value)),
            ("Malformed", percent(head.malformed.value)),
            ("NO_TOOL precision", percent(head.no_tool_precision.value)),
            ("NO_TOOL recall", percent(head.no_tool_recall.value)),
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
        "says": f"{label}: {percent(rate.value)}, interval {interval_text(rate)}",
    }


def _answer_row(row: Row) -> dict[str, Any]:
    scenario = row.scenario
    return {
        "id": scenario.id,
        "request": scenario.request,
        "where": " · ".join(part for part in (scenario.os, scenario.mode) if part),
        "expected": outcome_text(scenario.outcome),
        "cells": [_answer(cell) for cell in row.cells],
    }


def _answer(cell: Cell) -> dict[str, Any]:
    """What one model answered: the verdict, what it called, and each argument beside what was expected."""
    parsed, verdict = cell.reply.parsed, cell.verdict
    got = {"malformed": parsed.reason, "wrong tool": calls_text(parsed.calls)}.get(verdict, "")
    several = len(parsed.calls) > 1
    arguments = cell.score.arguments if verdict == "wrong arguments" else ()
    return {
        "verdict": verdict,
        "tone": TONES[verdict],
        "got": short(got),
        "arguments": [_argument_answer(argument, several) for argument in arguments],
        "raw": cell.reply.raw,
    }


def _argument_answer(argument: ArgumentScore, several: bool) -> dict[str, Any]:
    expected = json.dumps(argument.expected, ensure_ascii=False)
    notes = {
        "differs": f"expected {expected}",
        "missing": f"is missing, expected {expected}",
        "unexpected": "not expected",
    }
    return {
        "name": f"{argument.call + 1}. {argument.name}" if several else argument.name,
        "right": argument.verdict == "match",
        "got": "" if argument.verdict == "missing" else short(json.dumps(argument.got, ensure_ascii=False)),
        "note": notes.get(argument.verdict, ""),
    }
