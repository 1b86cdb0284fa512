"""Files of scenarios, tools and prompts on their way in: preview, import, what was rejected.

What a file holds is said first; then everything good comes in as one change that can be undone. See ``intake`` for
what becomes of each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.curate import toolset as toolset_named
from workbench.actions.intake import PARQUET, Intake, Progress, Wishes, readable
from workbench.errors import Problem, WorkbenchError
from workbench.records import STATUSES, RecordError, Toolset
from workbench.scenarios import importing
from workbench.scenarios.validate import check_toolset
from workbench.store import toolsets as toolset_store
from workbench.store.database import Store
from workbench.store.staging import Compared, staging

SHOWN_PROBLEMS = 100
IMPORT_FORMATS: tuple[str, ...] = (*importing.FORMATS, PARQUET)
CONFLICTS = ("replace", "keep")
"""What an import does with a scenario that is there with another content: a new revision, or nothing."""
NOTHING = Compared(0, 0, 0)
READING = 0.85
"""Share of an import that goes into reading the file; the rest is taking its scenarios in."""


@dataclass(frozen=True)
class ImportReport:
    """What is in a file, and what became of it.

    Attributes:
        path: the file that was read.
        name: what people call it, which for an upload is not its name on disk.
        format: one of ``importing.FORMATS``, or ``parquet``.
        kind: ``scenarios``, ``tools``, ``prompt``, ``answers``, or ``unknown`` where the file could not be read.
        good: rows (or tools) without a problem.
        bad: rows (or tools) with at least one; ``drafts`` of them are kept as drafts, the others are rejected.
        problems: the first thousand, in the order of the file; ``problems_total`` counts all.
        rejected: line numbers of the rows that are not kept.
        toolset: name of the toolset that a tools file holds, or that a prompt is for.
        toolsets: names of the toolsets that the rows declare and that the workspace lacks.
        compared: how the scenarios stand to those that are there.
        wishes: how the file was read.
        columns: names of a table's columns; ``filled`` has the one that fills each field.
        change: id of the change that imported them; 0 for a preview or when nothing is new.
    """

    path: Path
    name: str
    format: str
    kind: str
    good: int
    bad: int
    drafts: int = 0
    problems: tuple[Problem, ...] = ()
    rejected: tuple[int, ...] = ()
    toolset: str = ""
    change: int = 0
    problems_total: int = 0
    toolsets: tuple[str, ...] = ()
    compared: Compared = NOTHING
    wishes: Wishes = Wishes()
    columns: tuple[str, ...] = ()
    filled: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """With the first 100 problems and the number of all of them."""
        return {
            "file": self.name,
            "format": self.format,
            "kind": self.kind,
            "good": self.good,
            "bad": self.bad,
            "drafts": self.drafts,
            "problems": [problem.to_dict() for problem in self.problems[:SHOWN_PROBLEMS]],
            "problems_total": max(self.problems_total, len(self.problems)),
            "rejected_lines": list(self.rejected),
            "rejected": len(self.rejected),
            "toolset": self.toolset,
            "toolsets": list(self.toolsets),
            "new": self.compared.new,
            "same": self.compared.same,
            "conflicting": self.compared.changed,
            "conflicting_ids": list(self.compared.changed_ids),
            "columns": dict(self.filled),
            "change": self.change,
        }


def preview(
    store: Store,
    path: Path,
    toolset: str = "",
    name: str = "",
    wishes: Wishes | None = None,
    pending: Mapping[str, Toolset] | None = None,
) -> ImportReport:
    """What ``import_file`` would do, without doing it.

    Args:
        pending: toolsets that are to count as if they were there, by name.

    Raises:
        WorkbenchError: the file cannot be read, or is in no known format.
    """
    return _read(store, path, name or path.name, _wishes(wishes, toolset), pending or {}, None)[0]


def import_file(
    store: Store,
    path: Path,
    toolset: str = "",
    author: str = DEFAULT_AUTHOR,
    status: str = "",
    name: str = "",
    wishes: Wishes | None = None,
    conflicts: str = "replace",
) -> ImportReport:
    """Import the rows of a file that can be read as one change; or its tools, when all of them are good.

    Args:
        toolset: the toolset of rows that name none, of tools without a name, and of a prompt. A file whose rows
            declare tools brings them along where the workspace lacks them.
        status: a status for all good rows; empty keeps what the file says.
        name: what to call the file in reports; its own name by default.
        conflicts: one of ``CONFLICTS``.

    Raises:
        WorkbenchError: the file cannot be read, or is in no known format.
    """
    if status and status not in STATUSES:
        raise WorkbenchError(f"'{status}' is not a status.", f"Choose one of {', '.join(STATUSES)}.")
    if conflicts not in CONFLICTS:
        raise WorkbenchError(f"'{conflicts}' is no way to treat conflicts.", f"Choose one of {', '.join(CONFLICTS)}.")
    chosen = replace(_wishes(wishes, toolset), status=status)
    keep = _Keep(author, conflicts == "keep")
    report, tools = _read(store, path, name or path.name, chosen, {}, keep)
    if tools is not None:
        toolset_store.save_toolset(store, tools, author)
    return report


def to_wishes(reading: Mapping[str, Any], progress: Progress | None = None) -> Wishes:
    """How to read a file, from JSON: ``format`` and ``columns``. Raises WorkbenchError for an unknown key."""
    for key in reading:
        if key not in ("format", "columns", "conflicts"):
            raise WorkbenchError(f"'{key}' is no way to read a file.", "Give format, columns or conflicts.")
    columns = reading.get("columns") or {}
    if not isinstance(columns, Mapping) or not all(isinstance(name, str) for name in columns.values()):
        raise WorkbenchError("The columns must be an object.", 'Write {"request": "name of its column", …}.')
    return Wishes(str(reading.get("format") or ""), columns=columns, progress=progress)


def read_files(
    paths: Sequence[Path], read: Callable[[Path, Mapping[str, Toolset]], dict[str, Any]], dry_run: bool
) -> list[dict[str, Any]]:
    """One report a file, in the order given; tools are read first, so that the other files find them.

    A file that cannot be read does not keep the others from being read: its report says why. Possible answers among
    the files go with their questions, wherever those lie.

    Args:
        read: gives the report of one file; in a dry run it is told the toolsets that the files before would bring.
    """
    order = sorted(paths, key=lambda path: _kind(path) != "tools")
    pending: dict[str, Toolset] = {}
    reports: dict[Path, dict[str, Any]] = {}
    with TemporaryDirectory(prefix="workbench-import-") as folder:
        bundles = importing.bundle(paths, Path(folder))
        for path in order:
            try:
                if path in bundles.used:
                    count = importing.count_answers(path)[0]
                    reports[path] = ImportReport(path, path.name, "bfcl-answers", "answers", count, 0).to_dict()
                    continue
                reports[path] = read(bundles.places.get(path, path), pending)
                if dry_run and reports[path]["kind"] == "tools" and not reports[path]["bad"]:
                    toolset = importing.read_toolset(path, reports[path]["toolset"])
                    pending[toolset.name] = toolset
            except WorkbenchError as error:
                if len(paths) == 1:
                    raise
                problem = Problem(error.message, "", 0, path.name, error.hint)
                reports[path] = ImportReport(path, path.name, "", "unknown", 0, 1, problems=(problem,)).to_dict()
    return [reports[path] for path in paths]


def rejects(path: Path, format: str = "", columns: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """The rows of a file that cannot be read, each with the reason, to be mended and imported again."""
    wishes = Wishes(format if format != PARQUET else "", columns=columns or {})
    with readable(path, wishes) as (place, found, _):
        if importing.kind_of(found) == "scenarios":
            yield from importing.rejected(place, found, importing.Source(place, "any", wishes.columns))


@dataclass(frozen=True)
class _Keep:
    """That what was read is to be kept, by whom, and whether what is there wins."""

    author: str
    keep_changed: bool


def _wishes(wishes: Wishes | None, toolset: str) -> Wishes:
    chosen = wishes or Wishes()
    if chosen.format and chosen.format not in IMPORT_FORMATS:
        raise WorkbenchError(f"'{chosen.format}' is not a format.", f"Choose one of {', '.join(IMPORT_FORMATS)}.")
    return replace(chosen, toolset=toolset) if toolset else chosen


def _part(wishes: Wishes, start: float, share: float) -> Progress | None:
    """Progress of a part of the work, told as progress of all of it."""
    progress = wishes.progress
    return (lambda done: progress(start + share * done)) if progress else None


def _kind(path: Path) -> str:
    try:
        return importing.kind_of(importing.detect(path))
    except WorkbenchError:
        return "unknown"


def _read(
    store: Store, path: Path, file: str, wishes: Wishes, pending: Mapping[str, Toolset], keep: _Keep | None
) -> tuple[ImportReport, Toolset | None]:
    """The report, with its change where the scenarios are to be kept, and the toolset of a file that holds no rows."""
    with readable(path, wishes) as (place, format, shown):
        kind = importing.kind_of(format)
        if kind == "tools":
            return _read_tools(path, wishes.toolset or Path(file).stem, file, format)
        if kind == "prompt":
            return _read_prompt(store, path, file, wishes, keep is not None)
        if kind == "answers":
            return _read_answers(path, file), None
        reading = _part(wishes, 0, READING if keep else 1)
        intake = Intake(store, place, format, file, replace(wishes, progress=reading), pending)
        columns, filled = importing.columns_in(importing.Source(place, columns=wishes.columns), format)
        with staging(store) as stage:
            intake.run(stage)
            compared, change = stage.compare(), 0
            if keep:
                taking = _part(wishes, READING, 1 - READING)
                change = stage.save("import", keep.author, file, intake.brought, keep.keep_changed, taking)
    counts = intake.counts
    report = ImportReport(
        path=path,
        name=file,
        format=shown,
        kind="scenarios",
        good=counts.good,
        bad=counts.drafts + len(counts.rejected),
        drafts=counts.drafts,
        problems=tuple(counts.problems),
        rejected=tuple(counts.rejected),
        change=change,
        problems_total=counts.problems_total,
        toolsets=tuple(toolset.name for toolset in intake.brought),
        compared=compared,
        wishes=wishes,
        columns=tuple(columns),
        filled=filled,
    )
    return report, None


def _read_tools(path: Path, name: str, file: str, format: str) -> tuple[ImportReport, Toolset | None]:
    """The report on a tools file, and its toolset when all its tools may be used."""
    try:
        found = importing.read_tools(path, name, format)
    except RecordError as error:
        problem = Problem(error.reason, error.path.removeprefix("toolset."), file=file, hint=error.hint)
        return ImportReport(path, file, format, "tools", 0, 1, problems=(problem,)), None
    tools, wrong = found.toolset, check_toolset(found.toolset)
    problems = tuple(replace(problem, file=file) for problem in (*found.problems, *wrong))
    marked = sum(any(f".tools[{i}]" in f".{p.field}" for p in wrong) for i in range(len(tools.tools)))
    bad = len(found.problems) + max(marked, 1 if wrong else 0)
    report = ImportReport(path, file, format, "tools", len(tools.tools) - marked, bad, 0, problems, (), tools.name)
    return report, None if wrong else tools


def _read_prompt(
    store: Store, path: Path, file: str, wishes: Wishes, keep: bool
) -> tuple[ImportReport, Toolset | None]:
    """The report on a system prompt, and its toolset with the prompt in its profile."""
    prompt = importing.read_prompt(path, file)
    report = ImportReport(path, file, "prompt", "prompt", 1, 0, toolset=wishes.toolset)
    if not wishes.toolset:
        hint = f"Name the toolset whose system prompt of the mode '{prompt.mode}' it is to be."
        if keep:
            raise WorkbenchError(f"{file} is a system prompt, and it is not clear of which toolset.", hint)
        return replace(report, problems=(Problem("is a system prompt without a toolset", "", 0, file, hint),)), None
    toolset = toolset_named(store, wishes.toolset)
    profile = replace(toolset.profile, system={**toolset.profile.system, prompt.mode: prompt.text})
    return report, replace(toolset, profile=profile)


def _read_answers(path: Path, file: str) -> ImportReport:
    """The report on possible answers, which come in with their questions and never alone."""
    answers, questions = importing.count_answers(path)
    if questions:
        return ImportReport(path, file, "bfcl-answers", "answers", answers, 0)
    hint = "Choose the file of questions together with it."
    problem = Problem("holds answers without their questions", "", 1, file, hint)
    return ImportReport(path, file, "bfcl-answers", "answers", 0, answers, problems=(problem,))
