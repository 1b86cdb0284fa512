"""A file of scenarios on its way in: which toolset each row belongs to, what is wrong with it, what becomes of it.

A row that cannot be read is rejected. A row that can be read but breaks a rule, or whose tools the workspace lacks, is
kept as a draft: the editor is a better place to mend it than the file. Either way its problems are reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from workbench.actions.curate import default_toolset, toolsets, unknown_toolset
from workbench.errors import Problem
from workbench.records import STATUSES, Scenario, Status, Toolset
from workbench.scenarios import importing
from workbench.scenarios.importing import Row, Source, Toolbox
from workbench.scenarios.validate import check_scenario
from workbench.store import parquet
from workbench.store.database import Store
from workbench.store.staging import Staging

KEPT_PROBLEMS = 1_000
"""Problems that a report holds; the file of rejects has the reason of every rejected row."""
SAMPLE_ROWS = 200
PARQUET = "parquet"

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Wishes:
    """How a person wants a file to be read.

    Attributes:
        format: one of ``importing.FORMATS``; empty to recognise it.
        toolset: the toolset of rows that name none.
        status: a status for all good rows; empty keeps what the file says.
        columns: the column of each field, for tables.
        progress: is told how much of the work is done, 0 to 1.
    """

    format: str = ""
    toolset: str = ""
    status: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    progress: Progress | None = None


@dataclass
class Counts:
    """What has been read of a file so far."""

    good: int = 0
    drafts: int = 0
    problems_total: int = 0
    problems: list[Problem] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)

    def note(self, problems: list[Problem]) -> None:
        self.problems_total += len(problems)
        self.problems += problems[: KEPT_PROBLEMS - len(self.problems)]


@contextmanager
def readable(path: Path, wishes: Wishes) -> Iterator[tuple[Path, str, str]]:
    """The file to read, its format, and the format to show: Parquet is read as the JSON lines that it holds.

    Raises:
        WorkbenchError: the file cannot be read, or is in no known format.
    """
    if not parquet.is_parquet(path):
        format = wishes.format or importing.detect(path)
        yield path, format, format
        return
    with TemporaryDirectory(prefix="workbench-parquet-") as folder:
        lines = Path(folder) / f"{path.stem or 'rows'}.jsonl"
        parquet.to_json_lines(path, lines)
        found = wishes.format if wishes.format != PARQUET else ""
        format = found or importing.detect(lines)
        yield lines, "table" if format == "jsonl" else format, PARQUET


class Intake:
    """Reads one file of scenarios into a staging place.

    Args:
        file: what to call it.
        pending: toolsets that files read before this one bring along.
    """

    def __init__(
        self, store: Store, path: Path, format: str, file: str, wishes: Wishes, pending: Mapping[str, Toolset]
    ) -> None:
        self._store, self._format, self._file, self._wishes = store, format, file, wishes
        self._known = {each.name: each for each in toolsets(store)} | dict(pending)
        self._lacking: dict[str, Problem] = {}
        self._boxes: dict[str, Toolbox] = {}
        self._source = Source(path, wishes.toolset, wishes.columns)
        self._stem = Path(file).stem or "imported"
        self.brought: list[Toolset] = []
        self.counts = Counts()

    def run(self, stage: Staging) -> None:
        """Read the file: once for the tools that its rows declare, where they may, and once for the rows."""
        bare = replace(self._source, toolset=self._wishes.toolset or self._stem)
        declares = self._may_declare()
        if declares:
            for row in importing.READERS[self._format].read(replace(bare, seen=self._seen(0.0, 0.4))):
                if row.tools and isinstance(row.item, Scenario):
                    self._box(row.item.toolset).add(row.tools)
        self._bring()
        source = bare if self._boxes else replace(self._source, toolset=self._wishes.toolset or self._home(bare))
        seen = self._seen(0.4, 0.6) if declares else self._seen(0.0, 1.0)
        for row in importing.read_rows(replace(source, seen=seen), self._format):
            self._take(row, stage)

    def _may_declare(self) -> bool:
        if self._format in importing.COLUMN_FORMATS or self._format in ("jsonl", "tuning-lab", "pcai-vectors"):
            return False
        return any(row.tools for row in islice(importing.READERS[self._format].read(self._source_named()), SAMPLE_ROWS))

    def _source_named(self) -> Source:
        return replace(self._source, toolset=self._stem)

    def _box(self, name: str) -> Toolbox:
        if name not in self._boxes:
            self._boxes[name] = Toolbox(name, tuple(self._known.values()), anywhere=not self._asked_for(name))
        return self._boxes[name]

    def _asked_for(self, name: str) -> bool:
        """Did the person or the rows name this toolset?"""
        return name == self._wishes.toolset or name != self._stem

    def _bring(self) -> None:
        """Keep the toolsets that the file declares and the workspace lacks; one that was named and is there counts."""
        for name, box in list(self._boxes.items()):
            made = box.toolsets()
            if made and self._asked_for(name) and name in self._known:
                del self._boxes[name]
                continue
            self.brought += made
            self._known |= {toolset.name: toolset for toolset in made}

    def _home(self, source: Source) -> str:
        """The toolset that has most of the tools that the first rows call; the default one where none has any."""
        calls: Counter[str] = Counter()
        for row in islice(importing.READERS[self._format].read(source), SAMPLE_ROWS):
            if isinstance(row.item, Scenario):
                calls.update({call.name for call in row.item.outcome.calls})
        if not self._known:
            return self._stem
        fits = {
            name: sum(n for called, n in calls.items() if toolset.tool(called)) for name, toolset in self._known.items()
        }
        best = max(fits.values())
        if best == 0 or len([name for name, n in fits.items() if n == best]) > 1:
            return default_toolset(self._store) if len(self._known) > 1 else next(iter(self._known))
        return next(name for name, n in fits.items() if n == best)

    def _take(self, row: Row, stage: Staging) -> None:
        if not isinstance(row.item, Scenario):
            found = [*row.problems, *([row.item] if row.item else [])]
            self.counts.note([replace(problem, file=self._file) for problem in found])
            # The header of a CSV file is one row that may have several problems.
            if row.item and row.line not in self.counts.rejected[-1:]:
                self.counts.rejected.append(row.line)
            return
        scenario = self._settled(row.item, row)
        toolset = self._known.get(scenario.toolset)
        wrong = check_scenario(scenario, toolset) if toolset else [self._lacks(scenario.toolset)]
        problems = [replace(problem, line=row.line, file=self._file) for problem in (*row.problems, *wrong)]
        self.counts.note(problems)
        self.counts.drafts += bool(problems)
        self.counts.good += not problems
        stage.add(replace(scenario, status="draft") if problems else scenario)

    def _settled(self, scenario: Scenario, row: Row) -> Scenario:
        """The scenario in its toolset, with the status that is wished for, and where it comes from."""
        if self._wishes.status:
            scenario = replace(scenario, status=_status(self._wishes.status))
        if not scenario.source and self._format not in importing.BARE:
            scenario = replace(scenario, source=f"import:{self._file}")
        if not row.tools:
            return scenario
        if box := self._boxes.get(scenario.toolset):
            return box.settle(scenario, row.tools)
        toolset = self._known.get(scenario.toolset)
        return replace(scenario, tools=importing.offered_by(toolset, row.tools)) if toolset else scenario

    def _lacks(self, name: str) -> Problem:
        if name not in self._lacking:
            self._lacking[name] = unknown_toolset(self._store, name)
        return self._lacking[name]

    def _seen(self, start: float, share: float) -> Callable[[int], None] | None:
        progress, size = self._wishes.progress, max(1, self._source.path.stat().st_size)
        if progress is None:
            return None
        return lambda read: progress(start + share * min(1.0, read / size))


def _status(status: str) -> Status:
    return next(known for known in STATUSES if known == status)
