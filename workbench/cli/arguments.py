"""What the arguments of several verbs have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.actions.models import ModelName
from workbench.actions.remote import RemoteVerbs
from workbench.actions.verbs import Verbs

AnyVerbs = Verbs | RemoteVerbs
"""What ``reach`` gives: the verbs of a workspace, here or through its app."""

Command = Callable[[argparse.Namespace], int]
"""Does what a command line asks for; returns the exit status."""


def add_verb(verbs: Any, name: str, command: Command, help: str) -> argparse.ArgumentParser:
    """A new verb, with the options that every verb has."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=help, description=help)
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="where scenarios and runs live (the repository)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(command=command)
    return parser


def add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="until it has finished")


def model_id(model: str) -> str:
    """A folder or file is given relative to where the command runs; the app may run elsewhere."""
    return str(ModelName.read(model).with_whole_path())
