"""Two or more models on the same snapshot split, paired scenario by scenario."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.actions import runs as run_actions
from workbench.actions.models import resolve
from workbench.errors import WorkbenchError
from workbench.evaluation.statistics import Headline, Slice, summarise, summarise_by
from workbench.records import Reply, Run, Scenario, Score, Split
from workbench.scenarios.cells import defuse
from workbench.store import runs as run_store
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store

Verdict = Literal["exact", "wrong arguments", "wrong tool", "malformed"]
EXPORT_FORMATS = ("csv", "jsonl")


@dataclass(frozen=True)
class Column:
    """One model of a comparison: its evaluation run and headline figures."""

    run: Run
    label: str
    headline: Headline


@dataclass(frozen=True)
class Cell:
    """What one model answered to one scenario; ``score.arguments`` has the difference argument by argument."""

    reply: Reply
    score: Score

    @property
    def verdict(self) -> Verdict:
        if self.reply.parsed.kind == "malformed":
            return "malformed"
        if not self.score.tool_correct:
            return "wrong tool"
        return "exact" if self.score.exact else "wrong arguments"

    @property
    def got(self) -> Any:
        """The calls as JSON values, the text, or the reason why the reply is malformed."""
        parsed = self.reply.parsed
        if parsed.kind == "malformed":
            return parsed.reason
        return [call.to_dict() for call in parsed.calls] if parsed.calls else parsed.text


@dataclass(frozen=True)
class Row:
    """One scenario beside every model's answer; ``cells`` are in the order of the columns."""

    scenario: Scenario
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """Whether the models' verdicts are not all the same."""
        return len({cell.verdict for cell in self.cells}) > 1

    def to_dict(self, columns: Sequence[Column]) -> dict[str, Any]:
        return {
            "scenario": self.scenario.to_dict(),
            "differs": self.differs,
            "answers": {
                column.run.id: {
                    "model": column.run.model,
                    "verdict": cell.verdict,
                    "got": cell.got,
                    "raw": cell.reply.raw,
                    "arguments": [argument.to_dict() for argument in cell.score.arguments],
                    "latency_ms": cell.reply.latency_ms,
                }
                for column, cell in zip(columns, self.cells, strict=True)
            },
        }


@dataclass(frozen=True)
class Comparison:
    """Models side by side; ``rows`` are in the order of the snapshot."""

    snapshot: str
    split: Split
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def differing(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.differs)

    def chosen(self, differing: bool) -> tuple[Row, ...]:
        """All rows, or only those where the models differ."""
        return self.differing if differing else self.rows

    def to_dict(self, differing: bool = False) -> dict[str, Any]:
        return {
            "snapshot": self.snapshot,
            "split": self.split,
            "n": len(self.rows),
            "differing": len(self.differing),
            "models": [
                {
                    "model": column.run.model,
                    "label": column.label,
                    "run": column.run.id,
                    "headline": column.headline.to_dict(),
                }
                for column in self.columns
            ],
            "rows": [row.to_dict(self.columns) for row in self.chosen(differing)],
        }


def evaluations(store: Store, snapshot: str | None = None) -> list[Run]:
    """Finished evaluations, of one snapshot or of all, the newest first."""
    found = run_store.list_runs(store, kind="evaluate", state="done")
    return [run for run in found if snapshot in (None, run.snapshot)]


def ensure_evaluations(store: Store, model_ids: Sequence[str], snapshot: str, split: Split = "test") -> list[Run]:
    """One evaluation a model, in their order: the one that is done or under way, or else a new one.

    Raises:
        WorkbenchError: a model, the snapshot or its split is not there; then nothing is started.
    """
    for model_id in model_ids:
        resolve(store, model_id)
    usable = [
        run
        for run in run_store.list_runs(store, kind="evaluate")
        if run.snapshot == snapshot and run.config["split"] == split and run.state in ("queued", "running", "done")
    ]
    found = {run.model: run for run in reversed(usable)}
    for model_id in model_ids:
        if model_id not in found:
            found[model_id] = run_actions.start_evaluation(store, model_id, snapshot, split)
    return [found[model_id] for model_id in model_ids]


