"""What a workspace holds and how far its people have come, for the first page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.actions import comparing, curate, models, run_progress, runs
from workbench.actions.coverage import Coverage, coverage
from workbench.actions.run_progress import Progress
from workbench.records import SPLITS, Run, Split
from workbench.store import changes as change_store
from workbench.store import inbox as inbox_store
from workbench.store import traffic
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

RECENT_CHANGES = 200


@dataclass(frozen=True)
class Overview:
    """Counts of a workspace and which steps of a newcomer's path are behind it.

    Attributes:
        approved, drafts: scenarios.
        splits: approved scenarios by split.
        tools: tools of all toolsets; ``covered`` of them have approved scenarios in train and in test.
        pairs: pairs of a tool and an OS that occurs; ``filled`` of them have a scenario.
        bases, trained: models to choose from.
        authored: somebody wrote or edited a scenario lately.
        compared: two models answered the same split of one snapshot.
        latest: the newest run, with its progress.
        recorded: decisions of served models; ``inbox`` counts the questions that wait for a person.
    """

    approved: int
    drafts: int
    splits: Mapping[Split, int]
    toolsets: int
    tools: int
    covered: int
    pairs: int
    filled: int
    bases: int
    trained: int
    authored: bool
    compared: bool
    latest: Progress | None
    recorded: int = 0
    inbox: int = 0


def overview(store: Store) -> Overview:
    """Reads counts only; fast at 100,000 scenarios."""
    coverages = [coverage(store, toolset.name) for toolset in curate.toolsets(store)]
    declared = {found.toolset: curate.toolset(store, found.toolset).tool_names for found in coverages}
    listed = models.list_models(store)
    trained = sum(bool(model.adapter) for model in listed)
    found = runs.runs(store)
    return Overview(
        approved=curate.count(store, ScenarioFilter(status="approved")),
        drafts=curate.count(store, ScenarioFilter(status="draft")),
        splits={split: curate.count(store, ScenarioFilter(status="approved", split=split)) for split in SPLITS},
        toolsets=len(coverages),
        tools=sum(map(len, declared.values())),
        covered=sum(_covered(one, declared[one.toolset]) for one in coverages),
        pairs=sum(len(one.tools) * len([os for os in one.oses if os]) for one in coverages),
        filled=sum(bool(os) for one in coverages for _, os in one.by_tool_os),
        bases=len(listed) - trained,
        trained=trained,
        authored=any(change.kind == "edit" for change in change_store.changes(store, RECENT_CHANGES)),
        compared=_compared(comparing.evaluations(store)),
        latest=run_progress.progress(store, found[0].id) if found else None,
        recorded=traffic.count_traffic(store),
        inbox=inbox_store.waiting(store),
    )


def _covered(found: Coverage, tools: Sequence[str]) -> int:
    """How many of the tools have approved scenarios to train and to test on."""
    splits = defaultdict(set)
    for cell in found.cells:
        if cell.status == "approved":
            splits[cell.tool].add(cell.split)
    return sum({"train", "test"} <= splits[tool] for tool in tools)


def _compared(evaluations: Sequence[Run]) -> bool:
    answered = defaultdict(set)
    for run in evaluations:
        answered[run.snapshot, run.config["split"]].add(run.model)
    return any(len(models) > 1 for models in answered.values())
