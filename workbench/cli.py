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
from typing import Any, get_args

from workbench import __version__
from workbench.actions import check, demo, duplicates, publishing, scoring, tool_sources, toolsets, transfer
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.models import NEAREST, STARTER_ID, ModelName, variant, with_grammar
from workbench.actions.orders import WAYS
from workbench.actions.remote import RemoteVerbs, reach
from workbench.actions.run_queue import PLACES
from workbench.actions.runs import POLL_SECONDS, Progress
from workbench.actions.verbs import Json, Verbs
from workbench.errors import WorkbenchError
from workbench.evaluation.job import told
from workbench.generation.job import TeacherSettings
from workbench.inference.chat_client import Endpoint
from workbench.records import FINISHED_STATES, RUN_STATES, SPLITS, STATUSES, RunKind
from workbench.scenarios.generate.variants import CHANGES
from workbench.scenarios.targets import EXAMPLES, PRESETS
from workbench.scenarios.toolset_edits import BROKEN_CHOICES
from workbench.store.scenarios import ScenarioFilter
from workbench.training.artefacts.settings import FORMATS, ExportSettings
from workbench.training.settings import PRESETS as RECIPES
from workbench.training.settings import TrainSettings
from workbench.workspace import REPOSITORY

LOG_SECONDS = 10.0
"""How often progress is written where standard error is a file."""

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

_ENDPOINT_OPTIONS: dict[str, tuple[type, str]] = {
    "key_env": (str, ""),
    "concurrency": (int, "requests under way at once"),
    "retries": (int, "further attempts after a failure that may pass"),
    "timeout_s": (float, "seconds for one attempt"),
    "backoff_s": (float, "seconds before the first retry; doubles with each"),
    "price_in": (float, "money for a million tokens of prompts"),
    "price_out": (float, "money for a million tokens of answers"),
}
"""Options of an endpoint that are called as its fields are."""

AnyVerbs = Verbs | RemoteVerbs
Command = Callable[[argparse.Namespace], int]
_SIDES = ("before", "after")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
        return status
    except WorkbenchError as error:
        _fail(error, arguments.json)
        # Where 1 says that a model is worse, what could not be compared must say something else.
        return 2 if getattr(arguments, "fail_if_worse", False) else 1
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
    keys = {"os": "oses", "mode": "modes", "shell": "shells", "category": "categories"}
    columns, table_key = found[keys[arguments.by]] if arguments.by in keys else list(SPLITS), f"by_tool_{arguments.by}"
    rows = [[tool, *(str(found[table_key][tool][column]) for column in columns)] for tool in found["tools"]]
    table = _table(["tool", *(column or "any" for column in columns)], rows)
    return _tell(arguments, found, f"{found['toolset']}: {found['total']} scenarios", *table)


