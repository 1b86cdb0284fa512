"""The verb suggest: what the router says about a request that is made on this computer."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from workbench.actions.machine import detect
from workbench.actions.remote import reach
from workbench.actions.verbs import Json
from workbench.cli.arguments import add_verb, model_id
from workbench.cli.output import table_lines, tell


def _suggest(arguments: argparse.Namespace) -> int:
    machine = detect().told(arguments.os, arguments.shell)
    model = model_id(arguments.model) if arguments.model else ""
    with reach(arguments.workspace) as verbs:
        found = verbs.suggest(" ".join(arguments.request), machine.to_dict(), model, arguments.toolset)
    return tell(arguments, found, *(_printable(line) for line in _lines(found)))


def add_suggest(verbs: Any) -> None:
    parser = add_verb(verbs, "suggest", _suggest, "ask the router, and say how to get the programs it recommends")
    parser.add_argument("request", nargs="+", help="what should be done, such as: find all python files")
    parser.add_argument("--os", default="", metavar="NAME", help="instead of this computer's, such as ubuntu or macos")
    parser.add_argument("--shell", default="", metavar="NAME", help="instead of the one that this was typed into")
    parser.add_argument("--model", default="", metavar="ID", help="a served model (the one that was trained last)")
    parser.add_argument("--toolset", default="", help="the one that the model was trained for")


def _lines(found: Json) -> Iterator[str]:
    for call in found["calls"]:
        yield f"{call['name']} {json.dumps(call['arguments'], ensure_ascii=False)}"
    if found["malformed"]:
        yield f"The reply cannot be read: {found['malformed']}"
    elif not found["calls"]:
        yield found["text"] or "No tool is needed."
    for problem in found["problems"]:
        yield f"  {problem['field']}: {problem['message']}"
    rows = [[one["name"], one["role"], _state(one), one["why"]] for one in found["programs"]]
    if rows:
        yield from table_lines(["program", "role", "here", "why"], rows)
    place = ", ".join(filter(None, (found["system"] or found["os"], found["shell"])))
    yield f"{found['model']}, confidence {found['confidence']:.2f}" + (f" ({place})" if place else "")


def _state(program: Json) -> str:
    """Whether a program is there, and what to do where it is not."""
    install, instead = program["install"], program["instead"]
    if program["builtin"]:
        return "built into the shell"
    if program["installed"]:
        return "installed"
    if program["installed"] is None and program["by_default"]:
        return "comes with the system"
    parts = ["not installed" if program["installed"] is False else "not known"]
    parts += [f"here it is {instead}"] if instead else []
    if install:
        sure = "" if install["known"] else " (if the package is called like it)"
        lacking = f" (needs {install['manager']})" if install["manager_there"] is False else ""
        parts.append(f"{install['command']}{sure}{lacking}")
    return "; ".join(parts)


def _printable(line: str) -> str:
    """Without what could move the cursor or colour the terminal: parts of it come from a model."""
    return "".join(char if char.isprintable() else "\ufffd" for char in line)
