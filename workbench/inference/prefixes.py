"""Group token sequences by the prefix they share. Pure; knows no model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_WORTHWHILE = 0.8
_MAX_DEPTH = 6

Tokens = list[int] | tuple[int, ...]


@dataclass(frozen=True)
class PrefixGroup:
    """Sequences with a common prefix.

    Attributes:
        length: tokens that all members share; each member has at least one more.
        members: indices into the sequences that were grouped.
    """

    length: int
    members: tuple[int, ...]


def group_by_prefix(sequences: Sequence[Tokens]) -> list[PrefixGroup]:
    """Split non-empty sequences into groups so that computing each group's prefix once saves most.

    One group when all share a long prefix; a group for each system prompt when those differ early.
    """
    if not sequences:
        return []
    order = sorted(range(len(sequences)), key=lambda i: tuple(sequences[i]))
    return [PrefixGroup(length, tuple(sorted(members))) for length, members in _split(sequences, order, _MAX_DEPTH)]


def common_prefix(a: Tokens, b: Tokens) -> int:
    """Number of leading tokens that both have."""
    limit = min(len(a), len(b))
    return next((i for i in range(limit) if a[i] != b[i]), limit)


_Groups = list[tuple[int, list[int]]]


def _split(sequences: Sequence[Tokens], members: list[int], depth: int) -> _Groups:
    """``members`` are in lexicographic order, so their common prefix is that of the first and the last."""
    shared = common_prefix(sequences[members[0]], sequences[members[-1]])
    length = min(shared, min(len(sequences[i]) for i in members) - 1)
    whole: _Groups = [(length, members)]
    if len(members) == 1 or depth == 0:
        return whole
    branches: dict[int, list[int]] = defaultdict(list)
    for i in members:
        branches[sequences[i][length]].append(i)
    if len(branches) == 1:
        return whole
    parts = [group for branch in branches.values() for group in _split(sequences, branch, depth - 1)]
    return parts if _cost(sequences, parts) < _WORTHWHILE * _cost(sequences, whole) else whole


def _cost(sequences: Sequence[Tokens], groups: _Groups) -> int:
    """Tokens to compute when each group's prefix is computed once."""
    return sum(length + sum(len(sequences[i]) - length for i in members) for length, members in groups)
