"""The command line: ``python -m workbench VERB … [--workspace DIR] [--json]``.

Results on standard output, progress and errors on standard error. Exit status 0 when all went well, 1 with a message
and a hint when it did not, 2 for a wrong command line, 130 when interrupted. While an app holds the workspace, the
verbs go through it (see ``actions.remote``). Decides nothing and loads no torch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.actions import comparing, demo, transfer
from workbench.actions.models import STARTER_ID
from workbench.actions.remote import RemoteVerbs, reach
from workbench.actions.runs import POLL_SECONDS, Progress
from workbench.actions.verbs import Json, Verbs
from workbench.errors import WorkbenchError
from workbench.records import FINISHED_STATES, SPLITS, STATUSES
from workbench.store.scenarios import ScenarioFilter
from workbench.training.settings import TrainSettings
from workbench.workspace import REPOSITORY

LOG_SECONDS = 10.0
"""How often progress is written where standard error is a file."""

AnyVerbs = Verbs | RemoteVerbs
Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
        return status
    except WorkbenchError as error:
        return _fail(error, arguments.json)
    except BrokenPipeError:
        # The reader of a pipe has seen enough, as with `export | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("Interrupted. Runs that were started go on; 'runs' shows them.", file=sys.stderr)
        return 130


def _status(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.status()
    scenarios, runs = found["scenarios"], found["runs"]
    return _tell(
        arguments,
        found,
        f"workspace  {found['workspace']}",
        f"scenarios  {scenarios['total']} ({scenarios['approved']} approved, {scenarios['draft']} drafts)",
        *(f"toolset    {one['name']}: {one['tools']} tools, {one['scenarios']} scenarios" for one in found["toolsets"]),
        f"runs       {runs['total']} ({len(runs['unfinished'])} under way, {runs['failed']} failed)",
        *(f"model      {model['id']}" for model in found["models"]),
    )


def _import(arguments: argparse.Namespace) -> int:
    if arguments.rejects and len(arguments.files) > 1:
        raise WorkbenchError("--rejects takes the rejected rows of one file.", "Import the files one by one.")
    reading = {"format": arguments.format, "columns": _columns(arguments.column), "conflicts": arguments.conflicts}
    with reach(arguments.workspace) as verbs, _file_bar() as progress:
        reports = verbs.import_files(
            arguments.files, arguments.toolset, arguments.status, arguments.dry_run, reading, progress
        )
    if arguments.rejects:
        found = reports[0]["rejected"]
        pieces = transfer.rejects(arguments.files[0], arguments.format, reading["columns"]) if found else []
        _write(arguments.rejects, pieces)
    return _tell(
        arguments,
        reports if len(reports) > 1 else reports[0],
        *(line for report in reports for line in _report_lines(report, arguments.dry_run)),
    )


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    """The column by the field that it fills, from ``field=column``."""
    for pair in pairs:
        if "=" not in pair:
            raise WorkbenchError(f"'{pair}' does not say which column fills which field.", "Write FIELD=COLUMN.")
    return {field: column for field, _, column in (pair.partition("=") for pair in pairs)}


def _report_lines(report: Json, dry_run: bool) -> Iterator[str]:
    verb = "would import" if dry_run else "imported"
    yield f"{report['file']} ({report['format']}): {verb} {report['good']} {report['kind']}, {report['bad']} bad"
    if report["drafts"]:
        yield f"  {report['drafts']} of the bad rows {'would be' if dry_run else 'are'} kept as drafts"
    if report["new"] + report["same"] + report["conflicting"]:
        yield f"  {report['new']} new, {report['same']} the same, {report['conflicting']} with another content"
    if report["toolsets"]:
        yield f"  with the toolsets {', '.join(report['toolsets'])}"
    for problem in report["problems"]:
        place = f"line {problem['line']}: " if problem["line"] else ""
        field = f"{problem['field']}: " if problem["field"] else ""
        yield f"  {place}{field}{problem['message']} {problem['hint']}".rstrip()
    if (more := report["problems_total"] - len(report["problems"])) > 0:
        yield f"  … and {more} more problems"


def _export(arguments: argparse.Namespace) -> int:
    chosen = {field.name: value for field in fields(ScenarioFilter) if (value := getattr(arguments, field.name))}
    with reach(arguments.workspace) as verbs:
        _write(arguments.output, verbs.export(chosen, arguments.format, arguments.snapshot))
    if arguments.output:
        written = {"output": str(arguments.output), "format": arguments.format}
        return _tell(arguments, written, f"written to {arguments.output}")
    return 0


def _coverage(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.coverage(arguments.toolset)
    by = {"os": ("oses", "by_tool_os"), "mode": ("modes", "by_tool_mode"), "split": ("", "by_tool_split")}
    columns_key, table_key = by[arguments.by]
    columns = found[columns_key] if columns_key else list(SPLITS)
    rows = [[tool, *(str(found[table_key][tool][column]) for column in columns)] for tool in found["tools"]]
    table = _table(["tool", *(column or "any" for column in columns)], rows)
    return _tell(arguments, found, f"{found['toolset']}: {found['total']} scenarios", *table)


def _train(arguments: argparse.Namespace) -> int:
    given = {field.name: getattr(arguments, field.name) for field in _setting_fields()}
    settings = {name: value for name, value in given.items() if value is not None}
    base = _model_id(arguments.base)
    with reach(arguments.workspace) as verbs:
        run = verbs.train(arguments.toolset, base, settings, arguments.name, arguments.snapshot)
        if arguments.wait:
            (run,) = _wait(verbs, [run["id"]])
    return _tell(arguments, run, *_run_lines([run]))


def _runs(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if not arguments.run:
            found = verbs.runs()
            return _tell(arguments, found, *_run_lines(found["runs"]))
        if arguments.cancel:
            verbs.cancel(arguments.run)
        if arguments.wait:
            _wait(verbs, [arguments.run])
        run = verbs.run(arguments.run)
        if arguments.log:
            run["log"] = verbs.log(arguments.run)["log"]
    return _tell(arguments, run, *_run_lines([run]), *([run["log"]] if arguments.log else []))


def _evaluate(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = _start_evaluations(verbs, arguments)
        if arguments.wait:
            found["runs"] = _wait(verbs, [run["id"] for run in found["runs"]])
    return _tell(arguments, found, *_run_lines(found["runs"]))


def _compare(arguments: argparse.Namespace) -> int:
    if len(arguments.models) < 2:
        raise WorkbenchError("A comparison needs at least two models.", "Name one more, such as 'starter'.")
    with reach(arguments.workspace) as verbs:
        ids = [run["id"] for run in _start_evaluations(verbs, arguments)["runs"]]
        _wait(verbs, ids)
        if arguments.output:
            lines = verbs.export_comparison(ids, arguments.format, arguments.differing)
            _write(arguments.output, (line.encode("utf-8") for line in lines))
        found = verbs.compare(ids, arguments.differing)
    rows = [
        [model["label"], *(_percent(model["headline"][name]) for name in ("tool_accuracy", "exact_calls"))]
        for model in found["models"]
    ]
    title = f"{found['n']} {found['split']} scenarios of snapshot {found['snapshot']}; {found['differing']} differ"
    return _tell(arguments, found, title, *_table(["model", "tool accuracy", "exact calls"], rows))


def _app(arguments: argparse.Namespace) -> int:
    command = [sys.executable, str(REPOSITORY / "app.py"), "--host", arguments.host, "--port", str(arguments.port)]
    command += ["--workspace", str(arguments.workspace)] if arguments.workspace else []
    command += ["--no-browser"] if arguments.no_browser else []
    os.execv(sys.executable, command)


def _demo(arguments: argparse.Namespace) -> int:
    with _bar() as show:
        found = demo.demo(arguments.workspace, lambda title, progress: show(title, _progress_of(progress)))
    print(json.dumps(found))
    return 0


def _start_evaluations(verbs: AnyVerbs, arguments: argparse.Namespace) -> Json:
    ids = [_model_id(model) for model in arguments.models]
    return verbs.evaluate(ids, arguments.split, arguments.snapshot, arguments.toolset)


def _model_id(model: str) -> str:
    """A folder is given relative to where the command runs; the app may run elsewhere."""
    return str(Path(model).resolve()) if (Path(model) / "config.json").is_file() else model


def _wait(verbs: AnyVerbs, run_ids: Iterable[str]) -> list[Json]:
    """Follow runs one after the other until they have finished. Raises WorkbenchError when one failed."""
    finished = []
    for run_id in run_ids:
        with _bar() as show:
            while (run := verbs.run(run_id))["state"] not in FINISHED_STATES:
                show(f"{run['kind']} {run['name'] or run['model']}", run["progress"])
                time.sleep(POLL_SECONDS)
            show(f"{run['kind']} {run['name'] or run['model']}", run["progress"])
        if run["state"] == "failed":
            raise WorkbenchError(f"The run {run_id} failed: {run['message']}", f"'runs {run_id} --log' shows its log.")
        finished.append(run)
    return finished


@contextmanager
def _bar() -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
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
def _file_bar() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on standard error that appears only when a file takes its time."""
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}"
    with tqdm(total=1.0, file=sys.stderr, bar_format=form, delay=2.0, leave=False) as bar:

        def show(name: str, share: float) -> None:
            bar.set_description_str(name, refresh=False)
            bar.update(share - bar.n)

        yield show


