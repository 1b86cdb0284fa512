"""Reviewing drafts: which comes next and why, verdicts, and whether two reviewers agree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from workbench.actions import curate, duplicates
from workbench.actions.curate import ProblemsError
from workbench.actions.targets import counts_of
from workbench.errors import Problem, WorkbenchError
from workbench.records import Scenario, Status
from workbench.scenarios.agreement import kappa
from workbench.scenarios.coverage import tools_of
from workbench.scenarios.targets import Counts, category_names, progress
from workbench.scenarios.validate import check_scenario
from workbench.store import demands as demand_store
from workbench.store import reviews as review_store
from workbench.store import scenarios as scenario_store
from workbench.store.counting import table
from workbench.store.database import Store
from workbench.store.reviews import Verdict
from workbench.store.scenarios import ScenarioFilter

VERDICTS: Mapping[str, Status] = {"approve": "approved", "reject": "rejected"}
MOST_IDS = 2_000


@dataclass(frozen=True)
class Queue:
    """The drafts that wait for a reviewer, the most needed first.

    Attributes:
        ids: at most 2,000 of them; ``total`` counts all.
        needs: why a draft is needed, by its id; those that fill no gap are absent.
    """

    toolset: str
    ids: tuple[str, ...]
    total: int
    needs: Mapping[str, tuple[str, ...]]
    reviewers: int

    def to_dict(self) -> dict[str, Any]:
        scenarios = [{"id": id, "needs": list(self.needs.get(id, ()))} for id in self.ids]
        return {"toolset": self.toolset, "total": self.total, "reviewers": self.reviewers, "scenarios": scenarios}


@dataclass(frozen=True)
class Item:
    """All that a reviewer wants to see of one draft.

    Attributes:
        author, at: who made its newest revision, and when; ``revisions`` counts them.
        similar: the approved scenario that reads most like it, with their likeness, 0 to 1; None where none does.
        verdicts: on what it says now, once reviewers differ; until then each judges without knowing the other's.
    """

    scenario: Scenario
    problems: tuple[Problem, ...]
    author: str
    at: str
    revisions: int
    similar: tuple[Scenario, float] | None
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Decision:
    """What a verdict did: the change that holds it, and the scenario's status now."""

    id: str
    change: int
    status: Status

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "change": self.change, "status": self.status}


@dataclass(frozen=True)
class Agreement:
    """How far two reviewers agree on what both judged; ``kappa`` is Cohen's, None where it says nothing."""

    reviewers: tuple[str, str]
    n: int
    agreed: int
    kappa: float | None

    def to_dict(self) -> dict[str, Any]:
        return {"reviewers": list(self.reviewers), "n": self.n, "agreed": self.agreed, "kappa": self.kappa}


def queue(store: Store, toolset: str, reviewer: str) -> Queue:
    """Drafts that this reviewer has not judged, ordered by need: those that fill more gaps first, then those without
    a problem, then those that have waited longest. Drafts on which two reviewers disagree are listed apart.
    """
    declared = curate.toolset(store, toolset)
    given = _standing_verdicts(store, toolset)
    gaps = _Gaps.find(store, toolset)
    ranked, needs = [], {}
    for age, draft in enumerate(scenario_store.drafts(store, toolset)):
        verdicts = given.get(draft.id, ())
        if any(one.reviewer == reviewer for one in verdicts) or _differ(verdicts):
            continue
        if found := gaps.filled_by(draft):
            needs[draft.id] = found
        ranked.append((-len(found), bool(check_scenario(draft, declared)), age, draft.id))
    ids = tuple(row[-1] for row in sorted(ranked)[:MOST_IDS])
    reviewers = demand_store.get_demands(store, toolset).reviewers
    return Queue(toolset, ids, len(ranked), {id: needs[id] for id in ids if id in needs}, reviewers)


def item(store: Store, scenario_id: str) -> Item:
    """One draft with all that helps to judge it. Raises WorkbenchError when there is none of that id."""
    scenario = curate.get(store, scenario_id)
    history = curate.history(store, scenario_id)
    verdicts = _standing_verdicts(store, scenario.toolset).get(scenario_id, ())
    return Item(
        scenario,
        tuple(curate.problems_of(store, scenario)),
        history[0].author,
        history[0].at,
        len(history),
        next(iter(duplicates.similar(store, scenario.toolset, scenario.request, scenario.id, 1, ("approved",))), None),
        verdicts if _differ(verdicts) else (),
    )


def needs_of(store: Store, scenario: Scenario) -> tuple[str, ...]:
    """Which gaps an approval of the scenario would fill, in words."""
    return _Gaps.find(store, scenario.toolset).filled_by(scenario)


