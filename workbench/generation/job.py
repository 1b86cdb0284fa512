"""What a generation run's folder asks for, and its journal of what was asked and answered. Knows no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from workbench.errors import Problem, WorkbenchError
from workbench.inference.completions import Usage
from workbench.inference.endpoint import Endpoint
from workbench.records import Scenario, Toolset
from workbench.runfolder import RunFolder, iterate_rows, read_rows
from workbench.scenarios.generate.teacher import Gap, Reject

JOURNAL = "journal.jsonl"
ASKS_PER_DRAFT = 3
"""How many times as many questions as needed at best are asked before the run gives up."""


@dataclass(frozen=True)
class TeacherSettings:
    """How a teacher is asked.

    Attributes:
        count: drafts that are wanted.
        each: scenarios asked for in one question.
        price_in, price_out: money for a million prompt and completion tokens, in any currency; 0 when not known.
        max_cost: money after which nothing more is asked; 0 for no limit. What is under way is still paid for.
    """

    count: int = 50
    each: int = 8
    seed: int = 0
    temperature: float = 1.0
    max_tokens: int = 4096
    price_in: float = 0.0
    price_out: float = 0.0
    max_cost: float = 0.0

    def check(self) -> list[Problem]:
        """What makes no sense, by field."""
        ranges = (
            ("count", 1, 100_000),
            ("each", 1, 50),
            ("temperature", 0, 2),
            ("max_tokens", 64, 200_000),
            ("price_in", 0, 1e6),
            ("price_out", 0, 1e6),
            ("max_cost", 0, 1e6),
        )
        problems = [
            Problem("is out of range", name, hint=f"Choose a number from {low:g} to {high:g}.")
            for name, low, high in ranges
            if not low <= getattr(self, name) <= high
        ]
        if self.max_cost and not (self.price_in or self.price_out):
            problems.append(Problem("needs a price to count with", "max_cost", hint="Give the prices per million."))
        return problems

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TeacherSettings:
        """Unknown keys are passed over. Raises WorkbenchError where a value is no number."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name, value in known.items():
            whole = isinstance(getattr(cls, name), int)
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise WorkbenchError(f"{name} must be a {'whole ' if whole else ''}number.")
        return cls(**known)

    def cost(self, usage: Usage) -> float:
        """Money for so many tokens."""
        return (usage.prompt_tokens * self.price_in + usage.completion_tokens * self.price_out) / 1e6


@dataclass(frozen=True)
class Job:
    """What a run folder asks for; ``known`` is what is there already."""

    toolset: Toolset
    endpoint: Endpoint
    settings: TeacherSettings
    gaps: tuple[Gap, ...]
    known: tuple[Scenario, ...]

    @classmethod
    def read(cls, folder: RunFolder) -> Job:
        """Raises WorkbenchError when the folder is incomplete."""
        config = folder.read_config()
        return cls(
            toolset=Toolset.from_dict(config["toolset"]),
            endpoint=Endpoint.from_dict(config["endpoint"]),
            settings=TeacherSettings.from_dict(config["settings"]),
            gaps=tuple(Gap(**gap) for gap in config["gaps"]),
            # Each with its resolved split, for what stands in test is not shown to the teacher.
            known=tuple(Scenario.from_dict(row["scenario"]) for row in iterate_rows(folder.cases)),
        )


@dataclass
class Tally:
    """The journal, summed up.

    Attributes:
        answered: numbers of the questions that were answered.
        failed: how many questions got no answer.
        reasons: why, the newest last.
    """

    drafts: list[Scenario] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    usage: Usage = field(default_factory=Usage)
    failed: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, row: Mapping[str, Any]) -> None:
        """One line of the journal."""
        if not row:
            return
        if row.get("failure"):
            self.failed += 1
            self.reasons.append(row["failure"])
            return
        self.answered.add(row["ask"])
        self.drafts += [Scenario.from_dict(draft) for draft in row["drafts"]]
        self.rejects += [Reject(**reject) for reject in row["rejects"]]
        self.usage += Usage(**row["usage"])

    def figures(self, settings: TeacherSettings) -> dict[str, Any]:
        """For metrics and summary: counts, tokens, money."""
        return {
            "drafts": len(self.drafts),
            "wanted": settings.count,
            "rejects": len(self.rejects),
            "asks": len(self.answered),
            "failed_asks": self.failed,
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "cost": round(settings.cost(self.usage), 6),
        }


def read_journal(folder: Path, rows: Iterable[Mapping[str, Any]] | None = None) -> Tally:
    """What a run has got so far; empty before its first answer."""
    tally = Tally()
    for row in read_rows(folder / JOURNAL) if rows is None else rows:
        tally.add(row)
    return tally
