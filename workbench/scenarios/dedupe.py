"""Which scenarios say the same, which contradict each other, and which leak from one split into another.

Exact: the same words. Near: a few typos or another order of words (see ``lexical``). By meaning: pairs that the caller
found with an encoder, counted only where they expect the same calls. Knows no database, no model, no page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from workbench.records import Outcome, Scenario, Split, Turn, canonical_json
from workbench.scenarios.lexical import SIMILARITY, near_pairs, plain
from workbench.scenarios.splitting import split_of

Kind = Literal["conflicts", "leaks", "exact", "near", "meaning"]
KINDS: tuple[Kind, ...] = get_args(Kind)
HELD_OUT: tuple[Split, ...] = ("test", "validation", "train")
"""From the split that must be kept apart the most to the one that is trained on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the search needs of a scenario: light, so that a million fit into memory.

    Attributes:
        text: the words of earlier turns and of the request, as ``lexical.plain`` gives them.
        said: what must be equal for two scenarios to be the same question: request, OS, shell, mode, earlier turns.
        outcome: what must happen, as canonical JSON.
        split: the split that the scenario is on.
    """

    id: str
    text: str
    said: str
    outcome: str
    split: Split

    @classmethod
    def of(cls, scenario: Scenario, split: Split | None = None) -> Entry:
        """``split``: where the scenario is; None takes what it says itself."""
        history = [turn.to_dict() for turn in scenario.history]
        said = canonical_json([_request(scenario.request), scenario.os, scenario.shell, scenario.mode, history])
        text = plain("\n".join([*map(_turn_text, scenario.history), scenario.request]))
        return cls(scenario.id, text, said, outcome_key(scenario.outcome), split or split_of(scenario))


@dataclass(frozen=True)
class Cluster:
    """Scenarios that nearly say the same, directly or through others.

    Attributes:
        members: two or more, ordered by id.
        by_meaning: an encoder saw that they belong together. Such a cluster is for people to look at: it is neither
            a conflict nor a leak.
    """

    members: tuple[Entry, ...]
    by_meaning: bool = False

    @property
    def id(self) -> str:
        """The id of the first member."""
        return self.members[0].id

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(entry.id for entry in self.members)

    @cached_property
    def conflicts(self) -> tuple[tuple[str, ...], ...]:
        """Ids of members that ask the same in the same context and expect something different, a tuple a question."""
        if self.by_meaning:
            return ()
        asked: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.members:
            asked[entry.said].append(entry)
        return tuple(
            tuple(entry.id for entry in same) for same in asked.values() if len({entry.outcome for entry in same}) > 1
        )

    @property
    def is_leak(self) -> bool:
        """Something like a validation or test scenario is trained on."""
        splits = {entry.split for entry in self.members}
        return "train" in splits and len(splits) > 1 and not self.by_meaning

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The most pressing first; one of exact, near and meaning is always among them."""
        exact = len({entry.text for entry in self.members}) == 1
        look: Kind = "meaning" if self.by_meaning else "exact" if exact else "near"
        pressing: tuple[tuple[Kind, bool], ...] = (("conflicts", bool(self.conflicts)), ("leaks", self.is_leak))
        return (*(kind for kind, there in pressing if there), look)

    def held_out(self) -> dict[Split, tuple[str, ...]]:
        """Ids of the members by split, the splits in the order of ``HELD_OUT``."""
        by_split = {split: tuple(entry.id for entry in self.members if entry.split == split) for split in HELD_OUT}
        return {split: ids for split, ids in by_split.items() if ids}


