"""Figures as the words and numbers that people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.evaluation.statistics import Headline, Interval, Rate

METRICS: tuple[tuple[str, str, str], ...] = (
    ("tool_accuracy", "Right tool", "the right tools, or none where none must be called"),
    ("exact_calls", "Exact calls", "right tools and every argument right"),
    ("argument_f1", "Argument F1", "harmonic mean of the arguments' precision and recall"),
    ("argument_precision", "Argument precision", "of the arguments given, the right ones"),
    ("argument_recall", "Argument recall", "of the arguments expected, the right ones"),
    ("schema_valid", "Fits the schema", "calls of declared tools with valid arguments"),
    ("malformed", "Malformed", "replies that cannot be read"),
    ("no_tool_precision", "NO_TOOL precision", "of the replies without a call, those that must have none"),
    ("no_tool_recall", "NO_TOOL recall", "of the scenarios without a call, those answered without one"),
    ("over_calls", "Over-calls", "of the scenarios without a call, those answered with one"),
    ("misses", "Misses", "of the scenarios with a call, those answered without one"),
    ("latency_p50", "Latency p50", "half of the replies came within"),
    ("latency_p95", "Latency p95", "95 % of the replies came within"),
)
"""Field of a Headline, its name, what it means."""


def percent(share: float | None, digits: int = 1) -> str:
    """``97.5 %``; a dash when not known."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def interval_text(interval: Interval) -> str:
    """``33.2 to 66.8 %``."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"


def metric_table(heads: Sequence[Headline], f1s: Sequence[Interval | None]) -> list[dict[str, Any]]:
    """A row a metric: ``label``, ``note`` and a cell a model with ``value``, ``interval`` and ``n`` as text."""
    return [
        {
            "label": label,
            "note": note,
            "cells": [_cell(name, head, f1) for head, f1 in zip(heads, f1s, strict=True)],
        }
        for name, label, note in METRICS
    ]


def _cell(name: str, head: Headline, f1: Interval | None) -> dict[str, str]:
    value = getattr(head, name)
    if isinstance(value, Rate) and value.n:
        counts = f"{value.successes:,}/{value.n:,}"
        return {"value": percent(value.value), "interval": interval_text(value.interval), "n": counts}
    if isinstance(value, Rate) or value is None:
        return {"value": "–", "interval": "", "n": ""}
    if name == "argument_f1":
        return {"value": percent(value), "interval": interval_text(f1) if f1 else "", "n": f"{head.n:,} scenarios"}
    return {"value": f"{value:,.0f} ms", "interval": "", "n": ""}