def judge(store: Store, scenario_id: str, verdict: str, reviewer: str) -> Decision:
    """Approve or reject a draft, as one change that can be undone. Where the toolset wants two reviewers, the draft
    stays one until two say the same.

    Raises:
        ProblemsError: it is to be approved and breaks a rule.
        WorkbenchError: no such draft, verdict, or no reviewer's name.
    """
    if verdict not in VERDICTS:
        raise WorkbenchError(f"'{verdict}' is not a verdict.", f"Choose one of {', '.join(VERDICTS)}.")
    if not reviewer.strip():
        raise WorkbenchError("A verdict needs the reviewer's name.", "Say who reviews.")
    scenario = curate.get(store, scenario_id)
    if scenario.status != "draft":
        raise WorkbenchError(f"'{scenario_id}' is {scenario.status} already.", "Somebody was quicker; go on.")
    problems = curate.problems_of(store, scenario) if verdict == "approve" else []
    if problems:
        hint = "Edit it first, or reject it."
        raise ProblemsError(f"It cannot be approved: {problems[0]}.", problems, hint)
    others = _standing_verdicts(store, scenario.toolset).get(scenario_id, ())
    needed = demand_store.get_demands(store, scenario.toolset).reviewers
    status = VERDICTS[verdict] if _decides(verdict, reviewer, others, needed) else "draft"
    decided = replace(scenario, status=status) if status != "draft" else None
    change = review_store.add_verdict(store, scenario, verdict, reviewer.strip(), decided)
    return Decision(scenario_id, change, status)


def set_reviewers(store: Store, toolset: str, reviewers: int, author: str = curate.DEFAULT_AUTHOR) -> None:
    """Let one reviewer decide, or demand that two agree."""
    curate.toolset(store, toolset)
    if reviewers not in (1, 2):
        raise WorkbenchError(f"{reviewers} reviewers are not possible.", "Choose 1 or 2.")
    demand_store.save_reviewers(store, toolset, reviewers, author)


def agreements(store: Store, toolset: str) -> list[Agreement]:
    """For every two reviewers who judged the same revisions: how far they agree.

    The first verdict of each counts: what they say after they have talked is no longer independent.
    """
    judged: dict[tuple[str, int], dict[str, str]] = {}
    for one in review_store.verdicts(store, toolset):
        judged.setdefault((one.scenario_id, one.revision), {}).setdefault(one.reviewer, one.verdict)
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for verdicts in judged.values():
        for first, second in combinations(sorted(verdicts), 2):
            pairs.setdefault((first, second), []).append((verdicts[first], verdicts[second]))
    return [
        Agreement(names, len(found), sum(one == two for one, two in found), kappa(found))
        for names, found in sorted(pairs.items())
    ]


def disagreements(store: Store, toolset: str) -> dict[str, tuple[Verdict, ...]]:
    """Drafts on which reviewers differ, by id, with what they said."""
    drafts = {draft.id for draft in scenario_store.drafts(store, toolset)}
    given = _standing_verdicts(store, toolset)
    return {id: verdicts for id, verdicts in given.items() if id in drafts and _differ(verdicts)}


def _standing_verdicts(store: Store, toolset: str) -> dict[str, tuple[Verdict, ...]]:
    """By scenario: the last verdict of each reviewer on what it says now."""
    found: dict[str, dict[str, Verdict]] = {}
    for one in review_store.verdicts(store, toolset):
        if one.current:
            found.setdefault(one.scenario_id, {})[one.reviewer] = one
    return {id: tuple(verdicts.values()) for id, verdicts in found.items()}


def _differ(verdicts: Iterable[Verdict]) -> bool:
    return len({one.verdict for one in verdicts}) > 1


def _decides(verdict: str, reviewer: str, others: Sequence[Verdict], needed: int) -> bool:
    said = {one.reviewer: one.verdict for one in others} | {reviewer.strip(): verdict}
    return needed == 1 or (len(said) >= needed and set(said.values()) == {verdict})


@dataclass(frozen=True)
class _Gaps:
    """What approved scenarios lack.

    Attributes:
        unmet: a sentence by (axis, value) of a target that is not met.
        filled: pairs of tool and OS that have an approved scenario.
    """

    unmet: Mapping[tuple[str, str], str]
    filled: Collection[tuple[str, str]]

    @classmethod
    def find(cls, store: Store, toolset: str) -> _Gaps:
        counts: Counts = counts_of(store, toolset)
        rows = progress(demand_store.get_demands(store, toolset).targets, counts)
        unmet = {
            (row.target.axis, row.value): f"{row.label}: {row.have:,} of {row.need:,}" for row in rows if not row.met
        }
        return cls(unmet, table(store, toolset, "tool", "os", ScenarioFilter(status="approved")).keys())

    def filled_by(self, draft: Scenario) -> tuple[str, ...]:
        tools = tools_of(draft)
        places = [("os", draft.os), ("mode", draft.mode), ("shell", draft.shell), ("total", "")]
        places += [("tool", tool) for tool in tools] + [("category", tag) for tag in category_names(draft.tags)]
        first = [f"the first {tool} on {draft.os or 'any OS'}" for tool in tools if (tool, draft.os) not in self.filled]
        return (*first, *(self.unmet[place] for place in places if place in self.unmet))
