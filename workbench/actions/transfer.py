"""Scenarios and tools in and out of files.

A row that cannot be read is rejected. A row that can be read but breaks a rule is kept as a draft: the editor is a
better place to mend it than the file. Either way its problems are reported by line and field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.actions.curate import DEFAULT_AUTHOR, default_toolset, toolsets, unknown_toolset
from workbench.errors import Problem, WorkbenchError
from workbench.records import STATUSES, RecordError, Scenario, Status, Toolset
from workbench.scenarios import exporting, importing
from workbench.scenarios.validate import check_scenario, check_toolset
from workbench.store import scenarios as scenario_store
from workbench.store import toolsets as toolset_store
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

SHOWN_PROBLEMS = 100
EXPORT_FORMATS: tuple[str, ...] = tuple(exporting.WRITERS)


@dataclass(frozen=True)
class ImportReport:
    """What is in a file, and what became of it.

    Attributes:
        path: the file that was read.
        name: what people call it, which for an upload is not its name on disk.
        format: ``jsonl``, ``chat``, ``csv``, ``tools``, ``cli`` or ``python``.
        kind: ``scenarios`` or ``tools``.
        good: rows (or tools) without a problem.
        bad: rows (or tools) with at least one; ``drafts`` of them are kept as drafts, the others are rejected.
        problems: all of them, in the order of the file.
        rejected: line numbers of the rows that are not kept.
        toolset: name of the toolset that a tools file holds.
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
            "problems_total": len(self.problems),
            "rejected_lines": list(self.rejected),
            "toolset": self.toolset,
            "change": self.change,
        }


@dataclass
class _Reading:
    """What has been read of a file so far."""

    file: str
    keep: list[Scenario] = field(default_factory=list)
    drafts: int = 0
    problems: list[Problem] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)

    def add(self, row: importing.Row, problems: Iterable[Problem], scenario: Scenario | None) -> None:
        found = [replace(problem, line=row.line, file=self.file) for problem in problems]
        self.problems += found
        if scenario is None:
            # The header of a CSV file is one row that may have several problems.
            self.rejected += [] if row.line in self.rejected[-1:] else [row.line]
        elif found:
            self.keep.append(replace(scenario, status="draft"))
            self.drafts += 1
        else:
            self.keep.append(scenario)


def preview(store: Store, path: Path, toolset: str = "", name: str = "") -> ImportReport:
    """What ``import_file`` would do, without doing it.

    Raises:
        WorkbenchError: the file cannot be read, or is in no known format.
    """
    return _read(store, path, toolset, "", name or path.name)[0]


def import_file(
    store: Store,
    path: Path,
    toolset: str = "",
    author: str = DEFAULT_AUTHOR,
    status: str = "",
    name: str = "",
) -> ImportReport:
    """Import the good rows of a file as one change that can be undone; or its tools, when all of them are good.

    Args:
        toolset: the toolset of rows that name none, and of tools without a name. A chat file brings its tools along
            when there is no toolset of that name yet.
        status: a status for all good rows; empty keeps what the file says.
        name: what to call the file in reports; its own name by default.

    Raises:
        WorkbenchError: the file cannot be read, or is in no known format.
    """
    if status and status not in STATUSES:
        raise WorkbenchError(f"'{status}' is not a status.", f"Choose one of {', '.join(STATUSES)}.")
    report, scenarios, tools = _read(store, path, toolset, status, name or path.name)
    if tools:
        toolset_store.save_toolset(store, tools, author)
    if not scenarios:
        return report
    return replace(report, change=scenario_store.save(store, scenarios, "import", author, report.name))


def rejects(path: Path, format: str, lines: Iterable[int]) -> bytes:
    """The rows of a file that were rejected, as they stand in it, to be mended and imported again."""
    return b"".join(importing.rejected(path, (Problem("", line=line) for line in lines), format))


def rejects_file(report: ImportReport) -> bytes:
    """The rejected rows of the file that the report is about; empty when there are none."""
    return rejects(report.path, report.format, report.rejected) if report.rejected else b""


def export(store: Store, filter: ScenarioFilter, format: str) -> Iterator[str]:
    """The lines, each with its line end, of a file with the scenarios that the filter lets through.

    Raises:
        WorkbenchError: an unknown format or toolset; a chat export of more than one toolset.
    """
    if filter.toolset:
        chosen = toolset_store.get_toolset(store, filter.toolset)
        if chosen is None:
            problem = unknown_toolset(store, filter.toolset)
            raise WorkbenchError(problem.message, problem.hint)
    elif format == "chat":
        chosen = toolset_store.get_toolset(store, default_toolset(store))
        filter = replace(filter, toolset=chosen.name if chosen else "")
    else:
        chosen = None
    # JSONL and CSV carry the name of the toolset in each row and do not look at its tools.
    return exporting.write(scenario_store.stream(store, filter), chosen or Toolset("all", ()), format)


def export_file(store: Store, filter: ScenarioFilter, format: str, path: Path) -> None:
    """Write what ``export`` gives into a file. Raises WorkbenchError when that is not possible."""
    lines = export(store, filter, format)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    except OSError as error:
        raise WorkbenchError(f"Cannot write {path}: {error.strerror}.", "Choose another place.") from error


def _read(
    store: Store, path: Path, toolset: str, status: str, file: str
) -> tuple[ImportReport, list[Scenario], Toolset | None]:
    """The report, the scenarios to keep, and the toolset that the file brings."""
    format = importing.detect(path)
    if importing.kind_of(format) == "tools":
        report, tools = _read_tools(path, toolset or Path(file).stem, file, format)
        return report, [], tools
    known = {each.name: each for each in toolsets(store)}
    brought = None
    if format == "chat" and toolset and toolset not in known:
        brought = known[toolset] = importing.read_toolset(path, toolset, format)
    reading = _Reading(file)
    for row in importing.read_rows(path, toolset or (default_toolset(store) if known else ""), format):
        _take(store, row, known, status, reading)
    report = ImportReport(
        path=path,
        name=file,
        format=format,
        kind="scenarios",
        good=len(reading.keep) - reading.drafts,
        bad=len(reading.rejected) + reading.drafts,
        drafts=reading.drafts,
        problems=tuple(reading.problems),
        rejected=tuple(reading.rejected),
    )
    return report, reading.keep, brought


def _take(store: Store, row: importing.Row, known: dict[str, Toolset], status: str, reading: _Reading) -> None:
    if isinstance(row.item, Problem):
        reading.add(row, [row.item], None)
        return
    toolset = known.get(row.item.toolset)
    if toolset is None:
        reading.add(row, [unknown_toolset(store, row.item.toolset)], None)
        return
    scenario = replace(row.item, status=_status(status)) if status else row.item
    reading.add(row, check_scenario(scenario, toolset), scenario)


def _status(status: str) -> Status:
    return next(known for known in STATUSES if known == status)


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
