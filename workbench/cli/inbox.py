"""Verbs on what the served router decided: inbox, capture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.actions.inbox import REASONS
from workbench.actions.remote import reach
from workbench.actions.verbs import Json
from workbench.cli.arguments import AnyVerbs, add_verb
from workbench.cli.output import table_lines, tell, write
from workbench.errors import WorkbenchError
from workbench.records import NO_TOOL
from workbench.scenarios.observed import FORMS
from workbench.store.inbox import STATES


def _inbox(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.export:
            lines = verbs.inbox.export(arguments.export, arguments.toolset)
            write(arguments.out, (line.encode() for line in lines))
            return 0
        if arguments.import_file:
            found = verbs.inbox.bring(arguments.import_file, arguments.toolset)
            return tell(arguments, found, *_brought(found))
        if arguments.accept or arguments.reject or arguments.correct:
            found = _judge(verbs, arguments)
            draft = f": draft {found['scenario']}" if found["scenario"] else ""
            return tell(arguments, found, f"{found['id']} {found['verdict']}{draft}")
        if arguments.id:
            found = verbs.inbox.show(arguments.id)
            return tell(arguments, found, *_shown(found))
        given = {name: getattr(arguments, name) for name in ("toolset", "state", "model", "reason", "text")}
        found = verbs.inbox.list(given, 0, arguments.limit)
    return tell(arguments, found, *_listed(found))


def _judge(verbs: AnyVerbs, arguments: argparse.Namespace) -> Json:
    near = arguments.near_held_out
    if arguments.accept:
        return verbs.inbox.accept(arguments.accept, near)
    if arguments.reject:
        return verbs.inbox.reject(arguments.reject)
    completion, text = arguments.correct
    try:
        expected = NO_TOOL if text == NO_TOOL else json.loads(text)
    except ValueError as error:
        hint = f'Write a list of calls such as [{{"name": "clock", "arguments": {{}}}}], or {NO_TOOL}.'
        raise WorkbenchError("The expected calls are not JSON.", hint) from error
    return verbs.inbox.correct(completion, expected, near)


def _listed(found: Json) -> Iterator[str]:
    rows = [
        [one["id"], one["model"], _said(one), ", ".join(one["reasons"]), one["request"][:60].replace("\n", " ")]
        for one in found["entries"]
    ]
    yield from table_lines(["id", "model", "decided", "why", "request"], rows) if rows else ["Nothing is waiting."]
    counts = ", ".join(f"{n:,} {state}" for state, n in found["counts"].items())
    yield f"{found['toolset']}: {found['total']:,} shown; {counts}"


def _shown(one: Json) -> Iterator[str]:
    yield one["request"]
    yield f"decided    {_said(one)} ({one['model']}, {one['at']})"
    yield from (f"also       {_said(other)} ({other['model']})" for other in one["others"])
    yield f"state      {one['state']}{' ' + one['scenario'] if one['scenario'] else ''}"
    if one["nearest"]["nearest"]:
        yield f"nearest    {one['nearest']['nearest']} ({one['nearest']['likeness']:.0%})"
    yield from (f"why        {REASONS[reason]}" for reason in one["reasons"])
    yield from (f"near       {id} is held out" for id in one["nearest"]["held_out"])


def _said(one: Json) -> str:
    calls = (f"{call['name']}({json.dumps(call['arguments'], ensure_ascii=False)})" for call in one["calls"])
    return " + ".join(calls) or (f"unreadable: {one['malformed']}" if one.get("malformed") else NO_TOOL)


def _brought(found: Json) -> Iterator[str]:
    for one in found["problems"]:
        yield f"{one['file']}:{one['line']} {one['field']}: {one['message']} {one['hint']}".rstrip()
    yield f"{found['new']:,} new, {found['known']:,} known already, {len(found['problems']):,} unreadable"


def add_inbox(verbs: Any) -> None:
    parser = add_verb(verbs, "inbox", _inbox, "what the served router decided, the most needed first; judge it")
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="show one decision")
    parser.add_argument("--accept", default="", metavar="ID", help="the model was right: a draft with its decision")
    parser.add_argument(
        "--correct",
        nargs=2,
        default=None,
        metavar=("ID", "CALLS"),
        help="the model was wrong: a draft with these calls",
    )
    parser.add_argument("--reject", default="", metavar="ID", help="nothing to learn from it")
    parser.add_argument(
        "--near-held-out", action="store_true", help="take what is near a held-out scenario, into that one's split"
    )
    parser.add_argument("--import", dest="import_file", type=Path, default=None, metavar="FILE", help="take a log in")
    parser.add_argument("--export", default="", choices=("", *FORMS), help="write every recorded decision")
    parser.add_argument("--out", type=Path, default=None, metavar="FILE", help="instead of standard output")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--state", default="open", choices=("", *STATES))
    parser.add_argument("--reason", default="", choices=("", *REASONS))
    parser.add_argument("--model", default="")
    parser.add_argument("--text", default="", help="occurs in the request")
    parser.add_argument("--limit", type=int, default=50)


def _capture(arguments: argparse.Namespace) -> int:
    active = True if arguments.on else False if arguments.off else None
    with reach(arguments.workspace) as verbs:
        if active is not None or arguments.share is not None or arguments.keep_days is not None:
            found = verbs.inbox.set_capture(active, arguments.share, arguments.keep_days)
        else:
            found = verbs.inbox.capture()
    what = f"{found['share']:.0%} of the decisions are recorded" if found["active"] else "nothing is recorded"
    return tell(arguments, found, f"{what}; they are kept for {found['keep_days']} days")


def add_capture(verbs: Any) -> None:
    parser = add_verb(verbs, "capture", _capture, "show or set what is recorded of served decisions")
    switch = parser.add_mutually_exclusive_group()
    switch.add_argument("--on", action="store_true")
    switch.add_argument("--off", action="store_true")
    parser.add_argument("--share", type=float, default=None, metavar="SHARE", help="of the decisions, 0 to 1")
    parser.add_argument("--keep-days", type=int, default=None, metavar="DAYS", help="older ones are deleted")
