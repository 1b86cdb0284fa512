"""Which training scenarios are the nearest to a request, and what copying from the nearest would answer.

Nearest by words: cosine of the runs of three letters, weighted by how rare they are (TF-IDF), and a little more for the
same OS, shell or mode. A scenario never sees itself, nor anything of its near-duplicate cluster (see ``dedupe``): what
it would learn from them is the answer. Knows no model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.records import Scenario, SnapshotRow, ToolCall
from workbench.scenarios.dedupe import Entry, find_duplicates
from workbench.scenarios.lexical import is_near, plain

CONTEXT = 0.05
"""What the same OS, shell or mode is worth, each, beside a cosine of 0 to 1."""
_CONTEXTS = ("os", "shell", "mode")
_PUNCTUATION = ".,;:!?\"'()"


class Neighbours:
    """The training scenarios of a snapshot, ready to be searched.

    Args:
        rows: every row of the snapshot: those of other splits are never shown, but tie clusters together.
    """

    def __init__(self, rows: Sequence[SnapshotRow]) -> None:
        entries = [Entry.of(row.scenario, row.split) for row in rows]
        self._cluster = {id: cluster.id for id, cluster in find_duplicates(entries).cluster_of.items()}
        # By id: ties are broken by place, and the order of a snapshot must decide nothing.
        self._known = sorted((row.scenario for row in rows if row.split == "train"), key=lambda scenario: scenario.id)
        self._index = _Index([plain(scenario.request) for scenario in self._known])
        self._contexts = {name: np.array([getattr(one, name) for one in self._known]) for name in _CONTEXTS}

    def nearest(self, scenario: Scenario, count: int, fresh: bool = False) -> list[Scenario]:
        """Up to ``count`` training scenarios, the nearest first; fewer where no other has anything in common.

        Args:
            fresh: only scenarios without earlier turns, which make sense on their own.
        """
        scores = self._index.scores(plain(scenario.request))
        near = scores.copy()
        for name, values in self._contexts.items():
            if wanted := getattr(scenario, name):
                near += CONTEXT * (values == wanted)
        chosen: list[Scenario] = []
        for place in np.argsort(-near, kind="stable"):
            if len(chosen) == count:
                break
            other = self._known[place]
            if scores[place] > 0 and not (fresh and other.history) and not self._is_twin(scenario, other):
                chosen.append(other)
        return chosen

    def _is_twin(self, one: Scenario, other: Scenario) -> bool:
        """Whether the other is the same or near, directly or through others; whatever was said before it."""
        cluster = self._cluster.get(one.id)
        tied = cluster is not None and cluster == self._cluster.get(other.id)
        return tied or one.id == other.id or is_near(plain(one.request), plain(other.request))


class _Index:
    """Texts by their runs of three letters."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._n = len(texts)
        counted = [Counter(_pieces(text)) for text in texts]
        spread = Counter(piece for counts in counted for piece in counts)
        self._rarity = {piece: float(np.log((1 + self._n) / (1 + n)) + 1) for piece, n in spread.items()}
        places: dict[str, list[int]] = defaultdict(list)
        weights: dict[str, list[float]] = defaultdict(list)
        for i, counts in enumerate(counted):
            for piece, weight in self._weighted(counts).items():
                places[piece].append(i)
                weights[piece].append(weight)
        self._postings = {piece: (np.array(places[piece]), np.array(weights[piece])) for piece in places}

    def scores(self, text: str) -> NDArray[np.float64]:
        """Cosine with each text, float[n], 0 to 1."""
        scores = np.zeros(self._n)
        for piece, weight in self._weighted(Counter(_pieces(text))).items():
            if piece in self._postings:
                found, weights = self._postings[piece]
                scores[found] += weight * weights
        return scores

    def _weighted(self, counts: Counter[str]) -> dict[str, float]:
        """Weights by piece, their squares adding up to 1; a piece that no text has is the rarest."""
        rarest = float(np.log(1 + self._n) + 1)
        raw = {piece: n * self._rarity.get(piece, rarest) for piece, n in counts.items()}
        length = float(np.sqrt(sum(weight * weight for weight in raw.values()))) or 1.0
        return {piece: weight / length for piece, weight in raw.items()}


def _pieces(text: str) -> Iterable[str]:
    padded = f" {text} "
    return (padded[i : i + 3] for i in range(len(padded) - 2))


# Copying


def copied_calls(request: str, neighbour: Scenario) -> tuple[ToolCall, ...]:
    """The neighbour's calls for another request.

    A text or a number that stands in the neighbour's request was copied from there: what stands in its place in this
    request is copied now. The place is found by lining up the words of both. Anything else stays as it is.
    """
    theirs, ours = neighbour.request.split(), request.split()
    return tuple(
        ToolCall(call.name, {name: _moved(value, theirs, ours) for name, value in call.arguments.items()})
        for call in neighbour.outcome.calls
    )


def _moved(value: Any, theirs: list[str], ours: list[str]) -> Any:
    if isinstance(value, list):
        return [_moved(one, theirs, ours) for one in value]
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    words = str(value).split()
    at = _find([word.strip(_PUNCTUATION) for word in theirs], [word.strip(_PUNCTUATION) for word in words])
    if at < 0:
        return value
    text = " ".join(_counterpart(theirs, ours, at, at + len(words))).strip(_PUNCTUATION)
    return _as_kind(value, text)


def _find(words: list[str], part: list[str]) -> int:
    """Where the words of ``part`` begin among the words; -1 where they do not stand there."""
    starts = range(len(words) - len(part) + 1) if part else ()
    return next((at for at in starts if words[at : at + len(part)] == part), -1)


def _counterpart(theirs: list[str], ours: list[str], start: int, end: int) -> list[str]:
    """The words of ours that stand where ``theirs[start:end]`` do, judged by the words around; empty if none do."""
    masked = [*theirs[:start], None, *theirs[end:]]
    lower = [word and word.lower() for word in masked]
    matcher = SequenceMatcher(None, lower, [word.lower() for word in ours], autojunk=False)
    if not matcher.find_longest_match().size:
        return []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "replace" and i1 <= start < i2:
            return ours[j1 + start - i1 : max(j2 - (i2 - start - 1), 0)]
    return []


def _as_kind(value: Any, text: str) -> Any:
    """The text as a value of the same kind, or the value itself where it cannot be one."""
    if isinstance(value, str):
        return text or value
    try:
        return type(value)(text)
    except ValueError:
        return value
