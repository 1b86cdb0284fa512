"""Figures of a comparison beyond its headline: slices, confusion, confidence, latency, and the metrics as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.actions.comparing import Column, Lineup, compare, headline
from workbench.evaluation.statistics import SLICES, Headline, Rate, Slice
from workbench.records import NO_TOOL
from workbench.store import answers as answer_store
from workbench.store.answers import FIGURES, OTHER
from workbench.store.database import Store

DIGITS = 6
"""Decimals in the metrics JSON: more would differ between machines."""


@dataclass(frozen=True)
class Confusion:
    """Scenarios by what was expected and what one model called; ``counts`` lacks the empty cells.

    ``rows`` and ``columns``: labels such as ``ping``, ``ping + clock``, ``NO_TOOL``; columns also ``malformed``.
    """

    run: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: dict[tuple[str, str], int]


@dataclass(frozen=True)
class CurvePoint:
    """What a threshold would do: calls with a confidence below ``percent`` count as NO_TOOL.

    Attributes:
        exact: of all scenarios; ``called``: replies that still call; ``right``: of those, the exact ones.
    """

    percent: int
    exact: Rate
    tool: Rate
    called: Rate
    right: Rate


@dataclass(frozen=True)
class Drawn:
    """What the plots of a comparison show; curves and latencies are in the order of the runs."""

    slices: dict[str, list[Headline | None]]
    confusion: Confusion
    curves: list[list[CurvePoint]]
    latencies: list[list[float]]


def drawn(store: Store, lineup: Lineup, by: Slice, run_id: str) -> Drawn:
    """Everything to plot. ``run_id``: whose confusion is shown."""
    return Drawn(
        slices=slices(store, lineup, by),
        confusion=confusion(store, lineup, run_id),
        curves=[curve(store, run.id) for run in lineup.runs],
        latencies=latencies(store, lineup),
    )


def slices(store: Store, lineup: Lineup, by: Slice) -> dict[str, list[Headline | None]]:
    """For each tool, OS, mode or tag the headline of each column in order; None where it has no scenario.

    A scenario with several tools or tags counts under each of them; one without OS or mode under ``""``.
    """
    rows = answer_store.tallies(store, lineup.view, by)
    heads = {(row["key"], row["run_id"]): headline(row) for row in rows}
    keys = sorted({key for key, _ in heads})
    return {key: [heads.get((key, run_id)) for run_id in lineup.view.runs] for key in keys}


def confusion(store: Store, lineup: Lineup, run_id: str) -> Confusion:
    counts = {
        (row["expected"], row["got"]): int(row["n"]) for row in answer_store.confusion(store, lineup.view, run_id)
    }
    last = (NO_TOOL, OTHER, "malformed")

    def ordered(found: set[str]) -> tuple[str, ...]:
        return tuple(sorted(found, key=lambda label: (last.index(label) + 1 if label in last else 0, label)))

    rows = {expected for expected, _ in counts}
    return Confusion(run_id, ordered(rows), ordered(rows | {got for _, got in counts} | {NO_TOOL}), counts)


def curve(store: Store, run_id: str) -> list[CurvePoint]:
    """What each threshold from 0 to 100% would do; empty where no reply has a confidence."""
    rows = answer_store.confidences(store, run_id)
    known = [row for row in rows if row["percent"] is not None]
    if not known:
        return []
    n = sum(row["n"] for row in rows)
    points = []
    for percent in range(101):
        kept = [row for row in rows if row["percent"] is None or row["percent"] >= percent]
        declined = sum(row["none_expected"] for row in known if row["percent"] < percent)
        calls = [row for row in kept if row["called"]]
        exact = sum(row["exact"] for row in kept) + declined
        tool = sum(row["tool_correct"] for row in kept) + declined
        called = sum(row["n"] for row in calls)
        right = Rate(sum(row["exact"] for row in calls), called)
        points.append(CurvePoint(percent, Rate(exact, n), Rate(tool, n), Rate(called, n), right))
    return points


def latencies(store: Store, lineup: Lineup) -> list[list[float]]:
    """For each column in order the milliseconds within which 0, 1, … 100% of the replies came."""
    found = answer_store.latencies(store, lineup.view)
    return [found.get(run_id, []) for run_id in lineup.view.runs]


def argument_f1s(store: Store, run_id: str) -> dict[str, tuple[float, int]]:
    """F1 and number of expected values by ``tool.argument``, over scenarios with one call."""
    rows = answer_store.arguments(store, run_id)
    return {row["name"]: (2 * row["matched"] / (row["wanted"] + row["given"]), row["wanted"]) for row in rows}


def metrics_json(store: Store, run_ids: Sequence[str], threshold: int = 0) -> str:
    """Metrics of finished evaluations: the same answers always give the same bytes.

    Keys are sorted, shares rounded; there is no time, latency, confidence or run id in it.

    Raises:
        WorkbenchError: as ``comparing.compare``.
    """
    found = compare(store, run_ids, threshold, least=1)
    by_slice = {by: slices(store, found, by) for by in SLICES}
    models = []
    for i, column in enumerate(found.columns):
        cells = confusion(store, found, column.run.id).counts
        arguments = argument_f1s(store, column.run.id)
        models.append(
            {
                "model": column.run.model,
                "weights": column.run.config.get("weights", ""),
                **_counts(column),
                "rates": _rates(column.headline),
                "argument_f1": column.headline.argument_f1,
                "argument_f1_by_argument": {name: {"f1": f1, "n": n} for name, (f1, n) in arguments.items()},
                "confusion": [{"expected": e, "got": g, "n": n} for (e, g), n in sorted(cells.items())],
                "slices": {
                    by: {key: _rates(head) for key, heads in groups.items() if (head := heads[i])}
                    for by, groups in by_slice.items()
                },
            }
        )
    differences = [
        {"model": column.run.model, **{figure: found.differences[figure][i].to_dict() for figure in FIGURES}}
        for i, column in enumerate(found.columns[1:])
    ]
    body = {
        "snapshot": found.snapshot,
        "split": found.split,
        "threshold": threshold / 100,
        "total": found.n,
        "models": models,
        "differences": differences,
    }
    return json.dumps(_rounded(body), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _counts(column: Column) -> dict[str, int]:
    """Counts under the names that other evaluation scripts use."""
    head = column.headline
    return {
        "total": head.n,
        "tool_name_correct": head.tool_accuracy.successes,
        "arg_exact_match": head.exact_calls.successes,
        "no_tool_total": head.no_tool_recall.n,
        "no_tool_correct": head.no_tool_recall.successes,
        "schema_failures": head.schema_valid.n - head.schema_valid.successes,
        "malformed": head.malformed.successes,
    }


def _rates(head: Headline) -> dict[str, Any]:
    return {name: value.to_dict() for name, value in vars(head).items() if isinstance(value, Rate)}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
