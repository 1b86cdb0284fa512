"""Verbs that start the app, say what it serves, or show the whole loop: app, serve, served, config, demo."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from workbench.actions import config, demo
from workbench.actions.remote import reach
from workbench.actions.run_progress import Progress
from workbench.actions.verbs import Json
from workbench.cli.arguments import add_verb, model_id
from workbench.cli.output import progress_bar, proposal_lines, table_lines, tell
from workbench.errors import WorkbenchError
from workbench.workspace import REPOSITORY, Workspace


def _app(arguments: argparse.Namespace) -> int:
    os.execv(sys.executable, _command(arguments))


def add_app(verbs: Any) -> None:
    parser = add_verb(verbs, "app", _app, "open the workbench in the browser")
    _add_server(parser)
    parser.add_argument("--no-browser", action="store_true")


def _serve(arguments: argparse.Namespace) -> int:
    command = [*_command(arguments), "--no-browser"]
    command += ["--toolset", arguments.toolset] if arguments.toolset else []
    command += [part for model in arguments.model for part in ("--model", model)]
    command += ["--encoder", arguments.encoder] if arguments.encoder else []
    command += ["--no-traffic"] if arguments.no_traffic else []
    os.execv(sys.executable, command)


def add_serve(verbs: Any) -> None:
    parser = add_verb(verbs, "serve", _serve, "answer OpenAI's clients at /v1, without opening a browser")
    parser.add_argument(
        "--model", action="append", default=[], metavar="ID", help="beside the starter and trained ones"
    )
    parser.add_argument("--toolset", default="", help="of requests without tools (the one the model was trained for)")
    _add_server(parser)
    parser.add_argument("--encoder", default="", metavar="ID", help="of /v1/embeddings: folder or hub id, BERT-like")
    parser.add_argument("--no-traffic", action="store_true", help="do not record what was asked and answered")


def _served(arguments: argparse.Namespace) -> int:
    if arguments.swap and arguments.model:
        raise WorkbenchError("--swap and --model are two ways to choose.", "Give one of them.")
    with reach(arguments.workspace) as verbs:
        if arguments.model:
            found = verbs.served.serve(model_id(arguments.model), arguments.toolset, arguments.reason)
        elif arguments.swap:
            found = verbs.served.swap(arguments.toolset)
        else:
            found = verbs.served.show(arguments.toolset)
    since = f" since {found['since']}" if found["since"] else ""
    told = [f"{found['toolset']}: {found['model']} is served{since}"]
    told += [f"  {found['reason']}"] if found["reason"] else []
    return tell(arguments, found, *told, *(proposal_lines(found["proposal"]) if found["proposal"] else []))


def add_served(verbs: Any) -> None:
    parser = add_verb(verbs, "served", _served, "which model answers for a toolset; choose another")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--model", default="", metavar="ID", help="serve this one from now on")
    parser.add_argument("--reason", default="", help="why; it is kept")
    parser.add_argument("--swap", action="store_true", help="serve the one that auto-train proposes")


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (workbench.toml of the workspace)")
    parser.add_argument("--host", help="127.0.0.1; another address demands a password and an API key")
    parser.add_argument("--port", type=int, help="7860; 0 takes a free one")


def _command(arguments: argparse.Namespace) -> list[str]:
    """The command line of the app; what is not given is left to its settings."""
    options = {name: getattr(arguments, name) for name in ("workspace", "config", "host", "port")}
    given = [part for name, value in options.items() if value is not None for part in (f"--{name}", str(value))]
    browser = ["--no-browser"] if getattr(arguments, "no_browser", False) else []
    return [sys.executable, str(REPOSITORY / "app.py"), *given, *browser]


def _config(arguments: argparse.Namespace) -> int:
    found = config.load(
        Workspace(arguments.workspace.resolve()) if arguments.workspace else Workspace(), arguments.file
    )
    rows = [[name, json.dumps(one["value"]), one["from"]] for name, one in found.to_dict().items()]
    return tell(arguments, found.to_dict(), *table_lines(["setting", "value", "from"], rows))


def add_config(verbs: Any) -> None:
    parser = add_verb(verbs, "config", _config, "check the settings that an app would start with, and show them")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="instead of the workspace's workbench.toml")


def _demo(arguments: argparse.Namespace) -> int:
    with progress_bar() as show:
        found = demo.demo(arguments.workspace, lambda title, progress: show(title, _progress_of(progress)))
    print(json.dumps(found))
    return 0


def _progress_of(progress: Progress) -> Json:
    return {"phase": progress.phase, "fraction": progress.fraction, "figures": progress.figures}


def add_demo(verbs: Any) -> None:
    add_verb(verbs, "demo", _demo, "the whole loop in a temporary workspace: evaluate, train, evaluate again")