def _tools_list(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.list()
    rows = [[one["name"], str(one["version"]), str(len(one["tools"]))] for one in found["toolsets"]]
    return _tell(arguments, found, *_table(["toolset", "version", "tools"], rows))


def _tools_show(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.show(arguments.toolset, arguments.version)
    counts = found["scenarios"]
    functions = [tool["function"] for tool in found["toolset"]["tools"]]
    rows = [[one["name"], str(counts.get(one["name"], 0)), one["description"][:80]] for one in functions]
    table = _table(["tool", "scenarios", "description"], rows)
    return _tell(arguments, found, f"{found['name']}, version {found['version']}", *table)


def _tools_import(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.read_file(arguments.file, arguments.into, _joining(arguments))
        return _save_draft(arguments, verbs, found)


def _tools_mcp(arguments: argparse.Namespace) -> int:
    if bool(arguments.url) == bool(arguments.server):
        raise WorkbenchError("Name one MCP server.", "Give its address with --url, or its command after '--'.")
    how = _joining(arguments)
    with reach(arguments.workspace) as verbs:
        if arguments.url:
            found = verbs.tools.read_mcp(arguments.url, arguments.into, how)
        else:
            # Started here, with the rights of who typed it; an app only gets to see the tools.
            name, rows = tool_sources.ask_command(arguments.server)
            found = verbs.tools.read_rows(rows, arguments.into or name, " ".join(arguments.server), how)
        return _save_draft(arguments, verbs, found)


def _save_draft(arguments: argparse.Namespace, verbs: AnyVerbs, found: Json) -> int:
    """Show what a draft changes and breaks, and save it unless it is a dry run."""
    draft = {**found["draft"], "broken": arguments.broken}
    seen = verbs.tools.preview(draft)
    saved = None if arguments.dry_run else verbs.tools.save(draft)
    said = f"saved as version {saved['version']}" if saved else f"would be version {seen['version']}"
    told = {**seen, "source": found["source"], "format": found["format"], "skipped": found["problems"], "saved": saved}
    skipped = [f"  left out: line {one['line']}: {one['field']}: {one['message']}" for one in found["problems"]]
    lines = [f"{found['source']} ({found['format']}): {seen['toolset']}, {said}", *skipped]
    wrong = [f"  {one['field']}: {one['message']}" for one in seen["problems"]]
    return _tell(arguments, told, *lines, *wrong, *_diff_lines(seen["diff"]), *_breakage_lines(seen["breakage"]))


def _tools_export(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        text = verbs.tools.export(arguments.toolset, arguments.form, arguments.version)
    _write(arguments.output, [text.encode("utf-8")])
    if arguments.output:
        written = {"output": str(arguments.output), "form": arguments.form}
        return _tell(arguments, written, f"written to {arguments.output}")
    return 0


def _tools_history(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.history(arguments.toolset)
    rows = [
        [str(one["version"]), one["at"], one["author"], str(one["tools"]), one["note"]] for one in found["versions"]
    ]
    return _tell(arguments, found, *_table(["version", "saved", "author", "tools", "note"], rows))


def _tools_diff(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.diff(arguments.toolset, arguments.old, arguments.new)
    return _tell(arguments, found, *(list(_diff_lines(found)) or ["Nothing differs."]))


def _tools_rename(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        saved = verbs.tools.rename(arguments.toolset, arguments.old, arguments.new, arguments.calls, arguments.broken)
    told = f"version {saved['version']}; renamed in {saved['renamed']} scenarios"
    return _tell(arguments, saved, told)


def _tools_restore(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        saved = verbs.tools.restore(arguments.toolset, arguments.version, arguments.broken)
    return _tell(arguments, saved, f"version {arguments.version} is now version {saved['version']}")


def _tools_check(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.check(arguments.toolset, arguments.set_draft)
    title = f"{found['checked']} scenarios, {len(found['broken'])} do not fit ({found['approved']} of them approved)"
    drafted = [f"{found['drafted']} are drafts now"] if found["drafted"] else []
    _tell(arguments, found, title, *_breakage_lines(found), *drafted)
    return 1 if found["approved"] > found["drafted"] else 0


def _tools_delete(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.delete(arguments.toolset)
    return _tell(arguments, found, f"deleted {found['name']}")


def _joining(arguments: argparse.Namespace) -> str:
    return "merge" if arguments.merge else "replace"


def _diff_lines(diff: Json) -> Iterator[str]:
    yield from (f"  + {name}" for name in diff["added"])
    yield from (f"  - {name}" for name in diff["removed"])
    yield from (f"  {old} is now {new}" for old, new in diff["renamed"].items())
    changed = [(f"{tool['name']}.", change) for tool in diff["changed"] for change in tool["changes"]]
    for place, change in [*changed, *(("", change) for change in diff["toolset"])]:
        before, after = (
            json.dumps(change[side], ensure_ascii=False) if side in change else "nothing" for side in _SIDES
        )
        yield f"  {place}{change['path']}: {before} → {after}"
    if diff["reordered"]:
        yield "  the tools are in another order"


def _breakage_lines(found: Json) -> Iterator[str]:
    for group in found["groups"]:
        place = ".".join(part for part in (group["tool"], group["field"]) if part)
        statuses = ", ".join(f"{n} {status}" for status, n in group["statuses"].items())
        few = ", ".join(group["scenarios"][:3]) + (", …" if group["n"] > 3 else "")
        yield f"  {group['n']} scenarios ({statuses}): {place}: {group['reason']}: {few}"


def _targets(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.lines or arguments.preset or arguments.clear:
            verbs.set_targets(arguments.toolset, arguments.lines, arguments.preset)
        found = verbs.targets(arguments.toolset)
    rows = [
        [row["target"], row["value"], f"{row['have']:,}", f"{row['need']:,}", f"{row['missing']:,} missing"]
        for row in found["progress"]
    ]
    table = _table(["target", "value", "have", "need", ""], rows) if rows else ["There are no targets yet."]
    return _tell(arguments, found, f"{found['toolset']}: {found['approved']:,} approved scenarios", *table)


def _check(arguments: argparse.Namespace) -> int:
    given = arguments.target or None
    if arguments.files:
        found = check.check_files(arguments.files, arguments.toolset, given, arguments.preset).to_dict()
    else:
        with reach(arguments.workspace) as verbs:
            found = verbs.check(arguments.toolset, given, arguments.preset)
    _tell(arguments, found, *_check_lines(found))
    return 0 if found["ok"] else 1


def _check_lines(found: Json) -> Iterator[str]:
    for one in found["violations"]:
        place = " ".join(part for part in (one["file"], one["line"] and f"line {one['line']}", one["scenario"]) if part)
        field = f"{one['field']}: " if one["field"] else ""
        yield f"{one['gate']}: {place}{': ' if place else ''}{field}{one['message']} {one['hint']}".rstrip()
    verdict = "all gates are passed" if found["ok"] else f"{len(found['violations']):,} violation(s)"
    yield f"{found['toolset']}: {found['checked']:,} approved scenarios, {verdict}"


def _history(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.undo is not None:
            verbs.undo(arguments.undo, arguments.rest)
        if arguments.redo is not None:
            verbs.redo(arguments.redo, arguments.rest)
        if arguments.scenario:
            found = verbs.scenario_history(arguments.scenario)
            return _tell(arguments, found, *_revision_lines(found["revisions"]))
        if arguments.change:
            found = verbs.change(arguments.change)
            return _tell(arguments, found, *_difference_lines(found["did"]))
        found = verbs.changes(arguments.limit)
    rows = [
        [str(one["id"]), one["at"], one["author"], one["kind"], f"{one['scenarios']:,}"]
        + ["" if one["holds"] else "undone", one["note"]]
        for one in found["changes"]
    ]
    header = ["change", "when", "who", "what", "scenarios", "", "note"]
    return _tell(arguments, found, *(_table(header, rows) if rows else ["Nothing has happened yet."]))


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


def _snapshots(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.compare:
            found = verbs.compare_snapshots(*arguments.compare)
            title = f"{found['added']} added, {found['removed']} removed, {found['changed']} changed"
            return _tell(arguments, found, title, *_difference_lines(found["rows"]))
        found = verbs.snapshots()
    names = ("hash", "toolset", "created_at", "train", "validation", "test", "note")
    rows = [[str(one[name]) for name in names] for one in found["snapshots"]]
    return _tell(arguments, found, *(_table(names, rows) if rows else ["There are no snapshots yet."]))


def _edit(arguments: argparse.Namespace) -> int:
    settings = {name: value for name in BULK_FIELDS if (value := getattr(arguments, f"set_{name}"))}
    chosen = {field.name: value for field in fields(ScenarioFilter) if (value := getattr(arguments, field.name))}
    with reach(arguments.workspace) as verbs:
        found = verbs.bulk_edit(settings, arguments.ids, chosen)
    left = (f"  left as it is: {one['id']}: {one['problems'][0]['message']}" for one in found["left"])
    return _tell(arguments, found, f"{found['changed']:,} changed, {found['same']:,} were so already", *left)


def _review(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.reviewers:
            verbs.set_reviewers(arguments.reviewers, arguments.toolset)
        done = [verbs.judge(id, "approve", arguments.reviewer) for id in arguments.approve]
        done += [verbs.judge(id, "reject", arguments.reviewer) for id in arguments.reject]
        found = verbs.review_queue(arguments.toolset, arguments.reviewer)
        found |= {"judged": done, "agreement": verbs.agreement(arguments.toolset)}
    lines = [f"{one['id']} is {one['status']}" for one in done]
    lines += [f"{found['total']:,} drafts wait for {arguments.reviewer}"]
    lines += [f"  {one['id']}  {'; '.join(one['needs'])}".rstrip() for one in found["scenarios"][: arguments.limit]]
    for pair in found["agreement"]["pairs"]:
        kappa = "–" if pair["kappa"] is None else f"{pair['kappa']:.2f}"
        lines.append(f"{' and '.join(pair['reviewers'])}: {pair['agreed']} of {pair['n']} alike, kappa {kappa}")
    lines += [f"  they differ on {one['id']}" for one in found["agreement"]["disagreements"]]
    return _tell(arguments, found, *lines)


def _generate(arguments: argparse.Namespace) -> int:
    order = _order(arguments)
    with reach(arguments.workspace) as verbs:
        if arguments.vectors:
            pieces = verbs.vectors(arguments.toolset, arguments.tool)
            _write(arguments.vectors, (piece.encode("utf-8") for piece in pieces))
            return _tell(arguments, {"vectors": str(arguments.vectors)}, f"written to {arguments.vectors}")
        if arguments.way == "teacher" or arguments.resume:
            return _teach(verbs, order, arguments)
        if arguments.output:
            _write(arguments.output, (line.encode("utf-8") for line in verbs.generate_lines(order)))
            return _tell(arguments, {"output": str(arguments.output)}, f"written to {arguments.output}")
        found = verbs.generate(order, arguments.dry_run)
    verb = "would add" if arguments.dry_run else "added"
    examples = (f"  {one['request']}" for one in found["examples"])
    left = (f"  left out: {one['request']} ({one['reason']})" for one in found["left_examples"])
    head = f"{verb} {found['drafts']} drafts, left out {found['left']}"
    return _tell(arguments, found, head, *found["notes"], *examples, *left)


def _order(arguments: argparse.Namespace) -> Json:
    """The order that the options say; what is not said keeps its default."""
    names = {"tool": "tools", "os": "oses", "mode": "modes", "shell": "shells", "change": "changes", "style": "styles"}
    order: Json = {"way": arguments.way, "toolset": arguments.toolset}
    order |= {key: found for name, key in names.items() if (found := getattr(arguments, name))}
    order |= {k: v for k in ("count", "seed", "split") if (v := getattr(arguments, k)) is not None}
    if arguments.template:
        try:
            order |= {"template": arguments.template.read_text("utf-8-sig"), "template_name": arguments.template.name}
        except (OSError, UnicodeDecodeError) as error:
            raise WorkbenchError(f"Cannot read {arguments.template}: {error}.", "It must be UTF-8 text.") from error
    for part, owner in (("endpoint", Endpoint), ("settings", TeacherSettings)):
        given = {f.name: getattr(arguments, f.name, None) for f in fields(owner)}
        order[part] = {name: value for name, value in given.items() if value is not None and name not in order}
    return order | {"paraphrase": arguments.paraphrase}


def _teach(verbs: AnyVerbs, order: Json, arguments: argparse.Namespace) -> int:
    run = verbs.teach(order, arguments.resume)
    if arguments.wait:
        (run,) = _wait(verbs, [run["id"]])
    found = verbs.teacher_report(run["id"])
    head = f"{run['id']}: {found['state']}, {found['drafts']} drafts, {found['rejects']} rejected"
    tokens = f"{found['prompt_tokens']:,} + {found['completion_tokens']:,} tokens, cost {found['cost']:g}"
    rejected = (f"  rejected: {one['text']} ({one['reason']})" for one in found["rejected"][:10])
    return _tell(arguments, found, head, tokens, *found["reasons"], *rejected)


def _duplicates(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.similar:
            found = verbs.similar(arguments.similar, arguments.toolset, arguments.limit)
            rows = [
                [f"{one['likeness']:.0%}", one["scenario"]["id"], one["scenario"]["request"]]
                for one in found["similar"]
            ]
            return _tell(
                arguments, found, *(_table(["like", "id", "request"], rows) if rows else ["Nothing is like it."])
            )
        if arguments.action:
            done = verbs.settle(arguments.action, arguments.ids, arguments.keep)
            return _tell(arguments, done, "done")
        if arguments.encoder:
            verbs.compare_meaning(_model_id(arguments.encoder), arguments.toolset)
        found = verbs.duplicates(arguments.toolset, arguments.kind, arguments.offset, arguments.limit)
    counts = ", ".join(f"{n} {name}" for name, n in found["counts"].items())
    title = f"{found['toolset']}: {found['scenarios']} scenarios compared by {found['compared']}; {counts}"
    rows = [[", ".join(one["kinds"]), " ".join(one["scenarios"])] for one in found["clusters"]]
    moves = [
        f"{one['scenario']} went from {one['from']} to {one['to']}" for one in found["moves"] if one["was_settled"]
    ]
    return _tell(arguments, found, title, *(_table(["kind", "scenarios"], rows) if rows else ()), *moves)


def _train(arguments: argparse.Namespace) -> int:
    given = {field.name: getattr(arguments, field.name) for field in _setting_fields()}
    settings = {name: value for name, value in given.items() if value is not None}
    base = _model_id(arguments.base)
    with reach(arguments.workspace) as verbs:
        if arguments.auto or arguments.timer:
            return _auto_train(verbs, arguments, base, settings)
        if arguments.preflight:
            return _preflight(arguments, verbs, base, settings)
        rest = (arguments.name, arguments.snapshot, arguments.allow_leaks, arguments.preset, arguments.like)
        run = verbs.train(arguments.toolset, base, settings, *rest)
        if arguments.wait:
            (run,) = _wait(verbs, [run["id"]])
    return _tell(arguments, run, *_run_lines([run]))


def _auto_train(verbs: AnyVerbs, arguments: argparse.Namespace, base: str, settings: Json) -> int:
    """Train and evaluate if enough is new; switch the app's timer."""
    if arguments.preset or arguments.like or arguments.allow_leaks or arguments.preflight:
        message = "--auto and --timer go without --preset, --like, --allow-leaks and --preflight."
        raise WorkbenchError(message, "Give the settings themselves, such as --epochs 5.")
    found: Json = {}
    if arguments.timer:
        active = arguments.timer == "on"
        found = verbs.set_auto_rule(arguments.toolset, active, arguments.min_new, base, settings)
    if arguments.auto:
        found |= verbs.auto_train(arguments.toolset, arguments.min_new, base, settings)
    run = found.get("run")
    if run and arguments.wait:
        (found["run"],) = _wait(verbs, [run["id"]])
        started = verbs.evaluate([run["model"], f"run:{run['id']}"], "test", run["snapshot"])
        found["evaluations"] = _wait(verbs, [one["id"] for one in started["runs"]])
    told = [f"the app {'trains' if found['active'] else 'does not train'} by itself"] if arguments.timer else []
    told += [f"{found['toolset']}: {found['new']} approved scenarios are new, {found['min_new']} are needed"]
    return _tell(arguments, found, *told, *(_run_lines([found["run"], *found.get("evaluations", [])]) if run else []))


def _preflight(arguments: argparse.Namespace, verbs: AnyVerbs, base: str, settings: Json) -> int:
    """What a run would see and cost; exit status 1 when a scenario must not be trained, or the check failed."""
    found = verbs.preflight(arguments.toolset, base, settings, arguments.preset, arguments.like)
    phase = ""
    while found["state"] not in FINISHED_STATES:
        if found["phase"] != phase:
            phase = found["phase"]
            print(f"{phase}…", file=sys.stderr, flush=True)
        time.sleep(POLL_SECONDS)
        found = verbs.preflight_state(found["key"])
    summary = found["summary"]
    if found["state"] != "done":
        raise WorkbenchError(found["message"] or "The pre-flight was stopped.", "Mend it and check again.")
    blocked = (f"  {one['scenario_id']} ({one['split']}): {'; '.join(one['reasons'])}" for one in found["blocked"])
    _tell(
        arguments,
        found,
        f"{summary['scenarios']:,} scenarios, {summary['blocked']:,} of them must not be trained",
        *blocked,
        f"longest: {summary['longest']:,} tokens; trained: {summary['trained_tokens']:,} of {summary['tokens']:,}",
        f"about {summary['seconds']:,.0f} s for {summary['total_steps']:,} steps, {summary['memory_mb']:,} MB",
    )
    return 1 if found["blocked"] else 0


def _artefact(arguments: argparse.Namespace) -> int:
    given = {name: getattr(arguments, name) for name in ("split", "limit", "batch_size", "threads")}
    settings = {name: value for name, value in given.items() if value is not None}
    with reach(arguments.workspace) as verbs:
        if not arguments.format:
            known = [one["run"] for one in verbs.artefacts.list()["artefacts"]]
            if arguments.run in known:
                found = [verbs.artefacts.show(arguments.run)]
            else:
                found = verbs.artefacts.list(arguments.run)["artefacts"]
        else:
            found = [verbs.artefacts.start(arguments.run, {**settings, "format": name}) for name in arguments.format]
            if arguments.wait:
                found = [verbs.artefacts.show(run["id"]) for run in _wait(verbs, [one["run"] for one in found])]
    _tell(arguments, {"artefacts": found}, *(line for one in found for line in _artefact_lines(one)))
    return 1 if arguments.format and any(one["verdict"] == "does not match" for one in found) else 0


def _artefact_lines(one: Json) -> Iterator[str]:
    size = f", {one['bytes'] / 2**20:.1f} MB" if one["bytes"] else ""
    yield f"{one['run']}  {one['format']}  {one['state']}{size}  {one['verdict']}  {one['path']}".rstrip()
    if parity := one["parity"]:
        yield f"  {parity['flips']} of {parity['n']} {parity['split']} answers differ (limit {parity['limit']:.1%})"
        yield f"  {parity['how']}"
    for flip in one["flips"]:
        yield f"  {flip['kind']}: {flip['scenario_id']}: {flip['before']} → {flip['after']}: {flip['request']}"


def _runs(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.empty_trash is not None:
            gone = verbs.empty_trash(arguments.empty_trash)
            return _tell(arguments, gone, f"{len(gone['gone'])} runs are gone for good")
        if not arguments.run:
            names = ("kind", "state", "tag", "text")
            found = verbs.runs(**{name: getattr(arguments, name) for name in names}, deleted=arguments.trash)
            return _tell(arguments, found, *_run_lines(found["runs"]))
        if arguments.curves:
            _write(arguments.curves, (line.encode("utf-8") for line in verbs.curves(arguments.run)))
            return _tell(arguments, {"curves": str(arguments.curves)}, f"written to {arguments.curves}")
        if arguments.diff:
            return _diff_runs(verbs, arguments)
        if arguments.delete:
            found = verbs.delete_runs(arguments.run)
            return _tell(arguments, found, f"in the trash for {found['days']} days; --restore brings them back")
        if arguments.restore:
            verbs.restore_runs(arguments.run)
        shown = [_change_run(verbs, run_id, arguments) for run_id in arguments.run]
    logs = [run["log"] for run in shown if arguments.log]
    return _tell(arguments, shown[0] if len(shown) == 1 else shown, *_run_lines(shown), *logs)


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
        _wait(verbs, [run_id])
    run = verbs.run(run_id)
    return {**run, "log": verbs.log(run_id)["log"]} if arguments.log else run


def _diff_runs(verbs: AnyVerbs, arguments: argparse.Namespace) -> int:
    if len(arguments.run) != 2:
        raise WorkbenchError("--diff compares two runs.", "Name two run ids.")
    found = verbs.diff_runs(*arguments.run)
    rows = [[one["name"], *map(str, one["values"])] for one in found["differences"]]
    table = _table(["setting", *arguments.run], rows) if rows else ["Nothing differs."]
    return _tell(arguments, found, *table)


def _evaluate(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = _start_evaluations(verbs, arguments)
        if arguments.wait:
            found["runs"] = _wait(verbs, [run["id"] for run in found["runs"]])
        if arguments.metrics:
            ids = [run["id"] for run in found["runs"]]
            _write(arguments.metrics, (line.encode("utf-8") for line in verbs.export_comparison(ids, "metrics")))
    return _tell(arguments, found, *_run_lines(found["runs"]))


def _endpoints(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.delete:
            verbs.delete_endpoint(arguments.delete)
        if arguments.endpoint:
            verbs.save_endpoint(_endpoint(arguments))
        found = verbs.endpoints()
    rows = [[one["id"], one["base_url"], one["model"], one["key_env"]] for one in found["endpoints"]]
    table = _table(["model", "address", "name there", "key in"], rows) if rows else ["No endpoint is saved."]
    return _tell(arguments, found, *table)


def _endpoint(arguments: argparse.Namespace) -> Json:
    """The endpoint that the options say; what is not said keeps its default."""
    names = {"endpoint": "base_url", "endpoint_model": "model", "endpoint_name": "name"}
    names |= {name: name for name in _ENDPOINT_OPTIONS}
    return {key: value for name, key in names.items() if (value := getattr(arguments, name)) is not None}


def _compare(arguments: argparse.Namespace) -> int:
    if len(arguments.models) < 2:
        raise WorkbenchError("A comparison needs at least two models.", "Name one more, such as 'starter'.")
    with reach(arguments.workspace) as verbs:
        ids = [run["id"] for run in _start_evaluations(verbs, arguments)["runs"]]
        _wait(verbs, ids)
        filter = {"differing": True} if arguments.differing else {}
        for path in arguments.export:
            lines = verbs.export_comparison(ids, _format_of(path), filter, arguments.threshold)
            _write(path, (line.encode("utf-8") for line in lines))
        found = verbs.compare(ids, filter, arguments.threshold)
        if arguments.fail_if_worse:
            found["gate"] = verbs.gate(ids, arguments.margin, arguments.figure)
    _tell_comparison(arguments, found)
    return int(arguments.fail_if_worse and found["gate"]["worse"])


def _tell_comparison(arguments: argparse.Namespace, found: Json) -> None:
    rows = [
        [model["label"], *(_percent(model["headline"][name]) for name in ("tool_accuracy", "exact_calls"))]
        for model in found["models"]
    ]
    title = f"{found['n']} {found['split']} scenarios of snapshot {found['snapshot']}; {found['differing']} differ"
    verdict = (
        [f"{'WORSE' if found['gate']['worse'] else 'not worse'}: {found['gate']['reason']}"] if "gate" in found else []
    )
    _tell(
        arguments, found, title, *_table(["model", "tool accuracy", "exact calls"], rows), *found["findings"], *verdict
    )


def _format_of(path: Path) -> str:
    """The format that the end of a file's name asks for."""
    try:
        return publishing.SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise WorkbenchError(
            f"It is not clear what to write to {path}.", f"End its name in {', '.join(publishing.SUFFIXES)}."
        ) from None


def _leaderboard(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.leaderboard(arguments.snapshot, arguments.split)
    names = ("exact_calls", "tool_accuracy")
    rows = [
        [one["label"], *(_percent(one[name]) for name in names), one["at"][:16], one["run"]] for one in found["entries"]
    ]
    table = _table(["model", "exact calls", "tool accuracy", "at", "run"], rows)
    return _tell(arguments, found, *(table if rows else ["Nothing was evaluated on this snapshot split yet."]))


def _score(arguments: argparse.Namespace) -> int:
    *given, replies = arguments.files
    if len(given) not in ((1, 2) if arguments.bfcl else (2,)):
        wanted = "QUESTIONS [ANSWERS] REPLIES" if arguments.bfcl else "TOOLS SCENARIOS REPLIES"
        raise WorkbenchError("Some file is missing, or one too many.", f"Name {wanted}, in this order.")
    if arguments.bfcl:
        answers = given[1] if len(given) == 2 else None
        rows = scoring.score_bfcl(given[0], answers, replies, arguments.dialect, arguments.underscores)
    else:
        rows = scoring.score_replies(given[0], given[1], replies, arguments.dialect or scoring.DIALECT)
    counts = {"right": 0, "wrong": 0, "problems": 0}
    for row in rows:
        kind = "problems" if "problem" in row else "right" if row["valid"] else "wrong"
        counts[kind] += 1
        said = row.get("problem") or f"{row.get('error_type', '')} {row['error']}".strip()
        print(json.dumps(row, ensure_ascii=False) if arguments.json else f"{row['id']}  {kind}  {said}".rstrip())
    print(f"{counts['right']} right, {counts['wrong']} wrong, {counts['problems']} not scored", file=sys.stderr)
    return 1 if counts["problems"] else 0


def _app(arguments: argparse.Namespace) -> int:
    command = [sys.executable, str(REPOSITORY / "app.py"), "--host", arguments.host, "--port", str(arguments.port)]
    command += ["--workspace", str(arguments.workspace)] if arguments.workspace else []
    command += ["--no-browser"] if arguments.no_browser else []
    os.execv(sys.executable, command)


def _serve(arguments: argparse.Namespace) -> int:
    command = [sys.executable, str(REPOSITORY / "app.py"), "--no-browser", "--host", arguments.host]
    command += ["--port", str(arguments.port), "--toolset", arguments.toolset]
    command += [part for model in arguments.model for part in ("--model", model)]
    command += ["--workspace", str(arguments.workspace)] if arguments.workspace else []
    command += ["--no-traffic"] if arguments.no_traffic else []
    os.execv(sys.executable, command)


def _demo(arguments: argparse.Namespace) -> int:
    with _bar() as show:
        found = demo.demo(arguments.workspace, lambda title, progress: show(title, _progress_of(progress)))
    print(json.dumps(found))
    return 0


def _start_evaluations(verbs: AnyVerbs, arguments: argparse.Namespace) -> Json:
    ids = _lineup(verbs, arguments)
    if arguments.constrained:
        ids = [*map(with_grammar, ids)]
    return verbs.evaluate(ids, arguments.split, arguments.snapshot, arguments.toolset)


def _model_id(model: str) -> str:
    """A folder or file is given relative to where the command runs; the app may run elsewhere."""
    return str(ModelName.read(model).with_whole_path())


def _lineup(verbs: AnyVerbs, arguments: argparse.Namespace) -> list[str]:
    """Ids of all models that the arguments name, in the variant that the options ask for."""
    named = [*map(_model_id, arguments.models)]
    if "endpoint" not in arguments:
        return named
    named += [str(path.resolve()) for path in arguments.gguf]
    if arguments.endpoint:
        named.append(verbs.save_endpoint(_endpoint(arguments))["id"])
    named = [variant(model, arguments.shots, arguments.int8) for model in named]
    if not (named := list(dict.fromkeys([*named, *arguments.baseline]))):
        raise WorkbenchError("No model is named.", "Name one, such as 'starter', or use --endpoint or --baseline.")
    return named


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
        cost = f"cost {summary['cost']:g}" if summary.get("cost") else ""
        note = "; ".join(filter(None, (exact, told(summary) if exact else run["message"].partition("\n")[0], cost)))
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
    _add_tool_verbs(verbs)
    _add_curation_verbs(verbs)
    _add_generate_verb(verbs)
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

    parser = _verb(verbs, "coverage", _coverage, "count scenarios by tool and OS, mode, shell, category or split")
    parser.add_argument("--toolset", default="")
    parser.add_argument(
        "--by", default="os", choices=("os", "mode", "shell", "category", "split"), help="columns of the table"
    )


def _add_curation_verbs(verbs: Any) -> None:
    parser = _verb(verbs, "targets", _targets, "show or set how many scenarios of which kind a toolset wants")
    parser.add_argument("lines", nargs="*", metavar="TARGET", help=EXAMPLES.replace("%", "%%"))
    parser.add_argument("--toolset", default="")
    parser.add_argument("--preset", default="", choices=("", *PRESETS), help="a ready list; TARGETs are added to it")
    parser.add_argument("--clear", action="store_true", help="take all targets away")

    parser = _verb(verbs, "check", _check, "list every violation of the quality gates; exit status 1 when there is one")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="check these instead of the workspace")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--target", action="append", default=[], help="hold it to this instead of its own targets")
    parser.add_argument("--preset", default="", choices=("", *PRESETS), help="hold it to these targets")

    parser = _verb(verbs, "history", _history, "list changes; undo or redo any of them")
    parser.add_argument("--undo", nargs="?", type=int, const=0, metavar="CHANGE", help="take back the newest, or this")
    parser.add_argument("--redo", nargs="?", type=int, const=0, metavar="CHANGE", help="bring back the last, or this")
    parser.add_argument("--rest", action="store_true", help="leave scenarios alone that changed again later")
    parser.add_argument("--change", type=int, default=0, metavar="CHANGE", help="show what this change did")
    parser.add_argument("--scenario", default="", metavar="ID", help="show the revisions of this scenario")
    parser.add_argument("--limit", type=int, default=20)

    parser = _verb(verbs, "snapshots", _snapshots, "list snapshots, or the rows that differ between two")
    parser.add_argument("--compare", nargs=2, metavar=("BEFORE", "AFTER"))

    parser = _verb(verbs, "edit", _edit, "set fields of many scenarios as one change")
    parser.add_argument("ids", nargs="*", metavar="ID", help="of scenarios; or give a filter")
    for name, help in BULK_FIELDS.items():
        parser.add_argument(f"--set-{name.replace('_', '-')}", nargs="+" if name.endswith("_tags") else None, help=help)
    for field in fields(ScenarioFilter):
        parser.add_argument(f"--{field.name}", default="", help=f"only scenarios with this {field.name}")

    parser = _verb(verbs, "review", _review, "list the drafts that wait, the most needed first; approve or reject some")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--reviewer", default=DEFAULT_AUTHOR, help="who says so")
    parser.add_argument("--approve", nargs="+", default=[], metavar="ID")
    parser.add_argument("--reject", nargs="+", default=[], metavar="ID")
    parser.add_argument("--reviewers", type=int, default=0, choices=(1, 2), help="how many must agree from now on")
    parser.add_argument("--limit", type=int, default=20)


def _add_tool_verbs(verbs: Any) -> None:
    help = "list, bring in, change and compare toolsets"
    parser = verbs.add_parser("tools", help=help, description=help)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _verb(verbs, "list", _tools_list, "all toolsets")
    _add_version(_on_toolset(verbs, "show", _tools_show, "the tools of a toolset, and how many scenarios call each"))

    parser = _verb(
        verbs, "import", _tools_import, "read tools from a file: JSON, a Python module (never run), or a CLI base"
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    _add_draft(parser)
    parser = _verb(verbs, "mcp", _tools_mcp, "read tools from an MCP server")
    parser.add_argument("--url", default="", help="address of a running server (streamable HTTP)")
    parser.add_argument("server", nargs="*", metavar="COMMAND", help="after '--': starts a server that speaks on stdio")
    _add_draft(parser)

    parser = _on_toolset(verbs, "export", _tools_export, "write the tools to a JSON file")
    parser.add_argument("--form", default="openai", choices=toolsets.EXPORT_FORMS)
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    _add_version(parser)
    _on_toolset(verbs, "history", _tools_history, "the versions of a toolset")
    parser = _on_toolset(verbs, "diff", _tools_diff, "what differs between two versions")
    parser.add_argument("old", type=int, metavar="OLD")
    parser.add_argument("new", type=int, nargs="?", default=0, metavar="NEW", help="the newest when left out")

    parser = _on_toolset(verbs, "rename", _tools_rename, "give a tool another name, in scenarios, too")
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--calls", action=argparse.BooleanOptionalAction, default=True, help="in scenarios, too")
    _add_broken(parser)
    parser = _on_toolset(verbs, "restore", _tools_restore, "make an older version the newest again")
    parser.add_argument("version", type=int, metavar="VERSION")
    _add_broken(parser)
    parser = _on_toolset(
        verbs, "check", _tools_check, "which scenarios do not fit; exit status 1 if approved ones do not"
    )
    parser.add_argument("--set-draft", action="store_true", help="take back the approval of those that do not fit")
    _on_toolset(verbs, "delete", _tools_delete, "delete a toolset that no scenario belongs to")


def _on_toolset(verbs: Any, name: str, command: Command, help: str) -> argparse.ArgumentParser:
    parser = _verb(verbs, name, command, help)
    parser.add_argument("toolset", metavar="TOOLSET")
    return parser


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", type=int, default=0, metavar="N", help="the newest when left out")


def _add_draft(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--into", default="", metavar="TOOLSET", help="which toolset they become, or whose they replace"
    )
    parser.add_argument("--merge", action="store_true", help="keep the tools that the file does not have")
    parser.add_argument("--dry-run", action="store_true", help="only show what would change and break")
    _add_broken(parser)


def _add_broken(parser: argparse.ArgumentParser) -> None:
    help = "what becomes of approved scenarios that the change breaks"
    parser.add_argument("--broken", default="", choices=[choice for choice in BROKEN_CHOICES if choice], help=help)


def _add_generate_verb(verbs: Any) -> None:
    parser = _verb(verbs, "generate", _generate, "make drafts that fill gaps: by rule, or with a teacher model")
    parser.add_argument("--way", default="schema", choices=WAYS)
    parser.add_argument("--toolset", default="")
    for name, help in (
        ("tool", "only this tool, or NO_TOOL"),
        ("os", "this OS"),
        ("mode", "this mode"),
        ("shell", "this shell"),
        ("change", f"way typos: one of {', '.join(CHANGES)}"),
        ("style", "way teacher: this style"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], help=f"{help}; may be repeated")
    parser.add_argument("--count", type=int, help="how many; a larger one adds to what a smaller one gave")
    parser.add_argument("--seed", type=int, help="another seed gives another selection")
    parser.add_argument("--split", choices=SPLITS, help="whose scenarios are rewritten (train)")
    parser.add_argument("--template", type=Path, metavar="FILE", help="way template: a TOML file of templates")
    parser.add_argument("--dry-run", action="store_true", help="only show examples")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write JSONL here instead of adding drafts")
    parser.add_argument("--vectors", type=Path, metavar="FILE", help="write the schemas' argument sets as test vectors")
    group = parser.add_argument_group("way teacher: a model behind an OpenAI-compatible endpoint")
    group.add_argument("--base-url", metavar="URL", help="such as http://127.0.0.1:8000/v1")
    group.add_argument("--model", help="name that the endpoint gives the model")
    group.add_argument("--key-env", metavar="NAME", help="environment variable that holds the key")
    group.add_argument("--paraphrase", action="store_true", help="reword what is there instead of writing new ones")
    group.add_argument("--resume", default="", metavar="RUN", help="go on with an earlier run")
    taken = ("base_url", "model", "key_env", "count", "seed")
    for field in (*fields(Endpoint), *fields(TeacherSettings)):
        if field.name not in taken:
            group.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default))
    _add_wait(parser)

    parser = _verb(verbs, "duplicates", _duplicates, "near-duplicates, conflicts and leaks; say what is to be done")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--kind", default="", choices=("", *duplicates.ALL_KINDS), help="only clusters of this kind")
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--similar", default="", metavar="REQUEST", help="list scenarios like this request instead")
    parser.add_argument(
        "--encoder", default="", help="folder or hub id of a BERT-like model that compares meaning, too"
    )
    parser.add_argument("--action", default="", choices=("", "keep", "merge", "variants", "unmark"))
    parser.add_argument("--keep", default="", metavar="ID", help="the scenario that stays, of keep and merge")
    parser.add_argument("ids", nargs="*", metavar="ID", help="the scenarios of the action")


def _add_run_verbs(verbs: Any) -> None:
    parser = _verb(verbs, "train", _train, "train a LoRA adapter")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--base", default="", help=f"'{STARTER_ID}' (the default), a hub id or a folder")
    parser.add_argument("--name", default="", help="what to call the trained model")
    parser.add_argument("--snapshot", default="", metavar="HASH", help="instead of what is approved now")
    parser.add_argument("--like", default="", metavar="RUN", help="take toolset, base and settings from this run")
    parser.add_argument("--auto", action="store_true", help="train and evaluate only if enough scenarios are new")
    parser.add_argument("--min-new", type=int, default=0, metavar="N", help="how many are enough (50)")
    parser.add_argument("--timer", default="", choices=("on", "off"), help="let the app look by itself, or not")
    leaks = "train although held-out scenarios are like training scenarios; the run keeps the reason"
    parser.add_argument("--allow-leaks", default="", metavar="REASON", help=leaks)
    parser.add_argument("--preset", default="", choices=("", *RECIPES), help="settings for these data and this machine")
    parser.add_argument("--preflight", action="store_true", help="only show what a run would see and cost")
    _add_wait(parser)
    group = parser.add_argument_group("settings, with good defaults for each base")
    for field in _setting_fields():
        group.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default))

    _add_runs(_verb(verbs, "runs", _runs, "list, show, stop, resume, reorder, tag, compare or delete runs"))

    parser = _verb(verbs, "artefact", _artefact, "write a trained model as files and compare them; or list artefacts")
    parser.add_argument("run", nargs="?", default="", metavar="RUN", help="a training run, or an export to show")
    parser.add_argument("--format", action="append", default=[], choices=FORMATS, help="may be repeated")
    parser.add_argument("--split", choices=SPLITS, help=f"to compare on ({ExportSettings.split})")
    parser.add_argument("--limit", type=float, help=f"part of answers that may differ, 0 to 1 ({ExportSettings.limit})")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--threads", type=int)
    _add_wait(parser)

    parser = _verb(verbs, "evaluate", _evaluate, "let models answer the scenarios of a split")
    _add_models(parser, "*")
    _add_variants(parser)
    _add_wait(parser)
    parser.add_argument("--metrics", type=Path, metavar="FILE", help="write the metrics as JSON here; needs --wait")

    parser = _verb(verbs, "endpoints", _endpoints, "list saved endpoints, save or delete one")
    _add_endpoint(parser)
    parser.add_argument("--delete", default="", metavar="NAME", help="forget this one; its evaluations stay")

    parser = _verb(verbs, "compare", _compare, "two or more models side by side, evaluated where they are not yet")
    _add_models(parser)
    parser.add_argument("--differing", action="store_true", help="only the scenarios where the models differ")
    parser.add_argument("--threshold", type=int, default=0, metavar="PERCENT", help="less sure calls count as NO_TOOL")
    parser.add_argument(
        "--export", "--output", type=Path, metavar="FILE", action="append", default=[],
        help="write .csv, .jsonl (a scenario a row), .html (a report) or .json (metrics); may be repeated",
    )  # fmt: skip
    gate = parser.add_argument_group("gate, for the first model as base and the second as candidate")
    gate.add_argument(
        "--fail-if-worse", action="store_true",
        help="exit with 1 when the candidate is worse beyond chance (exact McNemar test, two-sided, 5%%); 2 on errors",
    )  # fmt: skip
    gate.add_argument(
        "--margin", type=float, metavar="POINTS", help="fail beyond this loss instead, whatever chance is"
    )
    gate.add_argument("--figure", default="exact", choices=("exact", "tool"), help="what must not be worse")

    parser = _verb(verbs, "leaderboard", _leaderboard, "every evaluated model on a snapshot split, the best first")
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument("--split", default="test", choices=SPLITS)

    parser = _verb(verbs, "score", _score, "judge a file of replies; with --json one verdict a line")
    files = "TOOLS SCENARIOS REPLIES, or with --bfcl QUESTIONS [ANSWERS] REPLIES"
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=files)
    parser.add_argument("--bfcl", action="store_true", help="the verdicts of BFCL's own checker")
    parser.add_argument("--underscores", action="store_true", help="BFCL: function names are written with _ for .")
    parser.add_argument("--dialect", default="", help=f"how raw replies are written ({scoring.DIALECT})")

    parser = _verb(verbs, "app", _app, "open the workbench in the browser")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--no-browser", action="store_true")

    parser = _verb(verbs, "serve", _serve, "answer OpenAI's clients at /v1, without opening a browser")
    parser.add_argument(
        "--model", action="append", default=[], metavar="ID", help="beside the starter and trained ones"
    )
    parser.add_argument("--toolset", default="", help="of requests without tools (the one the model was trained for)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--no-traffic", action="store_true", help="do not record what was asked and answered")

    _verb(verbs, "demo", _demo, "the whole loop in a temporary workspace: evaluate, train, evaluate again")


def _add_runs(parser: argparse.ArgumentParser) -> None:
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


def _add_variants(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("further models and variants of those that are named")
    group.add_argument("--gguf", action="append", default=[], type=Path, metavar="FILE", help="a GGUF file")
    group.add_argument("--baseline", action="append", default=[], choices=(NEAREST.id,), help="no model at all")
    group.add_argument("--shots", type=int, default=0, metavar="K", help="nearest training scenarios in each prompt")
    group.add_argument("--int8", action="store_true", help="weights rounded to eight bits")
    _add_endpoint(parser)


def _add_endpoint(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("an OpenAI-compatible endpoint; it is saved, without its key")
    group.add_argument("--endpoint", metavar="URL", help="such as http://127.0.0.1:8000/v1")
    group.add_argument("--endpoint-model", metavar="NAME", help="name of the model there; asked for when left out")
    group.add_argument("--endpoint-name", metavar="NAME", help="what to call it here")
    group.add_argument("--key-env", metavar="VAR", help="environment variable that holds the key")
    for name, (kind, help) in _ENDPOINT_OPTIONS.items():
        if name != "key_env":
            group.add_argument(f"--{name.replace('_', '-')}", type=kind, help=help)


def _add_models(parser: argparse.ArgumentParser, many: str = "+") -> None:
    help = "'starter', a hub id, a folder, a .gguf file, run:ID, endpoint:NAME, nearest, or an evaluation's id; "
    help += "+int8 and +k4 behind it make variants"
    parser.add_argument("models", nargs=many, metavar="MODEL", help=help)
    parser.add_argument("--split", default="", choices=SPLITS, help="test, or that of the evaluation that is named")
    parser.add_argument("--snapshot", default="", metavar="HASH", help="instead of what is approved now")
    parser.add_argument("--toolset", default="", help="of the snapshot that is made")
    parser.add_argument("--constrained", action="store_true", help="hold replies to the grammar, as MODEL+grammar does")


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="until it has finished")
