"""Files of replies scored without a workspace: by the strict scorer, or as BFCL's own checker does.

A reply is a line of JSON: ``{"id": …}`` with one of ``calls`` (a list of ``{"name", "arguments"}``), ``raw`` (text as
the model wrote it), ``result`` (as in BFCL's result files), or a line of a run's ``replies.jsonl``. Results are plain
JSON, one a reply in the order of the file; a line that cannot be scored gives its ``problem`` instead of a verdict.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.dialects import get_dialect
from workbench.errors import Problem, WorkbenchError
from workbench.records import ArgumentScore, Parsed, RecordError, Scenario, Score, ToolCall, Toolset
from workbench.scenarios.importing import read, read_toolset
from workbench.scenarios.importing.files import open_bytes
from workbench.scenarios.importing.rows import parse_json
from workbench.scenarios.scoring import bfcl, score
from workbench.scenarios.scoring.bfcl_replies import decode

Json = dict[str, Any]
Judge = Callable[[str, Json], Json]
DIALECT = "functiongemma"
BFCL_WORDS = ("simple", "multiple", "parallel", "relevance")
OTHER_CATEGORIES = ("java", "multi_turn", "memory", "web_search", "format_sensitivity")


def score_replies(tools: Path, scenarios: Path, replies: Path, dialect: str = DIALECT) -> Iterator[Json]:
    """Strict scores of replies to scenarios, with BFCL's verdict under ``bfcl``.

    Args:
        tools: a file of tools, or a toolset; ``scenarios``: any format that can be imported.
        dialect: how ``raw`` is written where a reply has nothing else.

    Raises:
        WorkbenchError: a file cannot be read, or a scenario of the file is broken.
    """
    toolset = read_toolset(tools)
    parse = get_dialect(dialect).parse
    known = {one.id: one for one in map(_sound, read(scenarios, toolset.name))}

    def judge(id: str, row: Json) -> Json:
        return _strict(_known(known, id, scenarios), _parsed(row, parse), toolset)

    return _judged(replies, parse_json, judge)


def score_bfcl(
    questions: Path, answers: Path | None, replies: Path, dialect: str = "", underscores: bool = False
) -> Iterator[Json]:
    """BFCL's verdicts on replies to BFCL's questions.

    Args:
        answers: the file of possible answers; None for irrelevance, which has none.
        dialect: how ``raw`` is written; by default as BFCL asks for it, ``[f(a=1), g(b="x")]``.
        underscores: the model writes ``_`` for each ``.`` of a function's name.

    Raises:
        WorkbenchError: a file cannot be read, or a question or an answer is broken.
    """
    asked = {str(row.get("id")): row for row in _all_rows(questions)}
    truths = {str(row.get("id")): row.get("ground_truth") for row in _all_rows(answers)} if answers else {}
    parse = get_dialect(dialect).parse if dialect else decode

    def judge(id: str, row: Json) -> Json:
        functions = _known(asked, id, questions).get("function") or []
        category = _category(id, functions, truths.get(id))
        if id not in truths and "relevance" not in category:
            raise RecordError("id", f"there is no answer to '{id}'", "Name the file of possible answers.")
        parsed = _parsed(row, parse)
        calls = None if parsed.kind != "calls" else parsed.calls
        verdict = bfcl.check(category, functions, truths.get(id) or (), calls, underscores)
        return {"id": id, "category": category, **dataclasses.asdict(verdict), **_said(parsed)}

    return _judged(replies, json.loads, judge)


def _category(id: str, functions: Any, truth: Any) -> str:
    """What the id says, or else what question and answer look like."""
    named = id.rpartition("_")[0]
    if any(word in named for word in OTHER_CATEGORIES):
        hint = "Python questions of one turn can: simple, multiple, parallel, irrelevance."
        raise RecordError("id", f"questions of the kind '{named}' cannot be scored here", hint)
    if any(word in named for word in BFCL_WORDS):
        return named
    if not truth:
        return "irrelevance"
    return "parallel" if len(truth) > 1 else "multiple" if len(functions) > 1 else "simple"


def _strict(scenario: Scenario, parsed: Parsed, toolset: Toolset) -> Json:
    found = score(scenario.id, scenario.outcome, parsed, toolset)
    verdict = bfcl.score_bfcl(scenario.outcome, parsed, toolset)
    data = {"id": scenario.id, "valid": found.exact, "error": _reason(scenario, parsed, found), **found.to_dict()}
    return {**data, **_said(parsed), "bfcl": dataclasses.asdict(verdict)}


def _reason(scenario: Scenario, parsed: Parsed, found: Score) -> str:
    if parsed.kind == "malformed":
        return f"malformed: {parsed.reason}"
    if not found.tool_correct:
        return f"{scenario.outcome.label} was expected, the reply is {parsed.label}"
    wrong = [row for row in found.arguments if row.verdict != "match"]
    return "; ".join(map(_difference, wrong)) or ("" if found.exact else "the calls come in another order")


def _difference(row: ArgumentScore) -> str:
    if row.verdict == "differs":
        return f"{row.name} is {json.dumps(row.got)}, expected {json.dumps(row.expected)}"
    return f"{row.name} is {row.verdict}"


def _said(parsed: Parsed) -> Json:
    """What became of the reply, so that a verdict can be understood from its line."""
    return {"label": parsed.label, "reason": parsed.reason}


def _parsed(row: Json, parse: Callable[[str], Parsed]) -> Parsed:
    kind = row.get("kind", "calls")
    if kind in ("text", "malformed"):
        return Parsed(kind, text=str(row.get("text", "")), reason=str(row.get("reason", "")))
    if kind != "calls":
        raise RecordError("kind", f"must be calls, text or malformed; is {kind!r}")
    if "calls" in row:
        calls = row["calls"] if isinstance(row["calls"], list) else [row["calls"]]
        return Parsed("calls", tuple(ToolCall.from_dict(call, f"calls[{i}]") for i, call in enumerate(calls)))
    if "result" in row:
        return decode(row["result"])
    if isinstance(row.get("raw"), str):
        return parse(row["raw"])
    raise RecordError("", "has no reply", 'Give "calls", "raw" or "result".')


def _judged(replies: Path, read_json: Callable[[str], Any], judge: Judge) -> Iterator[Json]:
    for line, row in _rows(replies, read_json):
        if isinstance(row, Problem):
            yield {"id": "", "line": line, "problem": str(row)}
            continue
        id = str(row.get("id", row.get("scenario_id", "")))
        try:
            yield judge(id, row)
        except WorkbenchError as error:
            yield {"id": id, "line": line, "problem": str(error)}


def _rows(path: Path, read_json: Callable[[str], Any]) -> Iterator[tuple[int, Json | Problem]]:
    """Each line that is not blank, as an object or what is wrong with it."""
    with open_bytes(path) as file:
        for line, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                row = read_json(raw.decode("utf-8-sig"))
            except (ValueError, RecursionError, RecordError) as error:
                yield line, Problem(f"is not usable JSON: {error}", "", line, path.name)
                continue
            yield line, row if isinstance(row, dict) else Problem("must be a JSON object", "", line, path.name)


def _all_rows(path: Path) -> Iterator[Json]:
    for _, row in _rows(path, json.loads):
        if isinstance(row, Problem):
            raise WorkbenchError(f"{row}.", "Mend the file first.")
        yield row


def _sound(item: Scenario | Problem) -> Scenario:
    if isinstance(item, Problem):
        raise WorkbenchError(f"{item}.", item.hint or "Mend the file of scenarios first.")
    return item


def _known(known: Mapping[str, Any], id: str, path: Path) -> Any:
    if id not in known:
        raise RecordError("id", f"'{id}' is not in {path.name}", "Give each reply the id of what it answers.")
    return known[id]
