"""Seconds and peak memory of an import of a million lines: ``python benchmarks/import_1m.py [n]``."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench.actions import import_files
from workbench.actions.intake import Wishes
from workbench.records import Tool, Toolset
from workbench.store import Store, toolsets
from workbench.workspace import Workspace

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}, "count": {"type": "integer"}}}
DESK = Toolset("desk", tuple(Tool(f"tool_{i}", "A tool.", SCHEMA) for i in range(15)))


def main(n: int) -> None:
    shown = [0.0]

    def progress(share: float) -> None:
        if share - shown[0] >= 0.1:
            shown[0] = share
            print(f"  {share:.0%} after {time.monotonic() - started:.0f} s, {peak_mb():.0f} MB", flush=True)

    with TemporaryDirectory(prefix="workbench-import-") as name, Store.open(Workspace(Path(name))) as store:
        toolsets.save_toolset(store, DESK, "benchmark")
        path = Path(name) / "rows.jsonl"
        with path.open("w") as file:
            for i in range(n):
                call = {"name": f"tool_{i % 15}", "arguments": {"path": f"/tmp/{i}", "count": i}}
                row = {"id": f"row-{i}", "toolset": "desk", "request": f"please look at {i}", "expected": [call]}
                file.write(json.dumps(row) + "\n")
        print(f"{n:,} lines, {path.stat().st_size >> 20} MB; {peak_mb():.0f} MB of memory before", flush=True)
        started = time.monotonic()
        report = import_files.import_file(store, path, wishes=Wishes(progress=progress))
        assert (report.good, report.compared.new) == (n, n)
        print(f"imported in {time.monotonic() - started:.0f} s, peak {peak_mb():.0f} MB")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
