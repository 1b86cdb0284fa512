"""How the command line says things: results on standard output, progress and errors on standard error.

Knows no verb: it is given records as the actions give them, and prints them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.actions.run_progress import POLL_SECONDS
from workbench.actions.verbs import Json
from workbench.cli.arguments import AnyVerbs
from workbench.errors import WorkbenchError
from workbench.evaluation.job import told
from workbench.records import FINISHED_STATES

LOG_SECONDS = 10.0
"""How often progress is written where standard error is a file."""


def tell(arguments: argparse.Namespace, data: Any, *lines: str) -> int:
    """Print the result as JSON or as text; returns exit status 0."""
    print(json.dumps(data, ensure_ascii=False) if arguments.json else "\n".join(lines))
    return 0


def fail(error: WorkbenchError, as_json: bool) -> None:
    """Print an error and its hint; as JSON on standard output, too, when that is asked for."""
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    if as_json:
        told = {"message": error.message, "hint": error.hint, "type": "workbench_error"}
        print(json.dumps({"error": told}, ensure_ascii=False))


def write(path: Path | None, pieces: Iterable[bytes]) -> None:
    """Write to the file, or to standard output when there is none. Raises WorkbenchError when that is not possible."""
    if path is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    # The first piece before the file: what cannot be exported must not empty a file that is there.
    source = iter(pieces)
    first = next(source, b"")
    try:
        with path.open("wb") as file:
            file.write(first)
            file.writelines(source)
    except OSError as error:
        raise WorkbenchError(f"Cannot write {path}: {error.strerror}.", "Choose another place.") from error


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table with aligned columns."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def percent(rate: Mapping[str, Any]) -> str:
    """A rate from 0 to 1 with its interval."""
    if rate["value"] is None:
        return "–"
    return f"{rate['value']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"


def run_lines(runs: Sequence[Json]) -> list[str]:
    """Lines of a table of runs."""
    rows = []
    for run in runs:
        summary = run["summary"]
        exact = percent(summary["exact_calls"]) if "exact_calls" in summary else ""
        cost = f"cost {summary['cost']:g}" if summary.get("cost") else ""
        said = told(summary) if exact else run["message"].partition("\n")[0]
        note = "; ".join(filter(None, (exact, said, cost, _foretold(run.get("foretold", {})))))
        rows.append([run["id"], run["kind"], run["state"], run["name"] or run["model"], note])
    return table_lines(["run", "kind", "state", "name", "result"], rows) if rows else ["There are no runs yet."]


def _foretold(found: Mapping[str, Mapping[str, float]]) -> str:
    """How far off the pre-flight of a run was."""
    units = {"seconds": "s", "memory_mb": "MB"}
    parts = [f"{one['really']:,.0f} {units[name]} ({one['off']:+.0%})" for name, one in found.items()]
    return f"took {', '.join(parts)} against the pre-flight" if parts else ""


def proposal_lines(proposal: Mapping[str, Any]) -> list[str]:
    """What is said of a model that could be served instead of the one that is."""
    head = f"{proposal['model']} could be served instead of {proposal['served']}"
    advice = {True: "It is not worse: 'served --swap' takes it.", False: "It does not pass the rule 'not worse'."}
    rest = [advice[proposal["not_worse"]]] if proposal["state"] == "ready" else []
    return [head, f"  {proposal['reason']}", *(f"  {line}" for line in rest)]


def wait(verbs: AnyVerbs, run_ids: Iterable[str]) -> list[Json]:
    """Follow runs one after the other until they have finished. Raises WorkbenchError when one failed."""
    finished = []
    for run_id in run_ids:
        with progress_bar() as show:
            while (run := verbs.run(run_id))["state"] not in FINISHED_STATES:
                show(f"{run['kind']} {run['name'] or run['model']}", run["progress"])
                time.sleep(POLL_SECONDS)
            show(f"{run['kind']} {run['name'] or run['model']}", run["progress"])
        if run["state"] == "failed":
            raise WorkbenchError(f"The run {run_id} failed: {run['message']}", f"'runs {run_id} --log' shows its log.")
        finished.append(run)
    return finished


@contextmanager
def progress_bar() -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """A progress bar on standard error: call it with a title and a run's progress."""
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
    interval = 0.1 if sys.stderr.isatty() else LOG_SECONDS
    with tqdm(total=1.0, file=sys.stderr, bar_format=form, miniters=0, mininterval=interval) as bar:

        def show(title: str, progress: Mapping[str, Any]) -> None:
            bar.set_description_str(f"{title}: {progress['phase']}".rstrip(": "), refresh=False)
            figures = {name: progress["figures"].get(name) for name in ("loss", "validation_exact", "per_second")}
            bar.set_postfix({k: f"{v:.3g}" for k, v in figures.items() if v is not None}, refresh=False)
            bar.update(progress["fraction"] - bar.n)

        yield show


@contextmanager
def file_bar() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on standard error that appears only when a file takes its time."""
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}"
    with tqdm(total=1.0, file=sys.stderr, bar_format=form, delay=2.0, leave=False) as bar:

        def show(name: str, share: float) -> None:
            bar.set_description_str(name, refresh=False)
            bar.update(share - bar.n)

        yield show
