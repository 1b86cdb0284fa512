"""Kill workers and apps at random moments, and look whether any run was hurt.

    python benchmarks/kill_campaign.py [--kills 30] [--minutes 60] [--seed 0] [--keep DIR]

Trains a tiny random model again and again through a real app. Each kill is SIGKILL, of the worker or of the app, while
the worker loads or while it trains. After each: every metrics row that the app had shown is still there and the same,
every file of the run folder can be read, and the run goes on, is complete, or failed with a reason and can be resumed.
A run that was killed and resumed must end with the very curve of one that was left alone. Begins no further run after
``--minutes``. Prints JSON; exit status 1 when anything was found.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from safetensors import SafetensorError, safe_open

from tests.small_models import make_gemma
from tests.small_workspace import open_small
from workbench.actions.remote import AppFile, RemoteVerbs
from workbench.errors import WorkbenchError
from workbench.runfolder import RunFolder, read_rows
from workbench.runfolder.checkpoints import newest_checkpoint
from workbench.runfolder.status import read_process
from workbench.workspace import REPOSITORY, Workspace

PATIENCE_S = 300.0
SETTINGS = {"epochs": 60, "batch_size": 2, "rank": 4, "threads": 1, "precision": "fp32", "dropout": 0.1}
SETTINGS |= {"checkpoint_every": 7, "validate_every": 40, "max_seconds": 0, "learning_rate": 0.001, "choice_weight": 1}
CLOCK = ("time", "steps_per_second", "examples_per_second", "memory_mb")
BUSY = ("queued", "running", "stopping")
LOADING = ("", "starting", "loading", "preparing")
EARLY, LOADING_SECONDS = 0.4, 8.0
"""How often a kill comes while the worker loads, and how long that takes at most before it is hit."""
Rows = list[dict[str, Any]]


class Campaign:
    """One workspace, its app, and what went wrong."""

    def __init__(self, root: Path, seed: int, settings: dict[str, Any]) -> None:
        self.root, self.random, self.settings = root, random.Random(seed), settings
        self.workspace = Workspace(root)
        open_small(root).close()
        self.base = str(make_gemma(root / "tiny", layer_types=["full_attention"]))
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.reference: Rows = []
        self.app = self.start_app()

    @property
    def verbs(self) -> RemoteVerbs:
        found = AppFile.read(self.workspace)
        if found is None or found.pid != self.app.pid:
            raise WorkbenchError("the app does not answer yet")
        return RemoteVerbs(found.url, found.key)

    @property
    def kills(self) -> int:
        return self.counts["worker"] + self.counts["app"]

    def run(self, kills: int, seconds: float) -> dict[str, Any]:
        started = time.monotonic()
        self.reference = without_clock(self.finish(self.begin()))
        while self.kills < kills and time.monotonic() - started < seconds:
            self.torment(kills)
        found = {**self.counts, "kills": self.kills, "steps": len(self.reference)}
        return {**found, "seconds": round(time.monotonic() - started, 1), "faults": self.faults, "ok": not self.faults}

    def torment(self, kills: int) -> None:
        """One run, killed over and over and resumed, then left alone to the end."""
        run_id = self.begin()
        for _ in range(self.random.randint(1, 4)):
            if self.kills >= kills or not self.kill(run_id):
                break
        curve = without_clock(self.finish(run_id))
        if curve != self.reference:
            at = next((i for i, (a, b) in enumerate(zip(curve, self.reference, strict=False)) if a != b), len(curve))
            self.faults.append(f"{run_id}: its curve differs from line {at + 1} on")

    def kill(self, run_id: str) -> bool:
        """Kill somebody while the run is under way and check; False when it was complete already."""
        early = self.random.random() < EARLY
        if not self.wait(lambda: self.is_at_it(run_id, () if early else LOADING)):
            return False
        time.sleep(self.random.uniform(0, LOADING_SECONDS) if early else self.random.expovariate(1.0))
        shown, phase = self.verbs.metrics(run_id)["rows"], self.verbs.run(run_id)["progress"]["phase"]
        victim = self.random.choice(("worker", "app"))
        if victim == "worker" and not self.kill_worker(run_id):
            return False
        if victim == "app":
            self.app.kill()
            self.app.wait()
            self.app = self.start_app()
        self.counts[victim] += 1
        self.counts["while loading"] += phase in LOADING
        self.check(run_id, shown)
        return True

    def kill_worker(self, run_id: str) -> bool:
        process = read_process(self.folder(run_id))
        alive = process.find() if process else None
        if alive is None:
            return False
        alive.kill()
        self.wait(lambda: self.verbs.run(run_id)["state"] not in BUSY)
        return True

    def check(self, run_id: str, shown: Rows) -> None:
        """What the app had shown is there, nothing is broken, and the run has a future or a reason."""
        run, kept, folder = self.verbs.run(run_id), self.verbs.metrics(run_id)["rows"], self.folder(run_id)
        if kept[: len(shown)] != shown:
            self.faults.append(f"{run_id}: of {len(shown)} rows that were shown, some are lost or changed")
        written = read_rows(folder.metrics)
        if {} in written or written[: len(kept)] != kept:
            self.faults.append(f"{run_id}: store and metrics.jsonl differ")
        self.faults += [f"{run_id}: {fault}" for fault in broken_files(folder)]
        if run["state"] == "failed":
            self.counts["interrupted"] += 1
            if not run["message"] or not run["resumable"]:
                self.faults.append(f"{run_id}: failed without a reason, or cannot be resumed")

    def begin(self) -> str:
        self.counts["runs"] += 1
        run: dict[str, Any] = self.verbs.train("small", self.base, self.settings)
        return str(run["id"])

    def finish(self, run_id: str) -> Rows:
        """Resume as often as it takes; the metrics of the whole run."""
        self.wait(lambda: self.resumed(run_id)["state"] == "done")
        rows: Rows = self.verbs.metrics(run_id)["rows"]
        if rows != read_rows(self.folder(run_id).metrics):
            self.faults.append(f"{run_id}: store and metrics.jsonl differ at the end")
        return rows

    def resumed(self, run_id: str) -> dict[str, Any]:
        run = self.verbs.run(run_id)
        if run["state"] not in ("failed", "stopped"):
            return run
        self.counts["resumed"] += 1
        return self.verbs.resume(run_id)

    def is_at_it(self, run_id: str, but: Sequence[str]) -> bool:
        """Whether the run has a worker that is in no phase of ``but``; raises Complete when it is over."""
        run = self.resumed(run_id)
        if run["state"] == "done":
            raise Complete
        return bool(run["state"] == "running" and run.get("progress", {}).get("phase", "") not in but)

    def wait(self, condition: Callable[[], bool]) -> bool:
        """Ask until it is so; an app that starts just now is asked again. False when the run is complete."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if condition():
                    return True
            except Complete:
                return False
            except WorkbenchError as error:
                if "does not answer" not in error.message:
                    raise
            time.sleep(0.05)
        raise TimeoutError("the run does not get on; see " + str(self.root / "app.log"))

    def folder(self, run_id: str) -> RunFolder:
        return RunFolder(self.workspace.run_folder(run_id))

    def start_app(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "app.py", "--workspace", str(self.root), "--port", "0", "--no-browser"]
        with (self.root / "app.log").open("ab") as log:
            self.app = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
        self.wait(lambda: self.app.poll() is not None or self.verbs.is_there())
        if self.app.poll() is not None:
            raise SystemExit((self.root / "app.log").read_text("utf-8"))
        return self.app

    def close(self) -> None:
        """End the app, and the workers that a failed campaign left."""
        self.app.terminate()
        self.app.wait(30)
        for config in self.workspace.runs.glob("*/config.json"):
            process = read_process(RunFolder(config.parent))
            if process and (alive := process.find()):
                alive.kill()


