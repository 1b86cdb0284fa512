"""What LoRA makes of the starter on the shipped dataset: base and tuned on the test split, several seeds.

    python benchmarks/starter_bars.py [--base FOLDER] [--seeds 0 1 2] [--split test] [--json]

Each figure comes with its 95% Wilson interval; the last row pools the seeds' test scenarios for the rates alone (the
scenarios are the same, so its interval would be too narrow and is left out). ``--split validation`` is for choosing
settings: the test split is not.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench.actions import curate, runs
from workbench.actions.content import open_workspace
from workbench.actions.models import RUN_PREFIX, STARTER_ID
from workbench.records import Run, Split
from workbench.store.database import Store
from workbench.training.settings import default_settings

RATES = ("tool_accuracy", "exact_calls", "no_tool_precision", "no_tool_recall")


def measure(base: str, seeds: list[int], split: Split, overrides: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for the base, one a seed."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, open_workspace(Path(folder)) as store:
        snapshot = runs.make_snapshot(store, curate.default_toolset(store))
        rows = [{"model": "base", **evaluate(store, base, snapshot, split)}]
        for seed in seeds:
            settings = dataclasses.replace(default_settings(STARTER_ID), seed=seed, **overrides)
            started = runs.start_training(store, curate.default_toolset(store), base, settings, snapshot)
            trained = finish(store, started)
            figures = evaluate(store, RUN_PREFIX + trained.id, snapshot, split)
            rows.append({"model": f"LoRA, seed {seed}", **figures, "train_seconds": trained.summary["train_seconds"]})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def evaluate(store: Store, model: str, snapshot: str, split: Split) -> dict[str, Any]:
    summary = finish(store, runs.start_evaluation(store, model, snapshot, split)).summary
    return {"n": summary["n"], **{name: summary[name] for name in RATES}}


def finish(store: Store, run: Run) -> Run:
    ended = runs.wait(store, run.id)
    if ended.state != "done":
        sys.exit(f"{run.id}: {ended.message}\n{runs.log_tail(store, run.id)}")
    return ended


def as_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| model | right tool | exact call | NO_TOOL precision | NO_TOOL recall | training |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [f"{row[name]['value'] or 0:.0%} ({row[name]['low']:.0%} to {row[name]['high']:.0%})" for name in RATES]
        lines.append(f"| {row['model']} | {' | '.join(cells)} | {row.get('train_seconds', 0):.0f} s |")
    tuned = rows[1:]
    means = [f"{mean(row[name]['value'] or 0 for row in tuned):.0%}" for name in RATES]
    lines.append(f"| mean | {' | '.join(means)} | {mean(row['train_seconds'] for row in tuned):.0f} s |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=STARTER_ID, help="starter, or a folder with another candidate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--set", default="{}", help="settings that differ from the starter's, as JSON")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments.base, arguments.seeds, arguments.split, json.loads(arguments.set))
    print(
        json.dumps({"command": sys.argv, "machine": platform.processor(), "rows": rows})
        if arguments.json
        else as_table(rows)
    )


if __name__ == "__main__":
    main()
