"""Two or more models on the same snapshot split, paired scenario by scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.actions import runs as run_actions
from workbench.actions import starting
from workbench.actions.models import fingerprint, resolve
from workbench.errors import WorkbenchError
from workbench.evaluation import pairing
from workbench.evaluation.pairing import Difference, Pairs
from workbench.evaluation.statistics import Headline, Interval, Tally
from workbench.records import Run, Split
from workbench.store import answers as answer_store
from workbench.store import runs as run_store
from workbench.store.answers import FIGURES, AnswerFilter, Figure, View
from workbench.store.database import Store

_USABLE = ("queued", "running", "done")
FIGURE_NAMES: dict[Figure, str] = {"exact": "exact calls", "tool": "right tools"}


@dataclass(frozen=True)
class Column:
    """One model of a comparison: its evaluation run and headline figures.

    Attributes:
        argument_f1: 95% interval of ``headline.argument_f1`` by bootstrap; None where it has no value.
    """

    run: Run
    label: str
    headline: Headline
    argument_f1: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        interval = self.argument_f1 and {"low": self.argument_f1.low, "high": self.argument_f1.high}
        return {
            "model": self.run.model,
            "label": self.label,
            "run": self.run.id,
            "headline": {**self.headline.to_dict(), "argument_f1_interval": interval},
        }


@dataclass(frozen=True, kw_only=True)
class Lineup:
    """Finished evaluations of one snapshot split; the first is the one that the others are compared with.

    Attributes:
        n: scenarios.
        threshold: percent; calls with a lower confidence count as NO_TOOL.
    """

    snapshot: str
    split: Split
    runs: tuple[Run, ...]
    n: int
    threshold: int = 0

    @property
    def labels(self) -> list[str]:
        return [run.name or run.model for run in self.runs]

    @property
    def view(self) -> View:
        return View(tuple(run.id for run in self.runs), self.threshold)


@dataclass(frozen=True, kw_only=True)
class Comparison(Lineup):
    """A lineup with its figures.

    Attributes:
        columns: in the order of the runs.
        differing: scenarios on which the verdicts differ.
        differences: by figure, a Difference for each column after the first.
    """

    columns: tuple[Column, ...]
    differing: int
    differences: dict[Figure, tuple[Difference, ...]]

    def findings(self, figure: Figure = "exact") -> list[str]:
        """What may be said of each model after the first, a sentence each, then what so many scenarios can show."""
        base, *others = self.columns
        name = FIGURE_NAMES[figure]
        pairs = zip(others, self.differences[figure], strict=True)
        said = [pairing.in_words(column.label, base.label, name, found) for column, found in pairs]
        hints = dict.fromkeys(pairing.power_hint(found.pairs) for found in self.differences[figure])
        return said + (list(hints) if len(others) == 1 else list(hints)[:1])

    def to_dict(self) -> dict[str, Any]:
        others = self.columns[1:]
        return {
            "snapshot": self.snapshot,
            "split": self.split,
            "n": self.n,
            "differing": self.differing,
            "threshold": self.threshold / 100,
            "models": [column.to_dict() for column in self.columns],
            "differences": [
                {
                    "model": column.run.model,
                    "run": column.run.id,
                    "base": self.columns[0].run.id,
                    **{figure: found[i].to_dict() for figure, found in self.differences.items()},
                }
                for i, column in enumerate(others)
            ],
            "findings": [sentence for figure in FIGURES for sentence in self.findings(figure)],
        }


@dataclass(frozen=True)
class Gate:
    """Whether a candidate may replace its base.

    Attributes:
        rule: ``chance`` (the exact test) or ``margin`` (what the user puts up with).
    """

    worse: bool
    rule: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        return {"worse": self.worse, "rule": self.rule, "reason": self.reason}


def evaluations(store: Store, snapshot: str | None = None) -> list[Run]:
    """Finished evaluations of whole splits, of one snapshot or of all, the newest first."""
    found = run_store.list_runs(store, kind="evaluate", state="done")
    return [run for run in found if snapshot in (None, run.snapshot) and not run.config.get("only")]


def latest(store: Store, model_ids: Sequence[str], snapshot: str, split: Split) -> dict[str, Run]:
    """The newest evaluation of each model on the split, as far as there is one of its present weights."""
    weights = {model_id: fingerprint(resolve(store, model_id)) for model_id in model_ids}
    fitting: dict[str, Run] = {}
    for run in reversed(run_store.list_runs(store, kind="evaluate")):
        here = run.model in weights and (run.snapshot, run.config["split"]) == (snapshot, split)
        # Empty: the files were not here when the run began, so the run itself fetched them.
        same = here and run.config.get("weights") in (weights[run.model], "")
        # One that failed does not stand in the way of one that did not.
        if same and not run.config.get("only") and (run.state in _USABLE or run.model not in fitting):
            fitting[run.model] = run
    return {model_id: fitting[model_id] for model_id in model_ids if model_id in fitting}


def named_evaluations(store: Store, names: Sequence[str]) -> dict[str, Run]:
    """Those of the names that are ids of evaluation runs."""
    found = {name: run_store.get(store, name) for name in names}
    return {name: run for name, run in found.items() if run and run.kind == "evaluate"}


def ensure_evaluations(store: Store, names: Sequence[str], snapshot: str, split: Split = "test") -> list[Run]:
    """One evaluation a name, in their order: the one of that id; the one that is done or under way; else a new one.

    Args:
        names: model ids, or ids of evaluation runs.

    Raises:
        WorkbenchError: a model, the snapshot or its split is not there; then nothing is started.
    """
    found = named_evaluations(store, names)
    model_ids = [name for name in names if name not in found]
    for name, run in latest(store, model_ids, snapshot, split).items():
        if run.state in _USABLE:
            found[name] = run
    for name in names:
        if name not in found:
            found[name] = starting.start_evaluation(store, name, snapshot, split)
    return [found[name] for name in names]


def line_up(store: Store, run_ids: Sequence[str], threshold: int = 0, least: int = 2) -> Lineup:
    """Finished evaluations that can be compared, each once.

    Args:
        threshold: percent; calls with a lower confidence count as NO_TOOL.
        least: how many models there must be.

    Raises:
        WorkbenchError: too few, one is not a finished evaluation, or their snapshots or splits differ.
    """
    if not 0 <= threshold <= 100:
        raise WorkbenchError(f"The threshold {threshold} is not a percentage.", "Choose one from 0 to 100.")
    chosen = [run_actions.get_run(store, run_id) for run_id in dict.fromkeys(run_ids)]
    _refuse_unlike(chosen, least)
    snapshot, split = chosen[0].snapshot, chosen[0].config["split"]
    n = answer_store.cases(store, snapshot, split)
    for run in chosen:
        answer_store.prepare(store, run.id)
        if missing := n - answer_store.count(store, run.id):
            raise WorkbenchError(f"The run '{run.id}' lacks {missing} of {n} answers.", "Evaluate it again.")
    return Lineup(snapshot=snapshot, split=split, runs=tuple(chosen), n=n, threshold=threshold)


def compare(store: Store, run_ids: Sequence[str], threshold: int = 0, least: int = 2) -> Comparison:
    """Finished evaluations side by side with their figures; arguments and errors as for ``line_up``."""
    lineup = line_up(store, run_ids, threshold, least)
    view = lineup.view
    heads = {row["run_id"]: headline(row) for row in answer_store.tallies(store, view)}
    pairs = zip(lineup.runs, lineup.labels, strict=True)
    return Comparison(
        **vars(lineup),
        columns=tuple(Column(run, label, heads[run.id], _f1(store, view, run)) for run, label in pairs),
        differing=answer_store.found(store, view, AnswerFilter(differing=True)),
        differences={figure: _differences(store, view, figure) for figure in FIGURES},
    )


def against(store: Store, base_id: str, candidate_id: str, figure: Figure = "exact") -> tuple[Lineup, Difference]:
    """A finished evaluation against another, without the figures of a whole comparison; raises as ``line_up``."""
    lineup = line_up(store, [base_id, candidate_id])
    return lineup, _differences(store, lineup.view, figure)[0]


def headline(row: dict[str, Any]) -> Headline:
    """The figures of a row of ``store.answers.tallies``."""
    counts = {name: row[name] for name in Tally.__dataclass_fields__}
    return Tally(**counts).headline(row["latency_p50"], row["latency_p95"])


def judge(comparison: Comparison, margin: float | None = None, figure: Figure = "exact") -> Gate:
    """Whether the second model is worse than the first.

    Without a margin: worse beyond chance, by the exact two-sided McNemar test at 5%. With one: when it has lost more
    than so many points, whatever chance may do.

    Args:
        margin: percentage points, 0 or more.

    Raises:
        WorkbenchError: there are not exactly two models, or the margin is negative.
    """
    if len(comparison.columns) != 2:
        raise WorkbenchError("The gate compares one candidate with one base.", "Name exactly two.")
    if margin is not None and not 0 <= margin <= 100:
        raise WorkbenchError(f"A margin of {margin:g} points makes no sense.", "Give 0 to 100.")
    base, candidate = comparison.columns
    found = comparison.differences[figure][0]
    said = pairing.in_words(candidate.label, base.label, FIGURE_NAMES[figure], found)
    if margin is None:
        return Gate(found.standing == "worse", "chance", said)
    # Counts rather than shares: a loss of exactly the margin is not beyond it.
    lost = 100 * (found.pairs.broken - found.pairs.fixed)
    return Gate(lost > margin * found.pairs.n, "margin", f"{said} The margin is {margin:g} points.")


def rerun(store: Store, run_id: str, scenario_id: str) -> Run:
    """Let the model of an evaluation answer one of its scenarios again, as a run of its own.

    Raises:
        WorkbenchError: there is no such evaluation or scenario, or its model is gone.
    """
    run = run_actions.get_run(store, run_id)
    _refuse_unfinished(run)
    settings = starting.EvaluationSettings(**run.config["settings"])
    return starting.start_evaluation(store, run.model, run.snapshot, run.config["split"], settings, only=scenario_id)


def _refuse_unlike(chosen: Sequence[Run], least: int) -> None:
    if len(chosen) < least:
        raise WorkbenchError("A comparison needs at least two models.", "Choose one more.")
    for run in chosen:
        _refuse_unfinished(run)
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


def _refuse_unfinished(run: Run) -> None:
    if run.kind != "evaluate" or run.state != "done":
        reason = f"it is {run.state}" if run.kind == "evaluate" else "it is a training run"
        raise WorkbenchError(f"The run '{run.id}' is not a finished evaluation: {reason}.", "Evaluate it first.")


def _differences(store: Store, view: View, figure: Figure) -> tuple[Difference, ...]:
    others = [Pairs(**answer_store.pairs(store, view, run_id, figure)) for run_id in view.runs[1:]]
    return tuple(pairing.differences(others))


def _f1(store: Store, view: View, run: Run) -> Interval | None:
    import numpy as np

    kinds = answer_store.argument_counts(store, view, run.id)
    rows = np.array([[kind["matched"], kind["wanted"], kind["given"]] for kind in kinds]).reshape(-1, 3)
    if not rows.sum():
        return None
    low, high = pairing.f1_interval(rows, [kind["n"] for kind in kinds])
    return Interval(low, high)
