"""The verb ``runs``: list, show, stop, resume, reorder, tag, compare and delete."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from workbench.actions.remote import reach
from workbench.actions.run_queue import PLACES
from workbench.actions.verbs import Json
from workbench.cli.arguments import AnyVerbs, add_verb
from workbench.cli.output import run_lines, table_lines, tell, wait, write
from workbench.errors import WorkbenchError
from workbench.records import RUN_STATES, RunKind


def _runs(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.empty_trash is not None:
            gone = verbs.empty_trash(arguments.empty_trash)
            return tell(arguments, gone, f"{len(gone['gone'])} runs are gone for good")
        if not arguments.run:
            names = ("kind", "state", "tag", "text")
            found = verbs.runs(**{name: getattr(arguments, name) for name in names}, deleted=arguments.trash)
            return tell(arguments, found, *run_lines(found["runs"]))
        if arguments.curves:
            write(arguments.curves, (line.encode("utf-8") for line in verbs.curves(arguments.run)))
            return tell(arguments, {"curves": str(arguments.curves)}, f"written to {arguments.curves}")
        if arguments.diff:
            return _diff_runs(verbs, arguments)
        if arguments.delete:
            found = verbs.delete_runs(arguments.run)
            return tell(arguments, found, f"in the trash for {found['days']} days; --restore brings them back")
        if arguments.restore:
            verbs.restore_runs(arguments.run)
        shown = [_change_run(verbs, run_id, arguments) for run_id in arguments.run]
    logs = [run["log"] for run in shown if arguments.log]
    return tell(arguments, shown[0] if len(shown) == 1 else shown, *run_lines(shown), *logs)


def _change_run(verbs: AnyVerbs, run_id: str, arguments: argparse.Namespace) -> Json:
    """Do with one run what the options say; returns it."""
    if arguments.cancel:
        verbs.cancel(run_id)
    if arguments.rename is not None or arguments.tags is not None:
        verbs.edit_run(run_id, arguments.rename, arguments.tags)
    if arguments.resume:
        verbs.resume(run_id)
    if arguments.move:
        verbs.move_run(run_id, arguments.move)
    if arguments.wait:
        wait(verbs, [run_id])
    run = verbs.run(run_id)
    return {**run, "log": verbs.log(run_id)["log"]} if arguments.log else run


def _diff_runs(verbs: AnyVerbs, arguments: argparse.Namespace) -> int:
    if len(arguments.run) != 2:
        raise WorkbenchError("--diff compares two runs.", "Name two run ids.")
    found = verbs.diff_runs(*arguments.run)
    rows = [[one["name"], *map(str, one["values"])] for one in found["differences"]]
    table = table_lines(["setting", *arguments.run], rows) if rows else ["Nothing differs."]
    return tell(arguments, found, *table)


def add_runs(verbs: Any) -> None:
    parser = add_verb(verbs, "runs", _runs, "list, show, stop, resume, reorder, tag, compare or delete runs")
    parser.add_argument("run", nargs="*", metavar="RUN", help="ids of runs; all are listed when left out")
    group = parser.add_argument_group("the list")
    group.add_argument("--kind", default="", choices=("", *get_args(RunKind)), help="only runs of this kind")
    group.add_argument("--state", default="", choices=("", *RUN_STATES), help="only runs in this state")
    group.add_argument("--tag", default="", help="only runs with this tag")
    group.add_argument("--text", default="", help="only runs with this in id, name, model or tags")
    group.add_argument("--trash", action="store_true", help="those in the trash")
    group = parser.add_argument_group("with the runs that are named")
    group.add_argument("--cancel", action="store_true", help="end them; a training run keeps its adapter")
    group.add_argument("--resume", action="store_true", help="go on with runs that were stopped or interrupted")
    group.add_argument("--move", default="", choices=("", *PLACES), help="change the place in the queue")
    group.add_argument("--rename", metavar="NAME")
    group.add_argument("--tags", nargs="*", metavar="TAG", help="replace their tags")
    group.add_argument("--diff", action="store_true", help="in which settings two runs differ")
    group.add_argument("--curves", type=Path, metavar="FILE", help="write their metrics as CSV")
    group.add_argument("--delete", action="store_true", help="move them to the trash")
    group.add_argument("--restore", action="store_true", help="bring them back from the trash")
    group.add_argument("--log", action="store_true", help="show the end of the log")
    group.add_argument("--wait", action="store_true", help="until they have finished")
    parser.add_argument(
        "--empty-trash", nargs="?", type=float, const=0.0, metavar="DAYS", help="delete for good what is older"
    )
