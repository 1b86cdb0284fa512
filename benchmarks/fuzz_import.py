"""Damaged files must never bring an import down: ``python benchmarks/fuzz_import.py [n] [FILE…]``.

Damages the files (by default an export in every format) ``n`` times, 10,000 unless told, and reads each one. Every
rejected row must name its line, and nothing but a WorkbenchError may be raised. Every hundredth file is imported, too:
what comes in must be exactly what the report says, or nothing. The seed is printed; ``FUZZ_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench.actions import curate, import_files
from workbench.errors import Problem, WorkbenchError
from workbench.records import ExpectedCall, Outcome, Scenario, Tool, ToolCall, Toolset, Turn
from workbench.scenarios import importing
from workbench.scenarios.exporting import SUFFIXES, WRITERS, write
from workbench.store import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.workspace import Workspace

LOOK = Tool("look", "Look.", {"type": "object", "properties": {"n": {"type": "integer"}, "o": {"type": "object"}}})
DESK = Toolset("desk", (LOOK, Tool("go", "Go.", {"type": "object", "properties": {}})))
HISTORY = (
    Turn("user", "hé"),
    Turn("assistant", "", (ToolCall("look", {"n": 1}),)),
    Turn("tool", name="look", result=2),
)
SAMPLES = (
    Scenario("a", "desk", "look once", Outcome((ExpectedCall("look", {"n": 1}, {"n": (2, 3)}),)), os="linux"),
    Scenario("b", "desk", 'say "hi",\nplease', tags=("x", "y; z"), reasoning="why", mode="chat", shell="zsh"),
    Scenario(
        "c", "desk", "both", Outcome((ExpectedCall("go"), ExpectedCall("look", {"o": {"k": [1]}}))), history=HISTORY
    ),
)
TOKENS = (
    b"NaN",
    b'"',
    b"{",
    b"}",
    b"[" * 200,
    b"]",
    b",",
    b"\n",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\\ud800",
)
TOKENS += (
    b"null",
    b"9" * 5000,
    b"1e999",
    b'{"id":',
    b"# line 1: x\n",
    b"\t",
    b"'=",
    b"<think>",
    b"\xe9",
    b"\xe2\x80\xa8",
)


def samples(folder: Path) -> list[Path]:
    """One small file of every format."""
    paths = []
    for format in WRITERS:
        path = folder / f"{format}{SUFFIXES[format]}"
        path.write_text("".join(write(SAMPLES, DESK, format)), encoding="utf-8", newline="")
        paths.append(path)
    paths.append(folder / "utf16.jsonl")
    paths[-1].write_bytes(paths[0].read_text("utf-8").encode("utf-16"))
    return paths


def damaged(content: bytes, random: random.Random) -> bytes:
    """The content with one to four pieces cut out, doubled, swapped, changed or put in."""
    for _ in range(random.randint(1, 4)):
        start = random.randrange(len(content) + 1)
        end = min(len(content), start + random.choice((1, 1, 2, 8, 50, 400)))
        piece = content[start:end]
        put = random.choice((b"", b"", piece * 2, piece[::-1], random.randbytes(2), random.choice(TOKENS)))
        content = content[:start] + put + (content[end:] if random.random() < 0.9 else content[start:])
    return content[: random.randrange(len(content) + 1)] if random.random() < 0.1 else content


def read(path: Path) -> tuple[str, int]:
    """What became of the file and how many rows were rejected; AssertionError where a promise is broken."""
    try:
        format = importing.detect(path)
        if importing.kind_of(format) != "scenarios":
            return format, 0
        rows = list(importing.read_rows(importing.Source(path, "desk"), format))
    except WorkbenchError as error:
        assert error.message
        return "refused", 0
    problems = [problem for row in rows for problem in (*row.problems, row.item) if isinstance(problem, Problem)]
    assert all(problem.line >= 1 and problem.message for problem in problems), problems
    return format, sum(isinstance(row.item, Problem) for row in rows)


def take_in(store: Store, path: Path) -> None:
    """Import the file and take that back; AssertionError where something else came in than the report says."""
    before = curate.count(store, ScenarioFilter())
    try:
        report = import_files.import_file(store, path, "desk")
    except WorkbenchError:
        assert curate.count(store, ScenarioFilter()) == before
        return
    if report.kind == "scenarios":
        assert (
            curate.count(store, ScenarioFilter())
            == before + report.compared.new
            == before + report.good + report.drafts
        )
        assert all(problem.line >= 1 for problem in report.problems)
    if report.change:
        curate.undo(store)
    assert curate.count(store, ScenarioFilter()) == before


def fuzz(paths: list[Path], n: int, seed: int, folder: Path, store: Store | None) -> Iterator[tuple[str, int]]:
    """What became of each damaged file."""
    source = random.Random(seed)
    contents = [(path, path.read_bytes()) for path in paths]
    for i in range(n):
        path, content = contents[i % len(contents)]
        target = folder / f"damaged{path.suffix}"
        target.write_bytes(damaged(content, source))
        try:
            yield read(target)
            if store is not None and i % 100 == 0:
                take_in(store, target)
        except Exception:
            kept = Path(f"fuzz-failure-{seed}-{i}{path.suffix}").resolve()
            kept.write_bytes(target.read_bytes())
            print(f"seed {seed}, file {i} (from {path.name}), kept as {kept}", file=sys.stderr)
            raise


def main(n: int, given: list[Path]) -> None:
    seed = int(os.environ.get("FUZZ_SEED", time.time_ns() % 1_000_000))
    started = time.monotonic()
    with TemporaryDirectory(prefix="workbench-fuzz-") as name, Store.open(Workspace(Path(name))) as store:
        paths = given or samples(Path(name))
        found = list(fuzz(paths, n, seed, Path(name), store))
    rejected = sum(rows for _, rows in found)
    print(f"seed {seed}: {n:,} damaged files in {time.monotonic() - started:.0f} s, {rejected:,} rejected rows")
    for format, count in Counter(format for format, _ in found).most_common():
        print(f"  {format:15} {count:,}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, [Path(path) for path in sys.argv[2:]])