def _progress_of(progress: Progress) -> Json:
    return {"phase": progress.phase, "fraction": progress.fraction, "figures": progress.figures}


def _run_lines(runs: Sequence[Json]) -> list[str]:
    rows = []
    for run in runs:
        summary = run["summary"]
        exact = _percent(summary["exact_calls"]) if "exact_calls" in summary else ""
        note = exact or run["message"].partition("\n")[0]
        rows.append([run["id"], run["kind"], run["state"], run["name"] or run["model"], note])
    return _table(["run", "kind", "state", "name", "result"], rows) if rows else ["There are no runs yet."]


def _percent(rate: Mapping[str, Any]) -> str:
    if rate["value"] is None:
        return "–"
    return f"{rate['value']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table with aligned columns."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _tell(arguments: argparse.Namespace, data: Any, *lines: str) -> int:
    """Print the result as JSON or as text; returns exit status 0."""
    print(json.dumps(data, ensure_ascii=False) if arguments.json else "\n".join(lines))
    return 0


def _fail(error: WorkbenchError, as_json: bool) -> int:
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    if as_json:
        told = {"message": error.message, "hint": error.hint, "type": "workbench_error"}
        print(json.dumps({"error": told}, ensure_ascii=False))
    return 1


def _write(path: Path | None, pieces: Iterable[bytes]) -> None:
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


