"""Reads questions of the Berkeley Function Calling Leaderboard with their possible answers.

A question file has ``id``, ``question`` (turns of messages) and ``function`` on each line. Its answers stand in
``possible_answer/`` beside it under the same name, or behind the questions in the same file; of the irrelevance
questions the answer is NO_TOOL. An answer lists the acceptable values of each argument: the first is the one to train
on, the others are accepted, ``""`` among them makes the argument optional. Each row declares its own functions. Source:
bfcl_eval/data and ast_checker.py of the leaderboard.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import Problem
from workbench.records import NO_TOOL, RecordError
from workbench.scenarios.importing import chat_jsonl
from workbench.scenarios.importing.bfcl_schema import to_tools
from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import Head, Source
from workbench.scenarios.importing.rows import NO_ANSWER, Found, Row, Value, rows

FOLDER = "possible_answer"
MOST_VARIANTS = 64
"""Values of one argument that are written out where an answer lists alternatives inside an object."""


def matches(head: Head) -> bool:
    return {"question", "function"} <= head.keys


def read(source: Source) -> Iterator[Row]:
    """One row a question; see ``importing.read``. An answer without its question is a problem."""
    answers = _answers(source)
    return rows(source, _questions(source), lambda data: find(data, answers))


def answers_of(path: Path) -> Path:
    """Where the answers to a file of questions lie."""
    return path.parent / FOLDER / path.name


def find(data: Mapping[str, Any], answers: Mapping[str, str]) -> Found:
    """The scenario of one question. Raises RecordError."""
    id_ = data.get("id")
    row, problems = _conversation(data.get("question"))
    row["id"] = id_ = str(id_) if type(id_) is int else id_
    if isinstance(id_, str) and id_ in answers:
        truth = json.loads(answers[id_])
        if not isinstance(truth, list):
            raise RecordError("ground_truth", "must be a list of calls")
        calls = [_call(call, f"ground_truth[{i}]") for i, call in enumerate(truth)]
        row["expected"] = [call for call, _ in calls] or NO_TOOL
        problems += [problem for _, found in calls for problem in found]
    elif isinstance(id_, str) and "irrelevance" in id_:
        row["expected"] = NO_TOOL
    else:
        row |= {"expected": NO_TOOL, "tags": [NO_ANSWER]}
        hint = f"Put the file of answers into {FOLDER}/ beside the questions, or choose both files."
        problems.append(Problem("there is no answer to this question", "id", hint=hint))
    return Found(row, tuple(problems), to_tools(data.get("function")))


def _questions(source: Source) -> Iterator[Value]:
    for line, text, value in entries(source):
        if not (isinstance(value, dict) and "ground_truth" in value and "question" not in value):
            yield line, text, value


def _answers(source: Source) -> dict[str, str]:
    """The JSON text of each answer by the question's id; text, for it takes a fraction of the memory."""
    beside = answers_of(source.path)
    places = [Source(source.path)] + ([Source(beside)] if beside.is_file() else [])
    return {
        str(value["id"]): json.dumps(value["ground_truth"])
        for place in places
        for _, _, value in entries(place)
        if isinstance(value, dict) and "ground_truth" in value and "id" in value
    }


def _conversation(question: Any) -> tuple[dict[str, Any], list[Problem]]:
    """Request and history. Further turns of a multi-turn question have no place in a scenario."""
    turns = question if isinstance(question, list) else []
    first = turns[0] if turns and isinstance(turns[0], list) else turns
    found = chat_jsonl.find({"messages": [*first, {"role": "assistant", "content": NO_TOOL}]})
    hint = "Only the first turn was taken."
    further = len(turns) > 1 and isinstance(turns[0], list)
    problems = [Problem("the question has several turns", "question[1]", hint=hint)] if further else []
    return dict(found.fields), problems


def _call(call: Any, path: str) -> tuple[dict[str, Any], list[Problem]]:
    """An expected call in its own JSON form, and what of its alternatives was left out."""
    if not isinstance(call, dict) or len(call) != 1:
        raise RecordError(path, "must be an object of one function")
    ((name, arguments),) = call.items()
    if not isinstance(arguments, dict):
        raise RecordError(f"{path}.{name}", "must be an object of arguments")
    expected: dict[str, Any] = {"name": name, "arguments": {}, "accept": {}, "optional": []}
    problems = []
    for argument, values in arguments.items():
        if not isinstance(values, list) or not values:
            raise RecordError(f"{path}.{name}.{argument}", "must be a list of acceptable values")
        variants = [variant for value in values if value != "" for variant in _variants(value)]
        if len(variants) > MOST_VARIANTS:
            message = f"has more than {MOST_VARIANTS} acceptable values; the first ones were taken"
            problems.append(Problem(message, f"{path}.{name}.{argument}"))
        variants = _distinct(variants[:MOST_VARIANTS])
        if variants:
            expected["arguments"][argument] = variants[0]
            expected["accept"] |= {argument: variants[1:]} if variants[1:] else {}
            expected["optional"] += [argument] if "" in values else []
    return expected, problems


def _variants(value: Any) -> Iterator[Any]:
    """The values that an acceptable value stands for: inside an object, and a list of objects, each lists its own."""
    if isinstance(value, dict):
        choices = [_choices(key, inner) for key, inner in value.items()]
        for chosen in itertools.islice(itertools.product(*choices), MOST_VARIANTS + 1):
            yield dict(pair for pair in chosen if pair)
    elif isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        columns = [list(itertools.islice(_variants(inner), MOST_VARIANTS + 1)) for inner in value]
        for chosen in itertools.islice(itertools.product(*columns), MOST_VARIANTS + 1):
            yield list(chosen)
    else:
        yield value


def _choices(key: str, values: Any) -> Sequence[Any]:
    """``(key, value)`` for each acceptable value of an object's key; None where the key may be left out."""
    listed = values if isinstance(values, list) and values else [values]
    return [None if value == "" else (key, value) for value in sorted(listed, key=lambda value: value == "")]


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list({json.dumps(value): value for value in values}.values())
