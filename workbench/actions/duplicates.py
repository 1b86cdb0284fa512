"""Finding near-duplicates, conflicts and leaks, and what people do about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.actions import curate
from workbench.errors import WorkbenchError
from workbench.records import Scenario, Snapshot, Status
from workbench.scenarios.dedupe import HELD_OUT, KINDS, Cluster, Duplicates, Entry, find_duplicates, settled_split
from workbench.scenarios.lexical import most_similar, plain
from workbench.store import clusters as cluster_store
from workbench.store import scenarios as scenario_store
from workbench.store.clusters import Check, Move, Standing
from workbench.store.database import Store

DELIBERATE = "deliberate"
"""The kind of clusters that somebody marked as deliberate variants."""
ALL_KINDS = (*KINDS, DELIBERATE)
LIKE = 0.6
"""From this likeness on, a scenario is shown beside the one that is being written."""
COARSE = 200
"""How many candidates the store gives for that."""
_BEST: tuple[Status, ...] = ("approved", "draft", "rejected")


class LeakError(WorkbenchError):
    """Training would start on what the model is to be tested with; ``leaks`` are the clusters that show it."""

    def __init__(self, message: str, hint: str, leaks: Sequence[Cluster]) -> None:
        super().__init__(message, hint)
        self.leaks = tuple(leaks)


@dataclass(frozen=True)
class Findings:
    """What the last check of a toolset found, without and with what people said of it.

    Attributes:
        check: when that was; None before the first.
        found: every cluster, deliberate ones, too: they count for splits and leaks.
        deliberate: ids of the clusters whose members are all marked as variants of each other.
        moves: scenarios that went to the split of their cluster.
        encoder: what looked for equal meaning, or empty: then words alone were compared.
    """

    toolset: str
    check: Check | None
    found: Duplicates
    deliberate: frozenset[str]
    moves: tuple[Move, ...]
    encoder: str

    def of_kind(self, kind: str = "") -> tuple[Cluster, ...]:
        """Clusters of a kind, or all that are not deliberate. Raises WorkbenchError for an unknown kind."""
        if kind and kind not in ALL_KINDS:
            raise WorkbenchError(f"'{kind}' is no kind of duplicates.", f"Choose one of {', '.join(ALL_KINDS)}.")
        if kind == DELIBERATE:
            return tuple(cluster for cluster in self.found.clusters if cluster.id in self.deliberate)
        open_ones = (cluster for cluster in self.found.clusters if cluster.id not in self.deliberate)
        return tuple(cluster for cluster in open_ones if not kind or kind in cluster.kinds)

    @property
    def counts(self) -> dict[str, int]:
        return {kind: len(self.of_kind(kind)) for kind in ("", *ALL_KINDS)}

    def to_dict(self, kind: str = "", offset: int = 0, limit: int = 50) -> dict[str, Any]:
        chosen = self.of_kind(kind)
        return {
            "toolset": self.toolset,
            "checked_at": self.check.at if self.check else "",
            "scenarios": self.found.total,
            "duplicate_ratio": self.found.duplicate_ratio,
            "compared": f"words and meaning ({self.encoder})" if self.encoder else "words",
            "counts": {name or "open": n for name, n in self.counts.items()},
            "total": len(chosen),
            "clusters": [self._cluster(cluster) for cluster in chosen[offset : offset + limit]],
            "moves": [
                {"scenario": move.scenario_id, "from": move.before, "to": move.after, "was_settled": move.settled}
                for move in self.moves
            ],
        }

    def _cluster(self, cluster: Cluster) -> dict[str, Any]:
        return {
            "id": cluster.id,
            "kinds": list(cluster.kinds),
            "deliberate": cluster.id in self.deliberate,
            "scenarios": list(cluster.ids),
            "splits": {split: list(ids) for split, ids in cluster.held_out().items()},
            "conflicts": [list(ids) for ids in cluster.conflicts],
        }


def check(store: Store, toolset: str, again: bool = False) -> Findings:
    """What is alike in a toolset now; looks again only where something has changed since the last time.

    Unpinned scenarios go to the split of their cluster (see ``dedupe.settled_split``), and each such move is kept.

    Raises:
        WorkbenchError: there is no such toolset.
    """
    curate.toolset(store, toolset)
    last = cluster_store.last_check(store, toolset)
    if again or last is None or not last.current:
        change = cluster_store.newest_change(store)
        standings = cluster_store.standings(store, toolset)
        found = find_duplicates([one.entry for one in standings], meaning=cluster_store.meanings(store, toolset))
        cluster_store.save_check(store, toolset, change, found, _moves(found, standings))
    return last_findings(store, toolset)


def last_findings(store: Store, toolset: str) -> Findings:
    """What the last check found, with the scenarios as they are now; reads only."""
    found = cluster_store.load(store, toolset)
    marks = cluster_store.marks(store)
    return Findings(
        toolset=toolset,
        check=cluster_store.last_check(store, toolset),
        found=found,
        deliberate=frozenset(one.id for one in found.clusters if _is_deliberate(one, marks)),
        moves=tuple(cluster_store.moves(store, toolset)),
        encoder=cluster_store.encoder_of(store, toolset),
    )


def leaks_of(snapshot: Snapshot, known: Findings | None = None) -> tuple[Cluster, ...]:
    """Clusters of a snapshot that have scenarios to train on and scenarios that are held out.

    Args:
        known: what a check of the same scenarios found. While nothing has changed since, only what is in its clusters
            is looked at again.
    """
    rows = snapshot.rows
    if known and known.check and known.check.current:
        rows = tuple(row for row in rows if row.scenario.id in known.found.cluster_of)
    return find_duplicates([Entry.of(row.scenario, row.split) for row in rows]).leaks


def refuse_leaks(leaks: Sequence[Cluster]) -> None:
    """Raises LeakError when there are any, with an example."""
    if not leaks:
        return
    held_out, trained = example_of(leaks[0])
    n = leaked(leaks)
    what = "1 held-out scenario nearly repeats" if n == 1 else f"{n:,} held-out scenarios nearly repeat"
    raise LeakError(
        f"{what} what is trained on, such as '{held_out}' what '{trained}' says: the figures would look too good.",
        "Mend them on the Duplicates page, or give a reason to train all the same; the run keeps it.",
        leaks,
    )


def leaked(leaks: Sequence[Cluster]) -> int:
    """How many held-out scenarios are like something to train on."""
    return sum(entry.split != "train" for cluster in leaks for entry in cluster.members)


def example_of(leak: Cluster) -> tuple[str, str]:
    """Ids of a held-out and of a training scenario of a leak."""
    by_split = leak.held_out()
    return next(ids[0] for split, ids in by_split.items() if split != "train"), by_split["train"][0]


def similar(
    store: Store, toolset: str, request: str, but: str = "", limit: int = 5, statuses: Sequence[Status] = _BEST[:2]
) -> list[tuple[Scenario, float]]:
    """Scenarios of a toolset like a request that is being written, with their likeness (0 to 1), the likest first.

    Args:
        but: id of the scenario that the request is of.
        statuses: those that count; the rejected do not, unless they are asked for.
    """
    text = plain(request)
    if len(text) < 3:
        return []
    rows = cluster_store.alike(store, toolset, statuses, text.split(), text, COARSE)
    coarse = [row for row in rows if row[0] != but]
    found = most_similar(text, [plain(other) for _, other in coarse], limit, LIKE)
    kept = ((scenario_store.get(store, coarse[i][0]), score) for i, score in found)
    return [(scenario, score) for scenario, score in kept if scenario]


def best_of(scenarios: Sequence[Scenario], cluster: Cluster) -> str:
    """Id of the member that stays unless somebody chooses another: the best status, then the most held out."""
    splits = {entry.id: HELD_OUT.index(entry.split) for entry in cluster.members}
    return min(scenarios, key=lambda one: (_BEST.index(one.status), splits[one.id], one.id)).id


def keep_one(store: Store, ids: Sequence[str], kept: str, author: str = curate.DEFAULT_AUTHOR) -> int:
    """Delete all but one of some scenarios, as one change; returns its id. Raises WorkbenchError for unknown ids."""
    _among(kept, ids)
    return curate.delete(store, [id for id in ids if id != kept], author)


def merge(store: Store, ids: Sequence[str], kept: str, author: str = curate.DEFAULT_AUTHOR) -> int:
    """As ``keep_one``, but the one that stays gets the tags of all and the best status among them.

    Raises:
        ProblemsError: it would be approved and breaks a rule.
        WorkbenchError: an unknown id.
    """
    _among(kept, ids)
    scenarios = {id: curate.get(store, id) for id in ids}
    one = scenarios.pop(kept)
    tags = dict.fromkeys((*one.tags, *(tag for other in scenarios.values() for tag in other.tags)))
    status = min((one.status, *(other.status for other in scenarios.values())), key=_BEST.index)
    merged = replace(one, tags=tuple(tags), status=status)
    curate.refuse_problems(store, merged)
    return scenario_store.merge(store, merged, scenarios, author)


def mark_variants(store: Store, ids: Sequence[str], deliberate: bool, author: str = curate.DEFAULT_AUTHOR) -> None:
    """Remember (or forget) that scenarios are alike on purpose: shown no more, but still kept on one split.

    A cluster that gets a new member is shown again. Raises WorkbenchError for unknown ids.
    """
    if len(set(ids)) < 2 and deliberate:
        raise WorkbenchError("Variants are at least two scenarios.", "Name one more.")
    for id in ids:
        curate.get(store, id)
    if deliberate:
        cluster_store.mark_variants(store, ids, author)
    else:
        cluster_store.unmark_variants(store, ids)


def _among(kept: str, ids: Sequence[str]) -> None:
    if kept not in ids or len(set(ids)) < 2:
        raise WorkbenchError("It is not clear which scenario stays.", "Name two or more, and one of them to keep.")


def _is_deliberate(cluster: Cluster, marks: Mapping[str, str]) -> bool:
    return cluster.id in marks and all(marks.get(id) == marks[cluster.id] for id in cluster.ids)


def _moves(found: Duplicates, standings: Sequence[Standing]) -> list[Move]:
    """Which scenarios go to another split, so that each cluster is on one as far as pins let it be."""
    members: dict[str, list[Standing]] = defaultdict(list)
    for one in standings:
        if one.entry.id in found.cluster_of:
            members[found.cluster_of[one.entry.id].id].append(one)
    moves = []
    for cluster, group in members.items():
        pinned = (one.entry.split for one in group if one.pinned)
        settled = (one.entry.split for one in group if one.settled and not one.pinned)
        target = settled_split(pinned, settled, group[0].entry.split)
        moves += [
            Move(one.entry.id, one.entry.split, target, one.settled, cluster)
            for one in group
            if not one.pinned and one.entry.split != target
        ]
    return moves