def _setting_fields() -> list[Any]:
    """The training settings that have an option: all but the list of layers."""
    return [field for field in fields(TrainSettings) if not isinstance(field.default, tuple)]


def _parser() -> argparse.ArgumentParser:
    description = "Teach a small language model to pick the right tool."
    parser = argparse.ArgumentParser(prog="python -m workbench", description=description)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_data_verbs(verbs)
    _add_run_verbs(verbs)
    return parser


def _verb(verbs: Any, name: str, command: Command, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=help, description=help)
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="where scenarios and runs live (the repository)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(command=command)
    return parser


def _add_data_verbs(verbs: Any) -> None:
    _verb(verbs, "status", _status, "what the workspace holds")

    parser = _verb(verbs, "import", _import, "read files of scenarios, tools or prompts")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--toolset", default="", help="toolset of rows that name none, or name of imported tools")
    parser.add_argument("--status", default="", choices=("", *STATUSES), help="status of the good rows")
    parser.add_argument("--dry-run", action="store_true", help="only report what is in the files")
    parser.add_argument(
        "--format", default="", choices=("", *transfer.IMPORT_FORMATS), help="instead of recognising it"
    )
    column_help = "which column of a table fills a field; may be given several times"
    parser.add_argument("--column", action="append", default=[], metavar="FIELD=COLUMN", help=column_help)
    conflicts_help = "scenarios that are there with another content: a new revision, or keep what is there"
    parser.add_argument("--conflicts", default="replace", choices=transfer.CONFLICTS, help=conflicts_help)
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="write the rejected rows here")

    parser = _verb(verbs, "export", _export, "write scenarios to a file")
    parser.add_argument("--format", default="jsonl", choices=transfer.EXPORT_FORMATS)
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    parser.add_argument(
        "--snapshot", default="", metavar="HASH", help="the scenarios of a snapshot; --split may narrow it"
    )
    for field in fields(ScenarioFilter):
        parser.add_argument(f"--{field.name}", default="", help=f"only scenarios with this {field.name}")

    parser = _verb(verbs, "coverage", _coverage, "count scenarios by tool and OS, mode or split")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--by", default="os", choices=("os", "mode", "split"), help="columns of the text table")


def _add_run_verbs(verbs: Any) -> None:
    parser = _verb(verbs, "train", _train, "train a LoRA adapter")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--base", default=STARTER_ID, help="'starter', a hub id or a folder")
    parser.add_argument("--name", default="", help="what to call the trained model")
    parser.add_argument("--snapshot", default="", metavar="HASH", help="instead of what is approved now")
    _add_wait(parser)
    group = parser.add_argument_group("settings, with good defaults for each base")
    for field in _setting_fields():
        group.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default))

    parser = _verb(verbs, "runs", _runs, "list runs, or show, stop or follow one")
    parser.add_argument("run", nargs="?", default="", metavar="RUN", help="id of one run")
    parser.add_argument("--cancel", action="store_true", help="end it; a training run keeps its adapter")
    parser.add_argument("--log", action="store_true", help="show the end of its log")
    parser.add_argument("--wait", action="store_true", help="until it has finished")

    parser = _verb(verbs, "evaluate", _evaluate, "let models answer the scenarios of a split")
    _add_models(parser)
    _add_wait(parser)

    parser = _verb(verbs, "compare", _compare, "two or more models side by side, evaluated where they are not yet")
    _add_models(parser)
    parser.add_argument("--differing", action="store_true", help="only the scenarios where the models differ")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table here, too")
    parser.add_argument("--format", default="csv", choices=comparing.EXPORT_FORMATS, help="of --output")

    parser = _verb(verbs, "app", _app, "open the workbench in the browser")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--no-browser", action="store_true")

    _verb(verbs, "demo", _demo, "the whole loop in a temporary workspace: evaluate, train, evaluate again")


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", metavar="MODEL", help="'starter', a hub id, a folder, or run:ID")
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--snapshot", default="", metavar="HASH", help="instead of what is approved now")
    parser.add_argument("--toolset", default="", help="of the snapshot that is made")


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="until it has finished")
