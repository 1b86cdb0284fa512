"""Seconds that the Compare page needs for 5 models and 10,000 scenarios: ``python benchmarks/compare_10k.py [n]``.

Synthetic answers in a temporary workspace. ``--json`` prints the seconds by name; the command fails when something that
a click asks for takes longer than a second.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench.actions import answers, comparing, figures, publishing
from workbench.evaluation.statistics import SLICES
from workbench.records import ExpectedCall, Outcome, Parsed, Reply, Run, Scenario, Tool, ToolCall, Toolset
from workbench.scenarios.scoring import score
from workbench.store import Store, runs, scenarios, snapshots, toolsets
from workbench.store.answers import AnswerFilter
from workbench.workspace import Workspace

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}, "count": {"type": "integer"}}}
DESK = Toolset("desk", tuple(Tool(f"tool_{i}", "A tool.", SCHEMA) for i in range(15)))
MODELS, CLICK_SECONDS = 5, 1.0


def scenario(i: int) -> Scenario:
    call = ExpectedCall(f"tool_{i % 15}", {"path": f"/tmp/{i}", "count": i})
    os, mode, tags = ("linux", "macos", "windows")[i % 3], ("act", "chat")[i % 2], (f"tag{i % 20}",)
    outcome = Outcome() if i % 7 == 0 else Outcome((call,))
    return Scenario(
        f"s{i:07d}", "desk", f"request number {i}", outcome, os, "", mode, tags, status="approved", split="test"
    )


def reply(case: Scenario, chance: random.Random, skill: float) -> Reply:
    calls = tuple(call.call for call in case.outcome.calls)
    lot = chance.random()
    if lot > skill:
        name, count = f"tool_{chance.randrange(15)}", chance.randrange(9)
        calls = (ToolCall(name, {"path": "/tmp/0", "count": count}),) if lot < 0.95 else ()
    parsed = Parsed("calls", calls) if calls else Parsed("text", text="NO_TOOL")
    if lot > 0.99:
        parsed = Parsed("malformed", reason="cut off")
    return Reply(case.id, "raw " * 20, parsed, 5 + 100 * chance.random() ** 3, 500, 20, chance.random())


def fill(store: Store, n: int) -> list[str]:
    """A snapshot of n test scenarios and five evaluations of it; returns their ids."""
    toolsets.save_toolset(store, DESK, "bench")
    scenarios.save(store, [scenario(i) for i in range(n)], "import", "bench")
    snapshot = snapshots.create(store, "desk")
    cases = snapshots.load(store, snapshot).split("test")
    ids = []
    for k in range(MODELS):
        chance = random.Random(k)
        run = Run(f"evaluate-{k}", "evaluate", "done", snapshot, f"model {k}", {"split": "test"}, f"2026-01-0{k + 1}")
        given = [reply(case, chance, 0.5 + 0.08 * k) for case in cases]
        runs.add(store, run)
        marks = [score(case.id, case.outcome, one.parsed, DESK) for case, one in zip(cases, given, strict=True)]
        runs.put_replies(store, run.id, given, marks)
        ids.append(run.id)
    return ids


def measure(store: Store, ids: list[str]) -> dict[str, float]:
    seconds: dict[str, float] = {}

    @contextmanager
    def clock(name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds[name] = round(time.perf_counter() - start, 3)

    with clock("first look, once"):
        comparing.compare(store, ids)
    with clock("headline, differences, intervals"):
        found = comparing.compare(store, ids)
    with clock("at another threshold"):
        comparing.compare(store, ids, 40)
    for by in SLICES:
        with clock(f"slices by {by}"):
            figures.slices(store, found, by)
    with clock("confusion"):
        cells = figures.confusion(store, found, ids[0]).counts
    with clock("curves"):
        for run_id in ids:
            figures.curve(store, run_id)
    with clock("latencies"):
        figures.latencies(store, found)
    expected, got = next(cell for cell in cells if cell[0] != cell[1])
    for name, filter in (
        ("page", AnswerFilter()),
        ("differing page", AnswerFilter(differing=True)),
        ("fixed page", AnswerFilter(bucket="fixed", base=ids[0], candidate=ids[4])),
        ("cell page", AnswerFilter(of=ids[0], expected=expected, got=got)),
        ("search page", AnswerFilter(text="number 77")),
    ):
        with clock(name):
            lineup = comparing.line_up(store, ids)
            answers.page(store, lineup, filter)
            answers.found(store, lineup, filter)
    with clock("last page"):
        answers.page(store, found, offset=found.n - 25)
    with clock("report, once"):
        sum(len(piece) for piece in publishing.export_comparison(store, found, "html"))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("n", type=int, nargs="?", default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder, Store.open(Workspace(Path(folder))) as store:
        seconds = measure(store, fill(store, arguments.n))
    lines = (f"{name:36s}{value:8.3f} s" for name, value in seconds.items())
    print(
        json.dumps({"models": MODELS, "scenarios": arguments.n, "seconds": seconds})
        if arguments.json
        else "\n".join(lines)
    )
    slow = [name for name, value in seconds.items() if value > CLICK_SECONDS and not name.endswith("once")]
    if slow:
        sys.exit(f"Slower than {CLICK_SECONDS:g} s: {', '.join(slow)}.")


if __name__ == "__main__":
    main()
