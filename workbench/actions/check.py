"""Quality gates: every violation of a toolset's rules, for people and for a build that must fail.

``GATES`` is the list. A gate is a function that yields violations; it sees the approved scenarios of one toolset, for
only these are trained on and tested with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.actions import duplicates, import_files
from workbench.actions.content import SHIPPED_AUTHOR, shipped_toolset
from workbench.actions.curate import default_toolset
from workbench.actions.curate import toolset as get_toolset
from workbench.actions.targets import preset, standing
from workbench.errors import Problem
from workbench.records import Scenario, Toolset, canonical_json
from workbench.scenarios.dedupe import Cluster
from workbench.scenarios.targets import Target, read_all
from workbench.scenarios.validate import check_scenario, check_toolset
from workbench.store import scenarios as scenario_store
from workbench.store import toolsets as toolset_store
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.workspace import Workspace


@dataclass(frozen=True)
class Violation:
    """One thing that a gate does not let pass; ``scenario`` is empty where it concerns the whole toolset."""

    gate: str
    problem: Problem
    scenario: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"gate": self.gate, "scenario": self.scenario, **self.problem.to_dict()}


@dataclass(frozen=True)
class CheckReport:
    """Every violation, in the order of the gates.

    Attributes:
        checked: approved scenarios that were looked at.
        gates: what each gate looks for, by its name.
    """

    toolset: str
    checked: int
    gates: dict[str, str]
    violations: tuple[Violation, ...]

    @property
    def ok(self) -> bool:
        return not self.violations

    def count(self, gate: str) -> int:
        return sum(one.gate == gate for one in self.violations)

    def to_dict(self) -> dict[str, Any]:
        return {
            "toolset": self.toolset,
            "ok": self.ok,
            "checked": self.checked,
            "gates": [
                {"name": name, "what": what, "violations": self.count(name)} for name, what in self.gates.items()
            ],
            "violations": [one.to_dict() for one in self.violations],
        }


@dataclass(frozen=True)
class Subject:
    """What gates look at; ``targets`` are the toolset's own unless others were given."""

    store: Store
    toolset: Toolset
    targets: tuple[Target, ...] | None = None
    reports: Sequence[import_files.ImportReport] = field(default=())

    @cached_property
    def approved(self) -> tuple[Scenario, ...]:
        chosen = ScenarioFilter(toolset=self.toolset.name, status="approved")
        return tuple(scenario_store.stream(self.store, chosen))

    @cached_property
    def broken(self) -> tuple[tuple[str, Problem], ...]:
        """What does not fit in approved scenarios, each with the scenario's id: two gates share it out."""
        return tuple((one.id, problem) for one in self.approved for problem in check_scenario(one, self.toolset))

    @cached_property
    def alike(self) -> tuple[tuple[Cluster, bool], ...]:
        """Clusters of near-duplicates among the approved, and whether somebody marked each as deliberate variants."""
        found = duplicates.check(self.store, self.toolset.name)
        approved = {scenario.id for scenario in self.approved}
        shown = []
        for cluster in found.found.clusters:
            members = tuple(entry for entry in cluster.members if entry.id in approved)
            if len(members) > 1:
                shown.append((replace(cluster, members=members), cluster.id in found.deliberate))
        return tuple(shown)


Gate = Callable[[Subject], Iterator[Violation]]


def _rows(subject: Subject) -> Iterator[Violation]:
    for report in subject.reports:
        for problem in report.problems:
            yield Violation("rows", problem)


def _tools(subject: Subject) -> Iterator[Violation]:
    for problem in check_toolset(subject.toolset):
        yield Violation("tools", problem)


def _schema(subject: Subject) -> Iterator[Violation]:
    for scenario_id, problem in subject.broken:
        if problem.field != "os":
            yield Violation("schema", problem, scenario_id)


def _os(subject: Subject) -> Iterator[Violation]:
    for scenario_id, problem in subject.broken:
        if problem.field == "os":
            yield Violation("os", problem, scenario_id)


def _duplicates(subject: Subject) -> Iterator[Violation]:
    first: dict[str, Scenario] = {}
    for scenario in subject.approved:
        before = first.setdefault(_said(scenario), scenario)
        if before is scenario:
            continue
        same = before.outcome == scenario.outcome
        message = f"says the same in the same context as '{before.id}'{'' if same else ', but expects something else'}"
        yield Violation("duplicates", Problem(message, "request", hint="Keep one of the two."), scenario.id)


def _said(scenario: Scenario) -> str:
    """Request and context; case and blanks make no difference."""
    request = " ".join(scenario.request.casefold().split())
    turns = [turn.to_dict() for turn in scenario.history]
    return canonical_json([request, scenario.os, scenario.shell, scenario.mode, turns])


