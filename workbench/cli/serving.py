"""Verbs that start the app, say what it serves, or show the whole loop: app, serve, served, demo."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from workbench.actions import demo
from workbench.actions.remote import reach
from workbench.actions.runs import Progress
from workbench.actions.verbs import Json
from workbench.cli.arguments import add_verb, model_id
from workbench.cli.output import progress_bar, proposal_lines, tell
from workbench.errors import WorkbenchError
from workbench.workspace import REPOSITORY


def _app(arguments: argparse.Namespace) -> int:
    command = [sys.executable, str(REPOSITORY / "app.py"), "--host", arguments.host, "--port", str(arguments.port)]
    command += ["--workspace", str(arguments.workspace)] if arguments.workspace else []
    command += ["--no-browser"] if arguments.no_browser else []
    os.execv(sys.executable, command)


def add_app(verbs: Any) -> None:
    parser = add_verb(verbs, "app", _app, "open the workbench in the browser")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--no-browser", action="store_true")


def _serve(arguments: argparse.Namespace) -> int:
    command = [sys.executable, str(REPOSITORY / "app.py"), "--no-browser", "--host", arguments.host]
    command += ["--port", str(arguments.port), "--toolset", arguments.toolset]
    command += [part for model in arguments.model for part in ("--model", model)]
    command += ["--workspace", str(arguments.workspace)] if arguments.workspace else []
    command += ["--no-traffic"] if arguments.no_traffic else []
    os.execv(sys.executable, command)


def add_serve(verbs: Any) -> None:
    parser = add_verb(verbs, "serve", _serve, "answer OpenAI's clients at /v1, without opening a browser")
    parser.add_argument(
        "--model", action="append", default=[], metavar="ID", help="beside the starter and trained ones"
    )
    parser.add_argument("--toolset", default="", help="of requests without tools (the one the model was trained for)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
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


def _demo(arguments: argparse.Namespace) -> int:
    with progress_bar() as show:
        found = demo.demo(arguments.workspace, lambda title, progress: show(title, _progress_of(progress)))
    print(json.dumps(found))
    return 0


def _progress_of(progress: Progress) -> Json:
    return {"phase": progress.phase, "fraction": progress.fraction, "figures": progress.figures}


def add_demo(verbs: Any) -> None:
    add_verb(verbs, "demo", _demo, "the whole loop in a temporary workspace: evaluate, train, evaluate again")
