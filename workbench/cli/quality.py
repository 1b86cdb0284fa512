"""Verbs on how good the scenarios are: targets, check, duplicates, review."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.actions import check, duplicates
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.remote import reach
from workbench.actions.verbs import Json
from workbench.cli.arguments import add_verb, model_id
from workbench.cli.output import table_lines, tell
from workbench.scenarios.targets import EXAMPLES, PRESETS


def _targets(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.lines or arguments.preset or arguments.clear:
            verbs.set_targets(arguments.toolset, arguments.lines, arguments.preset)
        found = verbs.targets(arguments.toolset)
    rows = [
        [row["target"], row["value"], f"{row['have']:,}", f"{row['need']:,}", f"{row['missing']:,} missing"]
        for row in found["progress"]
    ]
    table = table_lines(["target", "value", "have", "need", ""], rows) if rows else ["There are no targets yet."]
    return tell(arguments, found, f"{found['toolset']}: {found['approved']:,} approved scenarios", *table)


def add_targets(verbs: Any) -> None:
    parser = add_verb(verbs, "targets", _targets, "show or set how many scenarios of which kind a toolset wants")
    parser.add_argument("lines", nargs="*", metavar="TARGET", help=EXAMPLES.replace("%", "%%"))
    parser.add_argument("--toolset", default="")
    parser.add_argument("--preset", default="", choices=("", *PRESETS), help="a ready list; TARGETs are added to it")
    parser.add_argument("--clear", action="store_true", help="take all targets away")


def _check(arguments: argparse.Namespace) -> int:
    given = arguments.target or None
    if arguments.files:
        found = check.check_files(arguments.files, arguments.toolset, given, arguments.preset).to_dict()
    else:
        with reach(arguments.workspace) as verbs:
            found = verbs.check(arguments.toolset, given, arguments.preset)
    tell(arguments, found, *_check_lines(found))
    return 0 if found["ok"] else 1


def _check_lines(found: Json) -> Iterator[str]:
    for one in found["violations"]:
        place = " ".join(part for part in (one["file"], one["line"] and f"line {one['line']}", one["scenario"]) if part)
        field = f"{one['field']}: " if one["field"] else ""
        yield f"{one['gate']}: {place}{': ' if place else ''}{field}{one['message']} {one['hint']}".rstrip()
    verdict = "all gates are passed" if found["ok"] else f"{len(found['violations']):,} violation(s)"
    yield f"{found['toolset']}: {found['checked']:,} approved scenarios, {verdict}"


def add_check(verbs: Any) -> None:
    parser = add_verb(
        verbs, "check", _check, "list every violation of the quality gates; exit status 1 when there is one"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="check these instead of the workspace")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--target", action="append", default=[], help="hold it to this instead of its own targets")
    parser.add_argument("--preset", default="", choices=("", *PRESETS), help="hold it to these targets")


def _duplicates(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.similar:
            found = verbs.similar(arguments.similar, arguments.toolset, arguments.limit)
            rows = [
                [f"{one['likeness']:.0%}", one["scenario"]["id"], one["scenario"]["request"]]
                for one in found["similar"]
            ]
            return tell(
                arguments, found, *(table_lines(["like", "id", "request"], rows) if rows else ["Nothing is like it."])
            )
        if arguments.action:
            done = verbs.settle(arguments.action, arguments.ids, arguments.keep)
            return tell(arguments, done, "done")
        if arguments.encoder:
            verbs.compare_meaning(model_id(arguments.encoder), arguments.toolset)
        found = verbs.duplicates(arguments.toolset, arguments.kind, arguments.offset, arguments.limit)
    counts = ", ".join(f"{n} {name}" for name, n in found["counts"].items())
    title = f"{found['toolset']}: {found['scenarios']} scenarios compared by {found['compared']}; {counts}"
    rows = [[", ".join(one["kinds"]), " ".join(one["scenarios"])] for one in found["clusters"]]
    moves = [
        f"{one['scenario']} went from {one['from']} to {one['to']}" for one in found["moves"] if one["was_settled"]
    ]
    return tell(arguments, found, title, *(table_lines(["kind", "scenarios"], rows) if rows else ()), *moves)


def add_duplicates(verbs: Any) -> None:
    parser = add_verb(verbs, "duplicates", _duplicates, "near-duplicates, conflicts and leaks; say what is to be done")
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
    return tell(arguments, found, *lines)


def add_review(verbs: Any) -> None:
    parser = add_verb(
        verbs, "review", _review, "list the drafts that wait, the most needed first; approve or reject some"
    )
    parser.add_argument("--toolset", default="")
    parser.add_argument("--reviewer", default=DEFAULT_AUTHOR, help="who says so")
    parser.add_argument("--approve", nargs="+", default=[], metavar="ID")
    parser.add_argument("--reject", nargs="+", default=[], metavar="ID")
    parser.add_argument("--reviewers", type=int, default=0, choices=(1, 2), help="how many must agree from now on")
    parser.add_argument("--limit", type=int, default=20)