def _near_duplicates(subject: Subject) -> Iterator[Violation]:
    for cluster, deliberate in subject.alike:
        if "near" in cluster.kinds and not deliberate:
            message = f"says nearly the same as {', '.join(repr(id) for id in cluster.ids[1:4])}"
            hint = "Keep or merge them on the Duplicates page, or mark them as deliberate variants."
            yield Violation("near-duplicates", Problem(message, "request", hint=hint), cluster.id)


def _leaks(subject: Subject) -> Iterator[Violation]:
    for cluster, _ in subject.alike:
        if cluster.is_leak:
            held_out, trained = duplicates.example_of(cluster)
            message = f"is held out and says nearly what '{trained}' says, which is trained on"
            yield Violation("leaks", Problem(message, "split", hint="Put both on one split, or reject one."), held_out)


def _reasoning(subject: Subject) -> Iterator[Violation]:
    if subject.toolset.profile.reasoning != "required":
        return
    for scenario in subject.approved:
        if not scenario.reasoning.strip():
            problem = Problem("is missing, and the prompt profile demands it", "reasoning", hint="Say why it is right.")
            yield Violation("reasoning", problem, scenario.id)


def _targets(subject: Subject) -> Iterator[Violation]:
    for row in standing(subject.store, subject.toolset.name, subject.targets).rows:
        if not row.met:
            message = f"only {row.have:,} of {row.need:,} approved scenarios for {row.label}"
            hint = f"Approve {row.missing:,} more (target: {row.target.text})."
            yield Violation("targets", Problem(message, row.target.axis, hint=hint))


GATES: tuple[tuple[str, str, Gate], ...] = (
    ("rows", "rows of the files that cannot be read or break a rule", _rows),
    ("tools", "tools that are not sound schemas", _tools),
    ("schema", "approved scenarios that do not fit their tools", _schema),
    ("os", "approved scenarios on an unknown OS", _os),
    ("duplicates", "approved scenarios that say the same in the same context", _duplicates),
    ("near-duplicates", "approved scenarios that nearly repeat another one", _near_duplicates),
    ("leaks", "validation or test scenarios that nearly repeat what is trained on", _leaks),
    ("reasoning", "approved scenarios without the reasoning that the prompt profile demands", _reasoning),
    ("targets", "targets that are not met", _targets),
)
"""Name, what it looks for, function: a new gate is one more line."""


def check(store: Store, toolset: str = "", targets: Sequence[str] | None = None, preset_name: str = "") -> CheckReport:
    """Let every gate look at a toolset.

    Args:
        toolset: the default one when empty.
        targets: lines to hold it to instead of its own targets; ``preset_name`` names a ready list.

    Raises:
        WorkbenchError: no such toolset or preset, or a line that says no target.
    """
    chosen = get_toolset(store, toolset or default_toolset(store))
    return _check(Subject(store, chosen, _chosen_targets(targets, preset_name)))


def check_files(
    paths: Sequence[Path], toolset: str = "", targets: Sequence[str] | None = None, preset_name: str = ""
) -> CheckReport:
    """The same for files, in a temporary workspace: all their rows count as approved. Files with tools come first.

    Raises:
        WorkbenchError: a file cannot be read or is in no known format; the toolset is in none of the files.
    """
    wanted = _chosen_targets(targets, preset_name)
    with tempfile.TemporaryDirectory(prefix="workbench-check-") as folder, Store.open(Workspace(Path(folder))) as store:
        # A file of scenarios alone can still be one of the shipped toolset.
        shipped = shipped_toolset()
        toolset_store.save_toolset(store, shipped, SHIPPED_AUTHOR)
        previews = {path: import_files.preview(store, path, toolset) for path in paths}
        ordered = sorted(paths, key=lambda path: previews[path].kind != "tools")
        reports = [import_files.import_file(store, path, toolset, status="approved") for path in ordered]
        brought = [report.toolset for report in reports if report.toolset]
        chosen = get_toolset(store, toolset or (brought[0] if brought else _toolset_of(store, shipped.name)))
        return _check(Subject(store, chosen, wanted, reports))


def _toolset_of(store: Store, default: str) -> str:
    found = scenario_store.find(store, limit=1)
    return found[0].toolset if found else default


def _chosen_targets(lines: Sequence[str] | None, preset_name: str) -> tuple[Target, ...] | None:
    if preset_name:
        return (*preset(preset_name), *read_all(lines or ()))
    return None if lines is None else read_all(lines)


def _check(subject: Subject) -> CheckReport:
    violations = tuple(found for _, _, gate in GATES for found in gate(subject))
    gates = {name: what for name, what, _ in GATES if name != "rows" or subject.reports}
    return CheckReport(subject.toolset.name, len(subject.approved), gates, violations)
