"""What LoRA makes of the starter on a shipped dataset: base and tuned on one split, several seeds.

    python benchmarks/starter_bars.py [--base FOLDER] [--dataset vetdesk] [--seeds 0 1 2] [--split test] [--json]

Each figure comes with its 95% Wilson interval; the last row is the mean over the seeds (their scenarios are the same,
so a pooled interval would be too narrow and is left out). The validation split is for choosing settings, the test split
is not: candidates are scored on it by ``starter_gate.py``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench import workspace
from workbench.actions import run_progress, runs, starting
from workbench.actions.content import add_shipped
from workbench.actions.models import RUN_PREFIX, STARTER_ID
from workbench.records import Run, Scenario, Split
from workbench.store import snapshots
from workbench.store.database import Store
from workbench.training.settings import TrainSettings, preset_settings

DATASETS = ("desktop", "vetdesk")
RATES = ("tool_accuracy", "exact_calls", "no_tool_precision", "no_tool_recall")
PRESET = "balanced"


@dataclasses.dataclass(frozen=True)
class Trial:
    """What is tried on what.

    Attributes:
        base: a base model: ``starter`` or a folder.
        keep: which of the dataset's scenarios there are.
        overrides: settings that differ from those of the preset.
    """

    base: str = STARTER_ID
    dataset: str = DATASETS[0]
    split: Split = "test"
    seeds: Sequence[int] = (0, 1, 2)
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    keep: Callable[[Scenario], bool] = lambda scenario: True


def measure(trial: Trial, with_base: bool = True) -> list[dict[str, Any]]:
    """One row for the base, one a seed: ``model``, ``n``, the rates with their intervals, ``train_seconds``."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = Store.open(workspace.Workspace(Path(folder)).prepare())
        try:
            add_shipped(store, trial.dataset, trial.keep)
            return list(_rows(store, trial, with_base))
        finally:
            store.close()


def _rows(store: Store, trial: Trial, with_base: bool) -> list[dict[str, Any]]:
    snapshot = runs.make_snapshot(store, trial.dataset)
    rows = [{"model": "base", **evaluate(store, trial.base, snapshot, trial.split)}] if with_base else []
    for seed in trial.seeds:
        settings = dataclasses.replace(_settings(store, snapshot), seed=seed, **trial.overrides)
        trained = finish(store, starting.start_training(store, trial.dataset, trial.base, settings, snapshot))
        figures = evaluate(store, RUN_PREFIX + trained.id, snapshot, trial.split)
        rows.append({"model": f"LoRA, seed {seed}", **figures, "train_seconds": trained.summary["train_seconds"]})
        print(json.dumps({"dataset": trial.dataset, **rows[-1]}), file=sys.stderr, flush=True)
    return rows


def _settings(store: Store, snapshot: str) -> TrainSettings:
    return preset_settings(PRESET, STARTER_ID, len(snapshots.load(store, snapshot).split("train")))


def evaluate(store: Store, model: str, snapshot: str, split: Split) -> dict[str, Any]:
    summary = finish(store, starting.start_evaluation(store, model, snapshot, split)).summary
    return {"n": summary["n"], **{name: summary[name] for name in RATES}}


def finish(store: Store, run: Run) -> Run:
    ended = run_progress.wait(store, run.id)
    if ended.state != "done":
        sys.exit(f"{run.id}: {ended.message}\n{run_progress.log_tail(store, run.id)}")
    return ended


def as_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| model | right tool | exact call | NO_TOOL precision | NO_TOOL recall | training |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [f"{row[name]['value'] or 0:.0%} ({row[name]['low']:.0%} to {row[name]['high']:.0%})" for name in RATES]
        took = f"{row['train_seconds']:.0f} s" if "train_seconds" in row else ""
        lines.append(f"| {row['model']} | {' | '.join(cells)} | {took} |")
    if tuned := [row for row in rows if "train_seconds" in row]:
        means = [f"{averaged(tuned, name):.0%}" for name in RATES]
        lines.append(f"| mean | {' | '.join(means)} | {mean(row['train_seconds'] for row in tuned):.0f} s |")
    return "\n".join(lines)


def averaged(rows: Sequence[Mapping[str, Any]], rate: str) -> float:
    """Mean of a rate over rows; a rate without cases counts as 0."""
    return mean(row[rate]["value"] or 0.0 for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=STARTER_ID, help="starter, or a folder with another candidate")
    parser.add_argument("--dataset", choices=DATASETS, default=DATASETS[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--set", default="{}", help="settings that differ from the preset's, as JSON")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = measure(Trial(given.base, given.dataset, given.split, given.seeds, json.loads(given.set)))
    if given.json:
        print(json.dumps({"command": sys.argv, "machine": platform.processor(), "rows": rows}))
    else:
        print(as_table(rows))


if __name__ == "__main__":
    main()
