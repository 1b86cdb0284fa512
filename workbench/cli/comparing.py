"""Verbs that say how good models are: evaluate, endpoints, compare, leaderboard, score."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from workbench.actions import publishing, scoring
from workbench.actions.models import NEAREST, variant, with_grammar
from workbench.actions.remote import reach
from workbench.actions.verbs import Json
from workbench.cli.arguments import AnyVerbs, add_verb, add_wait, model_id
from workbench.cli.output import percent, run_lines, table_lines, tell, wait, write
from workbench.errors import WorkbenchError
from workbench.records import SPLITS

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


def _evaluate(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = _start_evaluations(verbs, arguments)
        if arguments.wait:
            found["runs"] = wait(verbs, [run["id"] for run in found["runs"]])
        if arguments.metrics:
            ids = [run["id"] for run in found["runs"]]
            write(arguments.metrics, (line.encode("utf-8") for line in verbs.export_comparison(ids, "metrics")))
    return tell(arguments, found, *run_lines(found["runs"]))


def _start_evaluations(verbs: AnyVerbs, arguments: argparse.Namespace) -> Json:
    ids = _lineup(verbs, arguments)
    if arguments.constrained:
        ids = [*map(with_grammar, ids)]
    return verbs.evaluate(ids, arguments.split, arguments.snapshot, arguments.toolset)


def _lineup(verbs: AnyVerbs, arguments: argparse.Namespace) -> list[str]:
    """Ids of all models that the arguments name, in the variant that the options ask for."""
    named = [*map(model_id, arguments.models)]
    if "endpoint" not in arguments:
        return named
    named += [str(path.resolve()) for path in arguments.gguf]
    if arguments.endpoint:
        named.append(verbs.save_endpoint(_endpoint(arguments))["id"])
    named = [variant(model, arguments.shots, arguments.int8) for model in named]
    if not (named := list(dict.fromkeys([*named, *arguments.baseline]))):
        raise WorkbenchError("No model is named.", "Name one, such as 'starter', or use --endpoint or --baseline.")
    return named


def _add_models(parser: argparse.ArgumentParser, many: str = "+") -> None:
    help = "'starter', a hub id, a folder, a .gguf file, run:ID, endpoint:NAME, nearest, or an evaluation's id; "
    help += "+int8 and +k4 behind it make variants"
    parser.add_argument("models", nargs=many, metavar="MODEL", help=help)
    parser.add_argument("--split", default="", choices=SPLITS, help="test, or that of the evaluation that is named")
    parser.add_argument("--snapshot", default="", metavar="HASH", help="instead of what is approved now")
    parser.add_argument("--toolset", default="", help="of the snapshot that is made")
    parser.add_argument("--constrained", action="store_true", help="hold replies to the grammar, as MODEL+grammar does")


def _add_variants(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("further models and variants of those that are named")
    group.add_argument("--gguf", action="append", default=[], type=Path, metavar="FILE", help="a GGUF file")
    group.add_argument("--baseline", action="append", default=[], choices=(NEAREST.id,), help="no model at all")
    group.add_argument("--shots", type=int, default=0, metavar="K", help="nearest training scenarios in each prompt")
    group.add_argument("--int8", action="store_true", help="weights rounded to eight bits")
    _add_endpoint(parser)


def add_evaluate(verbs: Any) -> None:
    parser = add_verb(verbs, "evaluate", _evaluate, "let models answer the scenarios of a split")
    _add_models(parser, "*")
    _add_variants(parser)
    add_wait(parser)
    parser.add_argument("--metrics", type=Path, metavar="FILE", help="write the metrics as JSON here; needs --wait")


def _endpoints(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        if arguments.delete:
            verbs.delete_endpoint(arguments.delete)
        if arguments.endpoint:
            verbs.save_endpoint(_endpoint(arguments))
        found = verbs.endpoints()
    rows = [[one["id"], one["base_url"], one["model"], one["key_env"]] for one in found["endpoints"]]
    table = table_lines(["model", "address", "name there", "key in"], rows) if rows else ["No endpoint is saved."]
    return tell(arguments, found, *table)


def _endpoint(arguments: argparse.Namespace) -> Json:
    """The endpoint that the options say; what is not said keeps its default."""
    names = {"endpoint": "base_url", "endpoint_model": "model", "endpoint_name": "name"}
    names |= {name: name for name in _ENDPOINT_OPTIONS}
    return {key: value for name, key in names.items() if (value := getattr(arguments, name)) is not None}


def _add_endpoint(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("an OpenAI-compatible endpoint; it is saved, without its key")
    group.add_argument("--endpoint", metavar="URL", help="such as http://127.0.0.1:8000/v1")
    group.add_argument("--endpoint-model", metavar="NAME", help="name of the model there; asked for when left out")
    group.add_argument("--endpoint-name", metavar="NAME", help="what to call it here")
    group.add_argument("--key-env", metavar="VAR", help="environment variable that holds the key")
    for name, (kind, help) in _ENDPOINT_OPTIONS.items():
        if name != "key_env":
            group.add_argument(f"--{name.replace('_', '-')}", type=kind, help=help)


def add_endpoints(verbs: Any) -> None:
    parser = add_verb(verbs, "endpoints", _endpoints, "list saved endpoints, save or delete one")
    _add_endpoint(parser)
    parser.add_argument("--delete", default="", metavar="NAME", help="forget this one; its evaluations stay")


def _compare(arguments: argparse.Namespace) -> int:
    if len(arguments.models) < 2:
        raise WorkbenchError("A comparison needs at least two models.", "Name one more, such as 'starter'.")
    with reach(arguments.workspace) as verbs:
        ids = [run["id"] for run in _start_evaluations(verbs, arguments)["runs"]]
        wait(verbs, ids)
        filter = {"differing": True} if arguments.differing else {}
        for path in arguments.export:
            lines = verbs.export_comparison(ids, _format_of(path), filter, arguments.threshold)
            write(path, (line.encode("utf-8") for line in lines))
        found = verbs.compare(ids, filter, arguments.threshold)
        if arguments.fail_if_worse:
            found["gate"] = verbs.gate(ids, arguments.margin, arguments.figure)
    _tell_comparison(arguments, found)
    return int(arguments.fail_if_worse and found["gate"]["worse"])


def _tell_comparison(arguments: argparse.Namespace, found: Json) -> None:
    rows = [
        [model["label"], *(percent(model["headline"][name]) for name in ("tool_accuracy", "exact_calls"))]
        for model in found["models"]
    ]
    title = f"{found['n']} {found['split']} scenarios of snapshot {found['snapshot']}; {found['differing']} differ"
    verdict = (
        [f"{'WORSE' if found['gate']['worse'] else 'not worse'}: {found['gate']['reason']}"] if "gate" in found else []
    )
    tell(
        arguments,
        found,
        title,
        *table_lines(["model", "tool accuracy", "exact calls"], rows),
        *found["findings"],
        *verdict,
    )


def _format_of(path: Path) -> str:
    """The format that the end of a file's name asks for."""
    try:
        return publishing.SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise WorkbenchError(
            f"It is not clear what to write to {path}.", f"End its name in {', '.join(publishing.SUFFIXES)}."
        ) from None