def compare(store: Store, run_ids: Sequence[str]) -> Comparison:
    """Finished evaluations side by side, each once.

    Raises:
        WorkbenchError: fewer than two, one is not a finished evaluation, or their snapshots or splits differ.
    """
    chosen = [run_actions.get_run(store, run_id) for run_id in dict.fromkeys(run_ids)]
    _refuse_unlike(chosen)
    snapshot, split = chosen[0].snapshot, chosen[0].config["split"]
    scenarios = snapshot_store.load(store, snapshot).split(split)
    answers = [_answers(store, run, scenarios) for run in chosen]
    columns = tuple(
        Column(run, run.name or run.model, _headline(cells, scenarios))
        for run, cells in zip(chosen, answers, strict=True)
    )
    rows = tuple(Row(line[0], tuple(line[1:])) for line in zip(scenarios, *answers, strict=True))
    return Comparison(snapshot, split, columns, rows)


def slices(comparison: Comparison, by: Slice) -> list[dict[str, Headline]]:
    """For each column in order, its headline by tool, OS or mode."""
    scenarios = [row.scenario for row in comparison.rows]
    cells = list(zip(*(row.cells for row in comparison.rows), strict=True))
    return [
        summarise_by(by, [cell.score for cell in column], [cell.reply for cell in column], scenarios)
        for column in cells
    ]


def export_comparison(comparison: Comparison, format: str, differing: bool = False) -> Iterator[str]:
    """Lines, each with its line end, of a ``csv`` or ``jsonl`` file with one scenario a row."""
    if format not in EXPORT_FORMATS:
        raise WorkbenchError(f"A comparison cannot be written as '{format}'.", f"Use {' or '.join(EXPORT_FORMATS)}.")
    rows = comparison.chosen(differing)
    if format == "jsonl":
        return (json.dumps(row.to_dict(comparison.columns), ensure_ascii=False) + "\n" for row in rows)
    return _csv_lines(comparison.columns, rows)


def _refuse_unlike(chosen: Sequence[Run]) -> None:
    if len(chosen) < 2:
        raise WorkbenchError("A comparison needs at least two models.", "Choose one more.")
    for run in chosen:
        if run.kind != "evaluate" or run.state != "done":
            reason = f"it is {run.state}" if run.kind == "evaluate" else "it is a training run"
            raise WorkbenchError(f"The run '{run.id}' is not a finished evaluation: {reason}.", "Evaluate it first.")
    for what, values in (
        ("snapshots", {run.snapshot for run in chosen}),
        ("splits", {run.config["split"] for run in chosen}),
    ):
        if len(values) > 1:
            raise WorkbenchError(
                f"These models answered different {what} ({', '.join(sorted(values))}), so their figures cannot be "
                "compared.",
                "Evaluate them on the same snapshot and split.",
            )


def _answers(store: Store, run: Run, scenarios: Sequence[Scenario]) -> list[Cell]:
    """The run's answer to each scenario."""
    scores = {score.scenario_id: score for score in run_store.scores(store, run.id)}
    cells = {
        reply.scenario_id: Cell(reply, scores[reply.scenario_id])
        for reply in run_store.replies(store, run.id)
        if reply.scenario_id in scores
    }
    missing = sum(scenario.id not in cells for scenario in scenarios)
    if missing:
        raise WorkbenchError(f"The run '{run.id}' lacks {missing} of {len(scenarios)} answers.", "Evaluate it again.")
    return [cells[scenario.id] for scenario in scenarios]


def _headline(cells: Iterable[Cell], scenarios: Sequence[Scenario]) -> Headline:
    scores, replies = zip(*((cell.score, cell.reply) for cell in cells), strict=True)
    return summarise(scores, replies, scenarios)


def _csv_lines(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[str]:
    header = ["id", "request", "os", "mode", "expected"]
    for column in columns:
        header += [f"{column.label}: {part}" for part in ("verdict", "got", "latency_ms")]
    yield _csv_line(header)
    for row in rows:
        scenario = row.scenario
        line = [scenario.id, scenario.request, scenario.os, scenario.mode, _text(scenario.outcome.to_value())]
        for cell in row.cells:
            line += [cell.verdict, _text(cell.got), f"{cell.reply.latency_ms:.1f}"]
        yield _csv_line(line)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _csv_line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([defuse(value) for value in values])
    return buffer.getvalue()
