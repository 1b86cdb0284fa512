"""The command line: ``python -m workbench VERB … [--workspace DIR] [--json]``.

Results on standard output, progress and errors on standard error. Exit status 0 when all went well, 1 with a message
and a hint when it did not, 2 for a wrong command line, 130 when interrupted. While an app holds the workspace, the
verbs go through it (see ``actions.remote``). Decides nothing and loads no torch.

A module holds a group of verbs: for each its command, and beside it the function that adds its arguments.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from workbench import __version__
from workbench.cli import comparing, data, generating, inbox, quality, runs, serving, suggesting, tools, training
from workbench.cli.output import fail
from workbench.errors import WorkbenchError

VERBS = (
    data.add_status,
    data.add_import,
    data.add_export,
    data.add_coverage,
    tools.add_tools,
    quality.add_targets,
    quality.add_check,
    data.add_history,
    data.add_snapshots,
    data.add_edit,
    quality.add_review,
    generating.add_generate,
    quality.add_duplicates,
    training.add_train,
    runs.add_runs,
    training.add_artefact,
    comparing.add_evaluate,
    comparing.add_endpoints,
    comparing.add_compare,
    comparing.add_leaderboard,
    comparing.add_score,
    serving.add_app,
    serving.add_serve,
    inbox.add_inbox,
    inbox.add_capture,
    serving.add_served,
    serving.add_config,
    suggesting.add_suggest,
    serving.add_demo,
)
"""What adds each verb, in the order of the help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
        return status
    except WorkbenchError as error:
        fail(error, arguments.json)
        # Where 1 says that a model is worse, what could not be compared must say something else.
        return 2 if getattr(arguments, "fail_if_worse", False) else 1
    except BrokenPipeError:
        # The reader of a pipe has seen enough, as with `export | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("Interrupted. Runs that were started go on; 'runs' shows them.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    description = "Teach a small language model to pick the right tool."
    parser = argparse.ArgumentParser(prog="python -m workbench", description=description)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in VERBS:
        add(verbs)
    return parser
