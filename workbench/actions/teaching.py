"""A teacher model writes drafts: starting, resuming and reading generation runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from workbench.actions import runs, starting
from workbench.actions.curate import DEFAULT_AUTHOR, ProblemsError
from workbench.actions.generating import sources
from workbench.actions.orders import Order, checked, teacher_problems
from workbench.errors import WorkbenchError
from workbench.generation.job import JOURNAL, Tally, TeacherSettings, read_journal
from workbench.inference.endpoint import Endpoint
from workbench.records import NO_TOOL, Model, Run, Scenario, Toolset
from workbench.runfolder import RunFolder, read_rows
from workbench.scenarios.generate import teacher
from workbench.scenarios.splitting import split_of
from workbench.store import scenarios as scenario_store
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter


@dataclass(frozen=True)
class TeacherReport:
    """What a generation run has got so far, from its journal."""

    run: Run
    tally: Tally
    settings: TeacherSettings

    def to_dict(self, shown: int = 100) -> dict[str, Any]:
        return {
            "run": self.run.id,
            "state": self.run.state,
            **self.tally.figures(self.settings),
            "reasons": list(dict.fromkeys(self.tally.reasons)),
            "examples": [draft.to_dict() for draft in self.tally.drafts[-shown:]],
            "rejected": [reject.to_dict() for reject in self.tally.rejects[-shown:]],
        }


def start(store: Store, order: Order, author: str = DEFAULT_AUTHOR, resume: str = "") -> Run:
    """Start a run in which a teacher model writes drafts.

    Args:
        resume: id of an earlier generation run to go on with: its plan, and all that it has, are taken over.

    Raises:
        ProblemsError: the order makes no sense, or the endpoint's settings cannot work.
        WorkbenchError: there is no such run to resume.
    """
    if resume:
        return _resume(store, resume, author)
    toolset = checked(store, order)
    if problems := [*teacher_problems(order)]:
        raise ProblemsError(f"The teacher cannot be asked: {problems[0]}.", problems, problems[0].hint)
    config = {
        "toolset": toolset.to_dict(),
        "endpoint": order.endpoint.to_dict(),
        "settings": order.asked.to_dict(),
        "gaps": [gap.to_dict() for gap in _gaps(store, order, toolset)],
        "author": author,
    }
    model = Model(order.endpoint.model, order.endpoint.model, order.endpoint.base_url)
    return starting.start_generation(store, model, _known(store, order.toolset), config)


def plan(store: Store, order: Order) -> str:
    """What would be asked, in a sentence. Raises ProblemsError when the order makes no sense."""
    found = _gaps(store, order, checked(store, order))
    asks = -(-order.count // order.settings.each)
    what, each = "scenario to reword" if order.paraphrase else "gap", order.settings.each
    gaps, questions = _count(len(found), what), _count(asks, "question")
    return f"{gaps}; about {questions} for {each} scenarios each, more where some are rejected."


def _count(n: int, what: str) -> str:
    """``1 gap``, ``2 gaps``, ``3 scenarios to reword``."""
    first, _, rest = what.partition(" ")
    return f"{n:,} {first}{'s' if n != 1 else ''} {rest}".rstrip()


def report(store: Store, run_id: str) -> TeacherReport:
    """Drafts, rejects, tokens and money of a generation run. Raises WorkbenchError when there is none of that id."""
    run = _generation(store, run_id)
    settings = TeacherSettings.from_dict(run.config["settings"])
    return TeacherReport(run, read_journal(_folder(store, run).path), settings)


def _resume(store: Store, run_id: str, author: str) -> Run:
    runs.sync(store)
    earlier = _generation(store, run_id)
    if not earlier.finished:
        raise WorkbenchError(f"The run {run_id} goes on already.", "Wait for it, or stop it first.")
    plan = {name: earlier.config[name] for name in ("toolset", "endpoint", "settings", "gaps")}
    if problems := Endpoint.from_dict(plan["endpoint"]).check():
        raise ProblemsError(f"The teacher cannot be asked: {problems[0]}.", problems, problems[0].hint)
    journal = [row for row in read_rows(_folder(store, earlier).path / JOURNAL) if row]
    known = _known(store, plan["toolset"]["name"])
    # What it paraphrases must be there, also when it was deleted meanwhile.
    there = {scenario.id for scenario in known}
    gaps = [gap for gap in plan["gaps"] if not gap["of"] or gap["of"] in there]
    config = {**plan, "gaps": gaps, "author": author}
    return starting.start_generation(store, Model(**earlier.config["model"]), known, config, journal)


def _generation(store: Store, run_id: str) -> Run:
    run = runs.get_run(store, run_id)
    if run.kind != "generate":
        raise WorkbenchError(f"The run {run_id} does not generate scenarios.", "The list of runs says which do.")
    return run


def _folder(store: Store, run: Run) -> RunFolder:
    return RunFolder(store.workspace.run_folder(run.id))


def _known(store: Store, toolset: str) -> list[Scenario]:
    """All scenarios of the toolset, each with its split written down."""
    found = scenario_store.stream(store, ScenarioFilter(toolset=toolset))
    return [replace(scenario, split=split_of(scenario)) for scenario in found]


def _gaps(store: Store, order: Order, toolset: Toolset) -> list[teacher.Gap]:
    if order.paraphrase:
        return [
            teacher.Gap(s.outcome.label, s.os, s.mode, teacher.PARAPHRASE, s.shell, s.id) for s in sources(store, order)
        ]
    shells = order.shells or ("",)
    found = teacher.gaps(order.tools or (*toolset.tool_names, NO_TOOL), order.oses, order.modes, order.styles)
    return [replace(gap, shell=shells[i % len(shells)]) for i, gap in enumerate(found)]
