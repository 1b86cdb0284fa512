"""BFCL's possible answers when they are chosen as files of their own; ``bfcl_json`` reads them with their questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.scenarios.importing import bfcl_json
from workbench.scenarios.importing.documents import entries
from workbench.scenarios.importing.files import Head, Source, read_head, read_text


@dataclass(frozen=True)
class Bundles:
    """Questions and answers that were chosen together.

    Attributes:
        places: for a file of questions, a file that holds its answers, too.
        used: the files of answers.
    """

    places: dict[Path, Path] = field(default_factory=dict)
    used: frozenset[Path] = frozenset()


def matches(head: Head) -> bool:
    return "ground_truth" in head.keys and "question" not in head.keys


def count(path: Path) -> int:
    """How many answers a file holds."""
    return sum(isinstance(value, dict) and "ground_truth" in value for _, _, value in entries(Source(path)))


def questions_of(path: Path) -> Path | None:
    """The file of questions that the answers belong to, where it lies in its place."""
    beside = path.parent.parent / path.name
    return beside if path.parent.name == bfcl_json.FOLDER and beside.is_file() else None


def bundle(paths: Sequence[Path], folder: Path) -> Bundles:
    """Put questions and the answers of the same name, or the only ones of both, into one file each in the folder."""
    questions = [path for path in paths if _is(path, bfcl_json.matches)]
    answers = [path for path in paths if _is(path, matches)]
    places, used = {}, set()
    for path in questions:
        named = [one for one in answers if one.name == path.name]
        chosen = next(iter(named or (answers if len(answers) == len(questions) == 1 else ())), None)
        if chosen is None:
            continue
        used.add(chosen)
        if not bfcl_json.answers_of(path).is_file():
            places[path] = folder / path.name
            places[path].write_text(f"{read_text(path)}\n{read_text(chosen)}", encoding="utf-8", newline="")
    return Bundles(places, frozenset(used))


def with_answers(path: Path) -> str | None:
    """The text of a file of questions and of the answers that lie beside it; None for any other file."""
    beside = bfcl_json.answers_of(path)
    if not beside.is_file() or not _is(path, bfcl_json.matches):
        return None
    return f"{read_text(path)}\n{read_text(beside)}"


def _is(path: Path, matches: Callable[[Head], bool]) -> bool:
    try:
        return matches(read_head(path))
    except WorkbenchError:
        return False
