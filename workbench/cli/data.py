"""Verbs on the scenarios of a workspace: status, import, export, coverage, edit, history, snapshots."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from workbench.actions import export_files, import_files
from workbench.actions.remote import reach
from workbench.actions.verbs import Json
from workbench.cli.arguments import add_verb
from workbench.cli.output import file_bar, table_lines, tell, write
from workbench.errors import WorkbenchError
from workbench.records import SPLITS, STATUSES
from workbench.store.scenarios import ScenarioFilter

BULK_FIELDS = {
    "status": "draft, approved or rejected",
    "os": "an OS, or - for none",
    "shell": "a shell, or - for none",
    "mode": "a mode, or - for none",
    "split": "a split to pin, or automatic",
    "toolset": "the toolset that they go to",
    "add_tags": "tags to add",
    "remove_tags": "tags to take away",
}
"""Fields that the verb ``edit`` sets."""


def _status(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.status()
    scenarios, runs = found["scenarios"], found["runs"]
    return tell(
        arguments,
        found,
        f"workspace  {found['workspace']}",
        f"scenarios  {scenarios['total']} ({scenarios['approved']} approved, {scenarios['draft']} drafts)",
        *(f"toolset    {one['name']}: {one['tools']} tools, {one['scenarios']} scenarios" for one in found["toolsets"]),
        f"runs       {runs['total']} ({len(runs['unfinished'])} under way, {runs['failed']} failed)",
        *(f"model      {model['id']}" for model in found["models"]),
    )


def add_status(verbs: Any) -> None:
    add_verb(verbs, "status", _status, "what the workspace holds")


def _import(arguments: argparse.Namespace) -> int:
    if arguments.rejects and len(arguments.files) > 1:
        raise WorkbenchError("--rejects takes the rejected rows of one file.", "Import the files one by one.")
    reading = {"format": arguments.format, "columns": _columns(arguments.column), "conflicts": arguments.conflicts}
    with reach(arguments.workspace) as verbs, file_bar() as progress:
        reports = verbs.import_files(
            arguments.files, arguments.toolset, arguments.status, arguments.dry_run, reading, progress
        )
    if arguments.rejects:
        found = reports[0]["rejected"]
        pieces = import_files.rejects(arguments.files[0], arguments.format, reading["columns"]) if found else []
        write(arguments.rejects, pieces)
    return tell(
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


def add_import(verbs: Any) -> None:
    parser = add_verb(verbs, "import", _import, "read files of scenarios, tools or prompts")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--toolset", default="", help="toolset of rows that name none, or name of imported tools")
    parser.add_argument("--status", default="", choices=("", *STATUSES), help="status of the good rows")
    parser.add_argument("--dry-run", action="store_true", help="only report what is in the files")
    parser.add_argument(
        "--format", default="", choices=("", *import_files.IMPORT_FORMATS), help="instead of recognising it"
    )
    column_help = "which column of a table fills a field; may be given several times"
    parser.add_argument("--column", action="append", default=[], metavar="FIELD=COLUMN", help=column_help)
    conflicts_help = "scenarios that are there with another content: a new revision, or keep what is there"
    parser.add_argument("--conflicts", default="replace", choices=import_files.CONFLICTS, help=conflicts_help)
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="write the rejected rows here")


def _export(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        write(arguments.output, verbs.export(_filter(arguments), arguments.format, arguments.snapshot))
    if arguments.output:
        written = {"output": str(arguments.output), "format": arguments.format}
        return tell(arguments, written, f"written to {arguments.output}")
    return 0


def add_export(verbs: Any) -> None:
    parser = add_verb(verbs, "export", _export, "write scenarios to a file")
    parser.add_argument("--format", default="jsonl", choices=export_files.EXPORT_FORMATS)
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    parser.add_argument(
        "--snapshot", default="", metavar="HASH", help="the scenarios of a snapshot; --split may narrow it"
    )
    _add_filter(parser)


def _filter(arguments: argparse.Namespace) -> dict[str, str]:
    """What is chosen of the fields that scenarios can be filtered by."""
    return {field.name: value for field in fields(ScenarioFilter) if (value := getattr(arguments, field.name))}


def _add_filter(parser: argparse.ArgumentParser) -> None:
    for field in fields(ScenarioFilter):
        parser.add_argument(f"--{field.name}", default="", help=f"only scenarios with this {field.name}")


def _coverage(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.coverage(arguments.toolset)
    keys = {"os": "oses", "mode": "modes", "shell": "shells", "category": "categories"}
    columns, table_key = found[keys[arguments.by]] if arguments.by in keys else list(SPLITS), f"by_tool_{arguments.by}"
    rows = [[tool, *(str(found[table_key][tool][column]) for column in columns)] for tool in found["tools"]]
    table = table_lines(["tool", *(column or "any" for column in columns)], rows)
    return tell(arguments, found, f"{found['toolset']}: {found['total']} scenarios", *table)


def add_coverage(verbs: Any) -> None:
    parser = add_verb(verbs, "coverage", _coverage, "count scenarios by tool and OS, mode, shell, category or split")
    parser.add_argument("--toolset", default="")
    parser.add_argument(
        "--by", default="os", choices=("os", "mode", "shell", "category", "split"), help="columns of the table"
    )


def _edit(arguments: argparse.Namespace) -> int:
    settings = {name: value for name in BULK_FIELDS if (value := getattr(arguments, f"set_{name}"))}
    with reach(arguments.workspace) as verbs:
        found = verbs.bulk_edit(settings, arguments.ids, _filter(arguments))
    left = (f"  left as it is: {one['id']}: {one['problems'][0]['message']}" for one in found["left"])
    return tell(arguments, found, f"{found['changed']:,} changed, {found['same']:,} were so already", *left)


def add_edit(verbs: Any) -> None:
    parser = add_verb(verbs, "edit", _edit, "set fields of many scenarios as one change")
    parser.add_argument("ids", nargs="*", metavar="ID", help="of scenarios; or give a filter")
    for name, help in BULK_FIELDS.items():
        parser.add_argument(f"--set-{name.replace('_', '-')}", nargs="+" if name.endswith("_tags") else None, help=help)
    _add_filter(parser)


def _history(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.undo is not None:
            verbs.undo(arguments.undo, arguments.rest)
        if arguments.redo is not None:
            verbs.redo(arguments.redo, arguments.rest)
        if arguments.scenario:
            found = verbs.scenario_history(arguments.scenario)
            return tell(arguments, found, *_revision_lines(found["revisions"]))
        if arguments.change:
            found = verbs.change(arguments.change)
            return tell(arguments, found, *_difference_lines(found["did"]))
        found = verbs.changes(arguments.limit)
    rows = [
        [str(one["id"]), one["at"], one["author"], one["kind"], f"{one['scenarios']:,}"]
        + ["" if one["holds"] else "undone", one["note"]]
        for one in found["changes"]
    ]
    header = ["change", "when", "who", "what", "scenarios", "", "note"]
    return tell(arguments, found, *(table_lines(header, rows) if rows else ["Nothing has happened yet."]))


def _revision_lines(revisions: Sequence[Json]) -> Iterator[str]:
    for one in revisions:
        yield f"revision {one['revision']}: {one['kind']} by {one['author']}, {one['at']}"
        yield from _field_lines(one["fields"])


def _difference_lines(rows: Sequence[Json]) -> Iterator[str]:
    for row in rows:
        yield f"{row['kind']} {row['id']}: {row['request']}"
        yield from _field_lines(row["fields"])


def _field_lines(fields: Sequence[Json]) -> Iterator[str]:
    for field in fields:
        before, after = (json.dumps(field[side], ensure_ascii=False) for side in ("before", "after"))
        yield f"  {field['field']}: {before} -> {after}"


def add_history(verbs: Any) -> None:
    parser = add_verb(verbs, "history", _history, "list changes; undo or redo any of them")
    parser.add_argument("--undo", nargs="?", type=int, const=0, metavar="CHANGE", help="take back the newest, or this")
    parser.add_argument("--redo", nargs="?", type=int, const=0, metavar="CHANGE", help="bring back the last, or this")
    parser.add_argument("--rest", action="store_true", help="leave scenarios alone that changed again later")
    parser.add_argument("--change", type=int, default=0, metavar="CHANGE", help="show what this change did")
    parser.add_argument("--scenario", default="", metavar="ID", help="show the revisions of this scenario")
    parser.add_argument("--limit", type=int, default=20)


def _snapshots(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.compare:
            found = verbs.compare_snapshots(*arguments.compare)
            title = f"{found['added']} added, {found['removed']} removed, {found['changed']} changed"
            return tell(arguments, found, title, *_difference_lines(found["rows"]))
        found = verbs.snapshots()
    names = ("hash", "toolset", "created_at", "train", "validation", "test", "note")
    rows = [[str(one[name]) for name in names] for one in found["snapshots"]]
    return tell(arguments, found, *(table_lines(names, rows) if rows else ["There are no snapshots yet."]))


def add_snapshots(verbs: Any) -> None:
    parser = add_verb(verbs, "snapshots", _snapshots, "list snapshots, or the rows that differ between two")
    parser.add_argument("--compare", nargs=2, metavar=("BEFORE", "AFTER"))
