"""The verb ``generate``: drafts by rule, or from a teacher model."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from workbench.actions.orders import WAYS
from workbench.actions.remote import reach
from workbench.actions.verbs import Json
from workbench.cli.arguments import AnyVerbs, add_verb, add_wait
from workbench.cli.output import tell, wait, write
from workbench.errors import WorkbenchError
from workbench.generation.job import TeacherSettings
from workbench.inference.endpoint import Endpoint
from workbench.records import SPLITS
from workbench.scenarios.generate.variants import CHANGES


def _generate(arguments: argparse.Namespace) -> int:
    order = _order(arguments)
    with reach(arguments.workspace) as verbs:
        if arguments.vectors:
            pieces = verbs.vectors(arguments.toolset, arguments.tool)
            write(arguments.vectors, (piece.encode("utf-8") for piece in pieces))
            return tell(arguments, {"vectors": str(arguments.vectors)}, f"written to {arguments.vectors}")
        if arguments.way == "teacher" or arguments.resume:
            return _teach(verbs, order, arguments)
        if arguments.output:
            write(arguments.output, (line.encode("utf-8") for line in verbs.generate_lines(order)))
            return tell(arguments, {"output": str(arguments.output)}, f"written to {arguments.output}")
        found = verbs.generate(order, arguments.dry_run)
    verb = "would add" if arguments.dry_run else "added"
    examples = (f"  {one['request']}" for one in found["examples"])
    left = (f"  left out: {one['request']} ({one['reason']})" for one in found["left_examples"])
    head = f"{verb} {found['drafts']} drafts, left out {found['left']}"
    return tell(arguments, found, head, *found["notes"], *examples, *left)


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
        (run,) = wait(verbs, [run["id"]])
    found = verbs.teacher_report(run["id"])
    head = f"{run['id']}: {found['state']}, {found['drafts']} drafts, {found['rejects']} rejected"
    tokens = f"{found['prompt_tokens']:,} + {found['completion_tokens']:,} tokens, cost {found['cost']:g}"
    rejected = (f"  rejected: {one['text']} ({one['reason']})" for one in found["rejected"][:10])
    return tell(arguments, found, head, tokens, *found["reasons"], *rejected)


def add_generate(verbs: Any) -> None:
    parser = add_verb(verbs, "generate", _generate, "make drafts that fill gaps: by rule, or with a teacher model")
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
    _add_teacher(parser)
    add_wait(parser)


def _add_teacher(parser: argparse.ArgumentParser) -> None:
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
