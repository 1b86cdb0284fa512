"""Seconds that the store and the importers need at 100,000 scenarios: ``python benchmarks/store_100k.py [n]``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench.records import ExpectedCall, Outcome, Scenario, Tool, Toolset
from workbench.scenarios.exporting import write
from workbench.scenarios.importing import read
from workbench.store import Store, changes, scenarios, snapshots, toolsets
from workbench.store.scenarios import ScenarioFilter
from workbench.workspace import Workspace

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}, "count": {"type": "integer"}}}
DESK = Toolset("desk", tuple(Tool(f"tool_{i}", "A tool.", SCHEMA) for i in range(15)))
WORDS = "please show find stop my the big old log file disk note song cloud network".split()


def scenario(i: int) -> Scenario:
    words = " ".join(WORDS[i // 15**k % 15] for k in range(5))
    call = ExpectedCall(f"tool_{i % 15}", {"path": f"/tmp/{i}", "count": i})
    outcome = Outcome() if i % 7 == 0 else Outcome((call,))
    return Scenario(f"s{i:07d}", "desk", words, outcome, "linux", mode="act", tags=("bench",), status="approved")


@contextmanager
def clock(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{what:34s}{time.perf_counter() - start:8.3f} s")


def main(n: int) -> None:
    rows = [scenario(i) for i in range(n)]
    with TemporaryDirectory() as folder, Store.open(Workspace(Path(folder))) as store:
        toolsets.save_toolset(store, DESK, "bench")
        with clock("save"):
            scenarios.save(store, rows, "import", "bench")
        with clock("save again, nothing changed"):
            scenarios.save(store, rows, "import", "bench")
        with clock("save, all changed"):
            scenarios.save(store, [replace(row, shell="zsh") for row in rows], "edit", "bench")
        with clock("save one"):
            scenarios.save(store, [replace(rows[0], shell="fish")], "edit", "bench")
        for offset in (0, n // 2, n - 50):
            with clock(f"page at {offset}"):
                scenarios.find(store, offset=offset, limit=50)
        with clock("filtered page"):
            scenarios.find(store, ScenarioFilter("desk", "LOG file", "tool_3", tag="bench"))
        with clock("coverage"):
            scenarios.coverage(store, "desk")
        with clock("snapshot"):
            name = snapshots.create(store, "desk")
        with clock("load the snapshot"):
            snapshots.load(store, name)
        with clock("undo one"):
            changes.undo(store, "bench")
        with clock("undo all"):
            changes.undo(store, "bench")
        for format in ("jsonl", "csv", "chat"):
            path = Path(folder) / f"out.{format}"
            some = rows if format != "chat" else rows[: n // 10]
            with clock(f"export {len(some)} {format}"), path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(write(some, DESK, format))
            with clock(f"import and check {len(some)} {format}"):
                assert sum(1 for _ in read(path, format=format, toolset_of={"desk": DESK}.get)) == len(some)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
