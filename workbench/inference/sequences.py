"""Decoding of rows as sequences of one context, as llama.cpp has it: as ``decoding.Batch``, without torch's attention.

What prompts have in common is computed once; a sequence whose row has ended keeps its prompt until the place is needed.
Token ids in, token ids out. Knows no texts and no library.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.inference.decoding import AnyBatch, Row
from workbench.inference.picking import pick
from workbench.inference.prefixes import common_prefix

News = tuple[int, int, Sequence[int]]
"""A sequence, how many tokens it holds already, and those that come behind them."""


class Context(Protocol):
    """A model that keeps keys and values of several sequences in one memory; what they share is there once.

    Attributes:
        sequences: how many there may be, numbered from 0.
        slots: tokens that all of them together may hold.
        vocabulary: number of logits.
    """

    sequences: int
    slots: int
    vocabulary: int

    def decode(self, news: Sequence[News], look: bool = True) -> Tensor:
        """[sequences named, vocabulary] in float32: what each may go on with behind its new tokens. Nothing is looked
        at, and nothing returned, where ``look`` is false."""

    def cut(self, sequence: int, length: int) -> None:
        """Forget all of a sequence but its first tokens."""

    def share(self, source: int, target: int, length: int) -> None:
        """Let a sequence hold the first tokens of another one, and nothing else."""


@dataclass
class _Place:
    """A row in its sequence, which holds ``length`` tokens; its prompt was ``prompt`` of them."""

    row: Row
    prompt: int
    length: int


class SequenceBatch(AnyBatch):
    """Rows as sequences of one context."""

    def __init__(self, context: Context, stops: frozenset[int]) -> None:
        self._context, self._stops = context, stops
        # What each sequence holds of a prompt, the one that was used longest ago first.
        self._held: OrderedDict[int, list[int]] = OrderedDict()
        for sequence in range(context.sequences):
            self._forget(sequence)
        self._places: dict[int, _Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def check(self, prompt: Sequence[int], count: int, limit: int) -> None:
        needed = len(prompt) + count * limit
        if needed > self._slots or count > self._context.sequences:
            raise WorkbenchError(
                f"Prompt and replies may need {needed} tokens, and there is room for {self._slots}.",
                "Send fewer tools or turns, or ask for fewer replies or tokens.",
            )

    def fits(self, prompt: Sequence[int], count: int, limit: int) -> bool:
        rows = [place.row for place in self._places.values()]
        written = sum(row.limit for row in rows) + count * limit
        prompts = [self._held[sequence] for sequence in self._places]
        return (
            len(rows) + count <= self._context.sequences and _nodes([*prompts, list(prompt)]) + written <= self._slots
        )

    def add(self, rows: Sequence[Row]) -> None:
        """Let rows take part whose ``news`` are whole prompts; see ``fits``."""
        for row in rows:
            if row.begin():
                self._start(row)

    @torch.inference_mode()
    def step(self) -> None:
        """One more token for every row, and what must follow it. Finished rows leave."""
        if not self._places:
            return
        places = list(self._places.items())
        logits = self._context.decode([(sequence, place.length, place.row.news) for sequence, place in places])
        tokens, scores = pick([place.row.hand for _, place in places], logits)
        for (sequence, place), token, score in zip(places, tokens, scores, strict=True):
            place.length += len(place.row.news)
            if not place.row.take(token, score, self._stops):
                del self._places[sequence]
                self._context.cut(sequence, place.prompt)

    @property
    def _slots(self) -> int:
        return self._context.slots

    def _start(self, row: Row) -> None:
        """Compute a prompt but for its last token, whose logits the next step looks at."""
        prompt = row.news[:-1]
        source = max(self._held, key=lambda sequence: common_prefix(self._held[sequence], prompt))
        shared = common_prefix(self._held[source], prompt)
        sequence = self._vacant(prompt)
        if sequence == source:
            self._context.cut(sequence, shared)
        else:
            self._context.share(source, sequence, shared)
        self._held[sequence] = prompt
        self._held.move_to_end(sequence)
        self._make_room(row)
        if shared < len(prompt):
            self._context.decode([(sequence, shared, prompt[shared:])], look=False)
        row.news = row.news[-1:]
        self._places[sequence] = _Place(row, len(prompt), len(prompt))

    def _vacant(self, prompt: list[int]) -> int:
        """A sequence without a row: one that holds most of this prompt, so that others keep theirs, else the oldest."""
        idle = [sequence for sequence in self._held if sequence not in self._places]
        similar = [one for one in idle if 2 * common_prefix(self._held[one], prompt) > len(prompt)]
        return (similar or idle)[0]

    def _make_room(self, row: Row) -> None:
        """Forget prompts without a row, the oldest first, until what the rows may write has room."""
        newest = next(reversed(self._held))
        written = row.limit + sum(place.row.limit for place in self._places.values())
        for sequence in list(self._held):
            if _nodes(list(self._held.values())) + written <= self._slots:
                return
            if sequence not in self._places and sequence != newest:
                self._forget(sequence)

    def _forget(self, sequence: int) -> None:
        self._context.cut(sequence, 0)
        self._held[sequence] = []


def _nodes(prompts: list[list[int]]) -> int:
    """Tokens to hold when what prompts begin with alike is held once."""
    ordered = sorted(prompts)
    shared = sum(common_prefix(one, other) for one, other in zip(ordered, ordered[1:], strict=False))
    return sum(map(len, ordered)) - shared
