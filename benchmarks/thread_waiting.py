"""What it costs a training step how threads wait for each other, on a quiet machine and beside a busy program.

    python benchmarks/thread_waiting.py [--steps 30] [--json]

Trains the starter on shipped scenarios, each way in a process of its own: by one thread; by all threads, of which those
that wait sleep, or look on, awake; awake with ``training.pace``, as training runs have it. "Busy" has another program
that takes one core. Seconds a step, and how many times as fast as one thread on the quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

WAYS = ("one thread", "asleep", "awake", "paced")
WARM_UP = 4
SCENARIOS = 1000
BUSY = "while True: pass"


def measure(way: str, steps: int) -> float:
    """Seconds a step in this process, whose environment says how its threads wait."""
    import torch

    from workbench.actions.content import shipped_scenarios, shipped_toolset
    from workbench.dialects import get_dialect
    from workbench.inference.engine import load_base
    from workbench.training.examples import make_examples
    from workbench.training.lora import Trainee
    from workbench.training.pace import Pace
    from workbench.training.packing import make_batches
    from workbench.training.settings import default_settings
    from workbench.workspace import STARTER

    torch.set_num_threads(1 if way == "one thread" else os.cpu_count() or 1)
    settings = replace(default_settings("starter"), device="cpu")
    trainee = Trainee(*load_base(str(STARTER)), settings)
    shown = [s for s in shipped_scenarios("desktop") if s.split == "train"][:SCENARIOS]
    dialect, tokenizer = get_dialect(trainee.loaded.dialect), trainee.loaded.tokenizer
    examples = make_examples(shown, shipped_toolset("desktop"), dialect, tokenizer, settings.choice_weight)
    batches = make_batches(examples, settings.batch_size, random.Random(0))
    pace = Pace(torch.get_num_threads() if way == "paced" else 1, torch.set_num_threads)
    took = []
    for at in range(WARM_UP + steps):
        started = time.perf_counter()
        trainee.step([batches[at % len(batches)]], settings.learning_rate)
        took.append(time.perf_counter() - started)
        pace.note(took[-1])
    return mean(took[WARM_UP:])


def measured(way: str, busy: bool, steps: int) -> dict[str, Any]:
    """The same in a process of its own, beside another program or not."""
    from workbench.training.pace import wait_awake

    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    if way in ("awake", "paced"):
        wait_awake(environment)
    other = subprocess.Popen([sys.executable, "-c", BUSY]) if busy else None
    try:
        command = [sys.executable, __file__, "--steps", str(steps), "--way", way]
        said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    finally:
        if other:
            other.kill()
            other.wait()
    return {"way": way, "busy": busy, "seconds": float(said.splitlines()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--way", choices=WAYS, help="measure this one only, in this process")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.way:
        print(measure(given.way, given.steps))
        return
    rows = [measured(way, busy, given.steps) for busy in (False, True) for way in WAYS]
    for row in rows:
        row["times_as_fast"] = round(rows[0]["seconds"] / row["seconds"], 2)
    if given.json:
        print(json.dumps({"command": sys.argv, "cores": os.cpu_count(), "rows": rows}))
        return
    print("| threads | other program | seconds a step | times as fast |\n|---|---|---|---|")
    for row in rows:
        other = "busy" if row["busy"] else ""
        print(f"| {row['way']} | {other} | {row['seconds']:.2f} | {row['times_as_fast']:.2f} |")


if __name__ == "__main__":
    main()