def add_compare(verbs: Any) -> None:
    parser = add_verb(verbs, "compare", _compare, "two or more models side by side, evaluated where they are not yet")
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


def _leaderboard(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.leaderboard(arguments.snapshot, arguments.split)
    names = ("exact_calls", "tool_accuracy")
    rows = [
        [one["label"], *(percent(one[name]) for name in names), one["at"][:16], one["run"]] for one in found["entries"]
    ]
    table = table_lines(["model", "exact calls", "tool accuracy", "at", "run"], rows)
    return tell(arguments, found, *(table if rows else ["Nothing was evaluated on this snapshot split yet."]))


def add_leaderboard(verbs: Any) -> None:
    parser = add_verb(verbs, "leaderboard", _leaderboard, "every evaluated model on a snapshot split, the best first")
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument("--split", default="test", choices=SPLITS)


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


def add_score(verbs: Any) -> None:
    parser = add_verb(verbs, "score", _score, "judge a file of replies; with --json one verdict a line")
    files = "TOOLS SCENARIOS REPLIES, or with --bfcl QUESTIONS [ANSWERS] REPLIES"
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=files)
    parser.add_argument("--bfcl", action="store_true", help="the verdicts of BFCL's own checker")
    parser.add_argument("--underscores", action="store_true", help="BFCL: function names are written with _ for .")
    parser.add_argument("--dialect", default="", help=f"how raw replies are written ({scoring.DIALECT})")
