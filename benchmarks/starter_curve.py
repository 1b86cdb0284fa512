"""How many training scenarios does the starter need? Accuracy against their number, as JSON and as a small plot.

    python benchmarks/starter_curve.py --out DIR [--base FOLDER] [--dataset desktop] [--sizes 25 50 100 200 400 0]

Each size trains on a part of the train split that holds the smaller parts, with every tool in it as often as its share
asks; 0 stands for all of it. ``DIR/curve.json`` has the figures, ``DIR/curve.svg`` the plot. Figures are of the
validation split unless ``--split test`` says otherwise; only the card of weights that passed the gate needs that.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import random
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.starter_bars import DATASETS, Trial, averaged, measure
from workbench.actions.content import shipped_scenarios
from workbench.actions.models import STARTER_ID
from workbench.records import Scenario

SIZES = (25, 50, 100, 200, 400, 0)
SERIES = {"tool_accuracy": ("right tool", "#2a78c8"), "exact_calls": ("exact call", "#c8642a")}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 300, 52, 96, 16, 44


def nested_order(scenarios: Sequence[Scenario], seed: int) -> list[str]:
    """Ids of the train split, such that any first part has each outcome label about as often as the whole has."""
    labels: dict[str, list[str]] = {}
    for scenario in scenarios:
        if scenario.split == "train":
            labels.setdefault(scenario.outcome.label, []).append(scenario.id)
    rng, placed = random.Random(seed), []
    for label in sorted(labels):
        ids = labels[label]
        rng.shuffle(ids)
        offset = rng.random()
        placed += [((at + offset) / len(ids), label, name) for at, name in enumerate(ids)]
    return [name for _, _, name in sorted(placed)]


def curve(trial: Trial, sizes: Sequence[int], seed: int = 0) -> list[dict[str, Any]]:
    """One point a size: ``scenarios``, and the rows of ``starter_bars.measure``."""
    order = nested_order(shipped_scenarios(trial.dataset), seed)
    points = []
    for size in sorted({min(size, len(order)) if size else len(order) for size in sizes}):
        part = dataclasses.replace(trial, keep=partial(_is_kept, frozenset(order[:size])))
        points.append({"scenarios": size, "rows": measure(part, with_base=False)})
    return points


def _is_kept(chosen: frozenset[str], scenario: Scenario) -> bool:
    return scenario.split != "train" or scenario.id in chosen


def as_svg(points: Sequence[Mapping[str, Any]], title: str) -> str:
    """A plot of the rates over the number of scenarios (logarithmic), a dot a seed; readable on dark pages too."""
    sizes = [point["scenarios"] for point in points]
    low, high = math.log2(min(sizes)), math.log2(max(sizes))

    def x(size: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((math.log2(size) - low) / (high - low) if high > low else 0.5)

    def y(rate: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rate

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label={quoteattr(title)} font-family="sans-serif" font-size="12" fill="#777">'
    ]
    for tenth in range(0, 11, 2):
        at = y(tenth / 10)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#8884"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tenth * 10}%</text>')
    for size in sizes:
        parts.append(f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{size}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">training scenarios</text>')
    for rate, (name, colour) in SERIES.items():
        means = [(x(point["scenarios"]), y(averaged(point["rows"], rate))) for point in points]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in means)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in points:
            for row in point["rows"]:
                value = row[rate]["value"] or 0.0
                dot = f'<circle cx="{x(point["scenarios"]):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>'
                parts.append(dot)
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{means[-1][1] + 4:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", default=STARTER_ID, help="starter, or a folder with another candidate")
    parser.add_argument("--dataset", choices=DATASETS, default=DATASETS[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of scenarios; 0: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="LoRA seeds a size")
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--set", default="{}", help="settings that differ from the preset's, as JSON")
    given = parser.parse_args()
    trial = Trial(given.base, given.dataset, given.split, given.seeds, json.loads(given.set))
    points = curve(trial, given.sizes)
    given.out.mkdir(parents=True, exist_ok=True)
    title = f"Starter on {given.dataset} ({given.split}): accuracy against number of training scenarios"
    (given.out / "curve.json").write_text(json.dumps({"title": title, "points": points}, indent=1) + "\n", "utf-8")
    (given.out / "curve.svg").write_text(as_svg(points, title), "utf-8")


if __name__ == "__main__":
    main()