class Complete(Exception):
    """There is nothing left to kill."""


def without_clock(rows: Rows) -> Rows:
    return [{name: value for name, value in row.items() if name not in CLOCK} for row in rows]


def broken_files(folder: RunFolder) -> list[str]:
    """Files under their final names that cannot be read."""
    broken = []
    for path in (folder.config, folder.status, folder.process):
        try:
            json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except ValueError:
            broken.append(f"{path.name} is broken")
    tensors = list(folder.adapter.glob("*.safetensors"))
    if place := newest_checkpoint(folder):
        tensors.append(place.folder / "tensors.safetensors")
    for path in tensors:
        try:
            with safe_open(path, "pt") as file:
                list(file.keys())
        except FileNotFoundError:
            continue  # a newer one took its place just now
        except SafetensorError:
            broken.append(f"{path.parent.name}/{path.name} is broken")
    if folder.adapter.is_dir() and not tensors:
        broken.append("adapter/ has no weights")
    return broken


def campaign(kills: int, seed: int, root: Path, seconds: float = 3600.0, **settings: Any) -> dict[str, Any]:
    """Run it in a folder; returns the figures that are printed."""
    one = Campaign(root, seed, {**SETTINGS, **settings})
    try:
        return one.run(kills, seconds)
    finally:
        one.close()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in this new folder, and leave it")
    arguments = parser.parse_args(argv)
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory(prefix="kill-campaign-", ignore_cleanup_errors=True) as temporary:
        root = arguments.keep or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        found = campaign(arguments.kills, arguments.seed, root, 60 * arguments.minutes)
    print(json.dumps(found))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
