"""Verbs that make models: train, with its pre-flight and auto-train, and artefact."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from workbench.actions.auto_train import SWAPS
from workbench.actions.models import STARTER_ID
from workbench.actions.remote import reach
from workbench.actions.run_progress import POLL_SECONDS
from workbench.actions.verbs import Json
from workbench.cli.arguments import AnyVerbs, add_verb, add_wait, model_id
from workbench.cli.output import proposal_lines, run_lines, tell, wait
from workbench.errors import WorkbenchError
from workbench.records import FINISHED_STATES, SPLITS
from workbench.training.artefacts.settings import FORMATS, ExportSettings
from workbench.training.settings import PRESETS, TrainSettings


def _train(arguments: argparse.Namespace) -> int:
    given = {field.name: getattr(arguments, field.name) for field in _setting_fields()}
    settings = {name: value for name, value in given.items() if value is not None}
    base = model_id(arguments.base)
    with reach(arguments.workspace) as verbs:
        if arguments.auto or arguments.timer:
            return _auto_train(verbs, arguments, base, settings)
        if arguments.preflight:
            return _preflight(arguments, verbs, base, settings)
        rest = (arguments.name, arguments.snapshot, arguments.allow_leaks, arguments.preset, arguments.like)
        run = verbs.train(arguments.toolset, base, settings, *rest)
        if arguments.wait:
            (run,) = wait(verbs, [run["id"]])
    return tell(arguments, run, *run_lines([run]))


def _auto_train(verbs: AnyVerbs, arguments: argparse.Namespace, base: str, settings: Json) -> int:
    """Train and evaluate if enough is new; switch the app's timer."""
    if arguments.preset or arguments.like or arguments.allow_leaks or arguments.preflight:
        message = "--auto and --timer go without --preset, --like, --allow-leaks and --preflight."
        raise WorkbenchError(message, "Give the settings themselves, such as --epochs 5.")
    found: Json = {}
    if arguments.timer:
        active = arguments.timer == "on"
        found = verbs.set_auto_rule(arguments.toolset, active, arguments.min_new, base, settings, swap=arguments.swap)
    if arguments.auto:
        found |= verbs.auto_train(arguments.toolset, arguments.min_new, base, settings)
    run = found.get("run")
    if run and arguments.wait:
        (found["run"],) = wait(verbs, [run["id"]])
        names = dict.fromkeys([run["model"], verbs.served.show(found["toolset"])["model"], f"run:{run['id']}"])
        started = verbs.evaluate([*names], "test", run["snapshot"])
        found["evaluations"] = wait(verbs, [one["id"] for one in started["runs"]])
        found["proposal"] = verbs.served.show(found["toolset"])["proposal"]
    told = [f"the app {'trains' if found['active'] else 'does not train'} by itself"] if arguments.timer else []
    told += [f"{found['toolset']}: {found['new']} approved scenarios are new, {found['min_new']} are needed"]
    told += run_lines([found["run"], *found.get("evaluations", [])]) if run else []
    told += proposal_lines(found["proposal"]) if found.get("proposal") else []
    return tell(arguments, found, *told)


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
    tell(
        arguments,
        found,
        f"{summary['scenarios']:,} scenarios, {summary['blocked']:,} of them must not be trained",
        *blocked,
        f"longest: {summary['longest']:,} tokens; trained: {summary['trained_tokens']:,} of {summary['tokens']:,}",
        f"about {summary['seconds']:,.0f} s for {summary['total_steps']:,} steps, {summary['memory_mb']:,} MB",
    )
    return 1 if found["blocked"] else 0


def _setting_fields() -> list[Any]:
    """The training settings that have an option: all but the list of layers."""
    return [field for field in fields(TrainSettings) if not isinstance(field.default, tuple)]


def add_train(verbs: Any) -> None:
    parser = add_verb(verbs, "train", _train, "train a LoRA adapter")
    parser.add_argument("--toolset", default="")
    parser.add_argument("--base", default="", help=f"'{STARTER_ID}' (the default), a hub id or a folder")
    parser.add_argument("--name", default="", help="what to call the trained model")
    parser.add_argument("--snapshot", default="", metavar="HASH", help="instead of what is approved now")
    parser.add_argument("--like", default="", metavar="RUN", help="take toolset, base and settings from this run")
    parser.add_argument("--auto", action="store_true", help="train and evaluate only if enough scenarios are new")
    parser.add_argument("--min-new", type=int, default=0, metavar="N", help="how many are enough (50)")
    parser.add_argument("--timer", default="", choices=("on", "off"), help="let the app look by itself, or not")
    swap = "with --timer: propose a new model to a person (ask), or serve it by itself if it is not worse"
    parser.add_argument("--swap", default="", choices=("", *SWAPS), help=swap)
    leaks = "train although held-out scenarios are like training scenarios; the run keeps the reason"
    parser.add_argument("--allow-leaks", default="", metavar="REASON", help=leaks)
    parser.add_argument("--preset", default="", choices=("", *PRESETS), help="settings for these data and this machine")
    parser.add_argument("--preflight", action="store_true", help="only show what a run would see and cost")
    add_wait(parser)
    group = parser.add_argument_group("settings, with good defaults for each base")
    for field in _setting_fields():
        group.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default))


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
                found = [verbs.artefacts.show(run["id"]) for run in wait(verbs, [one["run"] for one in found])]
    tell(arguments, {"artefacts": found}, *(line for one in found for line in _artefact_lines(one)))
    return 1 if arguments.format and any(one["verdict"] == "does not match" for one in found) else 0


def _artefact_lines(one: Json) -> Iterator[str]:
    size = f", {one['bytes'] / 2**20:.1f} MB" if one["bytes"] else ""
    yield f"{one['run']}  {one['format']}  {one['state']}{size}  {one['verdict']}  {one['path']}".rstrip()
    if parity := one["parity"]:
        yield f"  {parity['flips']} of {parity['n']} {parity['split']} answers differ (limit {parity['limit']:.1%})"
        yield f"  {parity['how']}"
    for flip in one["flips"]:
        yield f"  {flip['kind']}: {flip['scenario_id']}: {flip['before']} → {flip['after']}: {flip['request']}"


def add_artefact(verbs: Any) -> None:
    parser = add_verb(
        verbs, "artefact", _artefact, "write a trained model as files and compare them; or list artefacts"
    )
    parser.add_argument("run", nargs="?", default="", metavar="RUN", help="a training run, or an export to show")
    parser.add_argument("--format", action="append", default=[], choices=FORMATS, help="may be repeated")
    parser.add_argument("--split", choices=SPLITS, help=f"to compare on ({ExportSettings.split})")
    parser.add_argument("--limit", type=float, help=f"part of answers that may differ, 0 to 1 ({ExportSettings.limit})")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--threads", type=int)
    add_wait(parser)
