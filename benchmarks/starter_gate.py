"""The gate for new starter weights: two test splits, the base alone and three LoRA seeds, each candidate scored once.

    python benchmarks/starter_gate.py FOLDER --out DIR [--again REASON]

``DIR/ledger.jsonl`` gets a line when a candidate's scoring begins and one when it ends, under the fingerprint of its
files. A candidate that stands there is not scored again without a reason, which the ledger keeps: whoever scores
until the figures please has tuned to the test. ``DIR/<fingerprint>.md`` has the tables and the verdict, ``.json`` the
figures.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.starter_bars import DATASETS, Trial, as_table, averaged, measure
from workbench.actions.models import STARTER_ID, fingerprint
from workbench.records import Model
from workbench.workspace import STARTER

GOALS = {"tool_accuracy": 0.95, "exact_calls": 0.85, "no_tool_precision": 0.9, "no_tool_recall": 0.9}
"""Lowest mean over the seeds that passes."""
MOST_BASE_EXACT, MOST_SECONDS, MOST_MEGABYTES = 0.6, 180.0, 20.0
"""A base that needs no tuning shows no loop; a slow or large one is no starter."""

Results = Mapping[str, list[dict[str, Any]]]
"""Rows of ``starter_bars.measure`` by dataset: the base first, then one a seed."""


class RefusedError(Exception):
    """The candidate was scored before, or is none."""


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Which candidates were scored, when and why; lines are only ever added."""

    path: Path

    def entries(self, candidate: str) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        lines = map(json.loads, self.path.read_text("utf-8").splitlines())
        return [entry for entry in lines if entry["fingerprint"] == candidate]

    def begin(self, candidate: str, folder: Path, again: str) -> None:
        """Note that a scoring begins. Raises RefusedError when there was one already and no reason for another."""
        before = self.entries(candidate)
        if before and not again.strip():
            last = before[-1]
            raise RefusedError(
                f"{candidate} was scored before ({last['event']} {last['at']}). "
                f"Read {self.path.parent / candidate}.md, or say with --again why these files must be scored once more."
            )
        self.add(candidate, "begun", folder=str(folder), again=again.strip())

    def add(self, candidate: str, event: str, **more: Any) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"fingerprint": candidate, "event": event, "at": at, **more}) + "\n")
            file.flush()
            os.fsync(file.fileno())


def checks(results: Results, megabytes: float) -> list[tuple[str, bool]]:
    """What must hold, in words with the measured figure, and whether it does."""
    found = [(f"weights take {megabytes:.1f} MB, at most {MOST_MEGABYTES:.0f}", megabytes <= MOST_MEGABYTES)]
    for dataset, rows in results.items():
        base, tuned = averaged(rows[:1], "exact_calls"), rows[1:]
        found.append(
            (f"{dataset}: base alone {base:.0%} exact, at most {MOST_BASE_EXACT:.0%}", base <= MOST_BASE_EXACT)
        )
        for rate, least in GOALS.items():
            value = averaged(tuned, rate)
            found.append((f"{dataset}: {rate.replace('_', ' ')} {value:.1%}, at least {least:.0%}", value >= least))
        slowest = max(row["train_seconds"] for row in tuned)
        found.append(
            (f"{dataset}: slowest training {slowest:.0f} s, at most {MOST_SECONDS:.0f}", slowest <= MOST_SECONDS)
        )
    return found


def as_report(candidate: str, results: Results, found: Sequence[tuple[str, bool]]) -> str:
    passed = sum(holds for _, holds in found)
    lines = [f"# Gate for {candidate}", "", f"{passed} of {len(found)} goals reached."]
    for dataset, rows in results.items():
        lines += ["", f"## {dataset}, test split (n = {rows[0]['n']}), 95% Wilson intervals", "", as_table(rows)]
    lines += ["", "## Goals", "", *(f"- {'reached' if holds else '**missed**'}: {goal}" for goal, holds in found)]
    return "\n".join(lines) + "\n"


def gate(folder: Path, out: Path, again: str, trial: Trial, datasets: Sequence[str] = DATASETS) -> bool:
    """Score a candidate and write ledger, report and figures into ``out``. Returns whether all goals are reached.

    Raises:
        RefusedError: there are no weights, or they were scored before and ``again`` gives no reason.
    """
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise RefusedError(f"{folder} has no model.safetensors.")
    candidate = fingerprint(Model("candidate", "candidate", str(folder)))
    ledger = Ledger(out / "ledger.jsonl")
    ledger.begin(candidate, folder, again)
    base = STARTER_ID if folder.resolve() == STARTER.resolve() else str(folder.resolve())
    results = {name: measure(dataclasses.replace(trial, base=base, dataset=name)) for name in datasets}
    found = checks(results, weights.stat().st_size / 1e6)
    body = {"fingerprint": candidate, "machine": platform.processor(), "cores": os.cpu_count(), "rows": results,
            "goals": [{"goal": goal, "reached": holds} for goal, holds in found]}  # fmt: skip
    (out / f"{candidate}.json").write_text(json.dumps(body, indent=1) + "\n", "utf-8")
    (out / f"{candidate}.md").write_text(as_report(candidate, results, found), "utf-8")
    ledger.add(candidate, "scored", reached=sum(holds for _, holds in found), goals=len(found))
    return all(holds for _, holds in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the candidate: weights, config, tokenizer")
    parser.add_argument("--out", type=Path, required=True, help="folder of the ledger and the reports")
    parser.add_argument("--again", default="", metavar="REASON", help="why a candidate is scored once more")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    try:
        passed = gate(given.folder, given.out, given.again, Trial(seeds=given.seeds))
    except RefusedError as refused:
        sys.exit(str(refused))
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
