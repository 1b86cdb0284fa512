"""A comparison as files: CSV, JSONL, the metrics as JSON, and a report that opens in any browser."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from workbench.actions import answers, figures
from workbench.actions.answers import Row
from workbench.actions.comparing import Comparison
from workbench.errors import WorkbenchError
from workbench.evaluation import report
from workbench.evaluation.statistics import SLICES
from workbench.scenarios.cells import defuse
from workbench.store.answers import AnswerFilter
from workbench.store.database import Store

EXPORT_FORMATS = ("csv", "jsonl", "html", "metrics")
SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".html": "html", ".htm": "html", ".json": "metrics"}
MOST_ROWS = 200
"""Rows in a report: it must open quickly."""
_LONGEST = 300


def export_comparison(
    store: Store, comparison: Comparison, format: str, filter: AnswerFilter | None = None
) -> Iterator[str]:
    """Pieces of a file: ``csv`` or ``jsonl`` with a scenario a row, ``html`` (report) or ``metrics`` (JSON).

    Raises:
        WorkbenchError: there is no such format.
    """
    rows = answers.every_row(store, comparison, filter)
    if format == "jsonl":
        return (json.dumps(row.to_dict(comparison), ensure_ascii=False) + "\n" for row in rows)
    if format == "csv":
        return _csv_lines(comparison, rows)
    if format == "metrics":
        return iter([figures.metrics_json(store, comparison.view.runs, comparison.threshold)])
    if format == "html":
        return _report(store, comparison)
    raise WorkbenchError(f"A comparison cannot be written as '{format}'.", f"Use {', '.join(EXPORT_FORMATS)}.")


def _csv_lines(comparison: Comparison, rows: Iterable[Row]) -> Iterator[str]:
    header = ["id", "request", "os", "mode", "expected"]
    for column in comparison.columns:
        header += [f"{column.label}: {part}" for part in ("verdict", "got", "confidence", "latency_ms")]
    yield _csv_line(header)
    for row in rows:
        scenario = row.scenario
        line = [scenario.id, scenario.request, scenario.os, scenario.mode, _text(scenario.outcome.to_value())]
        for cell in row.cells:
            confidence = "" if cell.reply.confidence is None else f"{cell.reply.confidence:.4f}"
            line += [cell.verdict, _text(cell.got), confidence, f"{cell.reply.latency_ms:.1f}"]
        yield _csv_line(line)


def _report(store: Store, comparison: Comparison) -> Iterator[str]:
    columns = comparison.columns
    labels = [column.label for column in columns]
    failed = AnswerFilter(failed=True)
    n = answers.found(store, comparison, failed)
    rows = list(islice(answers.every_row(store, comparison, failed), MOST_ROWS))
    more = f" The first {len(rows)} of them; the JSONL export has all." if n > len(rows) else ""
    doubt = f" Calls with a confidence below {comparison.threshold} % count as NO_TOOL." if comparison.threshold else ""
    return report.write_report(
        title="Comparison of " + " and ".join(labels),
        about=f"{comparison.n:,} {comparison.split} scenarios of snapshot {comparison.snapshot}.{doubt}",
        models=[{"label": label, "color": _color(i)} for i, label in enumerate(labels)],
        findings=[*comparison.findings("tool"), *comparison.findings("exact")],
        metrics=report.metric_table([c.headline for c in columns], [c.argument_f1 for c in columns]),
        plots=list(_plots(store, comparison, labels)),
        confusions=[_confusion(store, comparison, column.run.id, column.label) for column in columns],
        rows=[_report_row(row) for row in rows],
        rows_note=f"{n:,} of {comparison.n:,} scenarios.{more}",
    )


def _color(i: int) -> str:
    return report.COLORS[i % len(report.COLORS)]


def _plots(store: Store, comparison: Comparison, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    for by in SLICES:
        groups = figures.slices(store, comparison, by)
        if set(groups) - {""}:
            note = "Scenarios in brackets; bars are 95 % Wilson intervals."
            yield {"title": f"Exact calls by {by}", "figure": report.slices_plot(labels, groups), "note": note}
    curves = [figures.curve(store, column.run.id) for column in comparison.columns]
    if any(curves):
        plot = report.curve_plot(labels, curves, comparison.threshold)
        note = "Solid: exact calls. Dotted: replies that still call."
        yield {"title": "Confidence threshold", "figure": plot, "note": note}
    plot = report.latency_plot(labels, figures.latencies(store, comparison))
    yield {"title": "Latency", "figure": plot, "note": ""}


def _confusion(store: Store, comparison: Comparison, run_id: str, label: str) -> dict[str, Any]:
    found = figures.confusion(store, comparison, run_id)
    rows = [
        {
            "label": row,
            "counts": [found.counts.get((row, column), 0) for column in found.columns],
            "right": found.columns.index(row),
        }
        for row in found.rows
    ]
    return {"label": label, "columns": found.columns, "rows": rows}


def _report_row(row: Row) -> dict[str, Any]:
    scenario = row.scenario
    return {
        "request": scenario.request,
        "where": " · ".join(part for part in (scenario.id, scenario.os, scenario.mode) if part),
        "expected": _text(scenario.outcome.to_value())[:_LONGEST],
        "cells": [
            {"verdict": cell.verdict, "got": "" if cell.verdict == "exact" else _text(cell.got)[:_LONGEST]}
            for cell in row.cells
        ],
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _csv_line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([defuse(value) for value in values])
    return buffer.getvalue()