@dataclass(frozen=True)
class Duplicates:
    """What a search found.

    Attributes:
        total: how many scenarios were looked at.
        clusters: conflicts first, then leaks, then the largest.
    """

    total: int
    clusters: tuple[Cluster, ...]

    @classmethod
    def of(cls, total: int, clusters: Iterable[Cluster]) -> Duplicates:
        """With the clusters put in order."""
        return cls(total, tuple(sorted(clusters, key=_pressing)))

    @property
    def duplicate_ratio(self) -> float:
        """Share of the scenarios that could go if each cluster kept one, 0 to 1."""
        spare = sum(len(cluster.members) - 1 for cluster in self.clusters if not cluster.by_meaning)
        return spare / self.total if self.total else 0.0

    @property
    def leaks(self) -> tuple[Cluster, ...]:
        return tuple(cluster for cluster in self.clusters if cluster.is_leak)

    @property
    def conflicts(self) -> tuple[Cluster, ...]:
        return tuple(cluster for cluster in self.clusters if cluster.conflicts)

    @property
    def counts(self) -> Mapping[Kind, int]:
        """Clusters by kind; one may count under several."""
        return {kind: sum(kind in cluster.kinds for cluster in self.clusters) for kind in KINDS}

    @cached_property
    def cluster_of(self) -> Mapping[str, Cluster]:
        """The cluster of each scenario that has one, by id; without those by meaning."""
        return {id: cluster for cluster in self.clusters if not cluster.by_meaning for id in cluster.ids}


def find_duplicates(
    entries: Sequence[Entry], similarity: float = SIMILARITY, meaning: Iterable[tuple[str, str]] = ()
) -> Duplicates:
    """Clusters among the entries.

    Args:
        similarity: see ``lexical.near_pairs``; 1 finds only what has the same words in any order.
        meaning: pairs of ids that an encoder holds for the same; kept where both expect the same calls, passed over
            where an id is not among the entries.
    """
    first: dict[str, int] = {}
    groups = _Groups(len(entries))
    for i, entry in enumerate(entries):
        groups.join(first.setdefault(entry.text, i), i)
    unique = list(first)
    for one, other in near_pairs(unique, similarity).tolist():
        groups.join(first[unique[one]], first[unique[other]])
    lexical = _clusters(entries, groups)
    return Duplicates.of(len(entries), [*lexical, *_by_meaning(entries, groups, meaning)])


def outcome_key(outcome: Outcome) -> str:
    """Equal for outcomes that ask for the same calls; the order counts only where it must."""
    calls = [canonical_json(call.to_dict()) for call in outcome.calls]
    return canonical_json([outcome.ordered, calls if outcome.ordered else sorted(calls)])


def settled_split(pinned: Iterable[Split], settled: Iterable[Split], otherwise: Split) -> Split:
    """The split that the unpinned members of a cluster take.

    What is held out stays held out: the most held-out split among pins and among members whose split is settled wins;
    members that are all new take ``otherwise``.
    """
    taken = {*pinned, *settled}
    return next((split for split in HELD_OUT if split in taken), otherwise)


class _Groups:
    """Which positions belong together: union-find with path halving."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, i: int) -> int:
        parent = self._parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(self, one: int, other: int) -> None:
        a, b = self.root(one), self.root(other)
        if a != b:
            self._parent[max(a, b)] = min(a, b)


def _clusters(entries: Sequence[Entry], groups: _Groups, by_meaning: bool = False) -> list[Cluster]:
    members: dict[int, list[Entry]] = defaultdict(list)
    for i, entry in enumerate(entries):
        members[groups.root(i)].append(entry)
    found = (sorted(group, key=lambda entry: entry.id) for group in members.values() if len(group) > 1)
    return [Cluster(tuple(group), by_meaning) for group in found]


def _by_meaning(entries: Sequence[Entry], lexical: _Groups, pairs: Iterable[tuple[str, str]]) -> list[Cluster]:
    """Clusters that hold something which words alone did not bring together."""
    places = {entry.id: i for i, entry in enumerate(entries)}
    groups = _Groups(len(entries))
    for pair in pairs:
        one, other = (places.get(id, -1) for id in pair)
        if min(one, other) < 0 or entries[one].outcome != entries[other].outcome:
            continue
        if lexical.root(one) != lexical.root(other):
            groups.join(one, other)
    return _clusters(entries, groups, by_meaning=True)


def _pressing(cluster: Cluster) -> tuple[bool, bool, int, str]:
    return not cluster.conflicts, not cluster.is_leak, -len(cluster.members), cluster.id


def _request(text: str) -> str:
    """A request without what nobody means: case, runs of blanks, a full stop at the end."""
    return " ".join(text.lower().split()).rstrip(".!? ")


def _turn_text(turn: Turn) -> str:
    return turn.content or canonical_json([call.to_dict() for call in turn.calls] or [turn.name, turn.result])
