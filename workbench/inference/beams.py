"""Beam search: of several replies that are written side by side the most probable ones, whole.

Costs as many rows as there are beams. Held to a grammar, each beam has a matcher of its own. Token ids in and out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workbench.grammars import Matcher
from workbench.inference.attention import PrefillPlan
from workbench.inference.picking import Taken, add_bias
from workbench.inference.rows import Rows, forward


@dataclass(frozen=True)
class Beam:
    """A reply, or its beginning; ``score`` is the sum of its tokens' log probabilities among those allowed."""

    taken: tuple[Taken, ...] = ()
    score: float = 0.0
    matcher: Matcher | None = None

    def grown(self, token: int, log_probability: float, stops: frozenset[int]) -> Beam:
        matcher = self.matcher.copy() if self.matcher else None
        if matcher and token not in stops:
            matcher.take([token])
        return Beam((*self.taken, Taken(token, log_probability)), self.score + log_probability, matcher)


@dataclass(frozen=True)
class BeamSearch:
    """One search.

    Attributes:
        width: beams that go on side by side.
        limit: new tokens at most.
        bias: numbers to add to the logits of tokens.
    """

    width: int
    limit: int
    stops: frozenset[int]
    bias: Mapping[int, float]

    def steps(
        self, model: Any, prefix: PrefillPlan, length: int, news: Sequence[int], matcher: Matcher | None
    ) -> Iterator[list[Beam]]:
        """After each pass of the model the best replies so far, the best first; finished at the last.

        Args:
            news: the prompt behind the prefix of ``length`` tokens.
        """
        rows, beams, done = Rows(prefix, length, 1, model.device), [Beam(matcher=matcher)], list[Beam]()
        tokens = [list(news)]
        for _ in range(self.limit):
            with torch.inference_mode():
                grown = self._grow(beams, forward(model, [rows], [tokens]))
            ended = [beam for _, beam in grown if beam.taken[-1].token in self.stops]
            going = [(at, beam) for at, beam in grown if beam.taken[-1].token not in self.stops][: self.width]
            done = _best([*done, *ended], self.width)
            beams = [beam for _, beam in going]
            # Scores only fall: what is behind the last finished one stays there.
            if not beams or (len(done) == self.width and beams[0].score <= done[-1].score):
                break
            yield _best([*done, *beams], self.width)
            rows.keep([at for at, _ in going])
            tokens = [[beam.taken[-1].token] for beam in beams]
        yield _best([*done, *beams], self.width) if len(done) < self.width else done

    def _grow(self, beams: Sequence[Beam], logits: Tensor) -> list[tuple[int, Beam]]:
        """The best continuations with the beams that they continue, twice as many as go on: some may end."""
        for beam, row in zip(beams, logits, strict=True):
            add_bias(row, self.bias)
            if beam.matcher:
                row.masked_fill_(~torch.from_numpy(beam.matcher.allowed()).to(row.device), -torch.inf)
        scores, tokens = torch.log_softmax(logits, -1).topk(min(2 * self.width, logits.shape[1]))
        pairs = [
            (beam.score + score, at, token, score)
            for at, beam in enumerate(beams)
            for token, score in zip(tokens[at].tolist(), scores[at].tolist(), strict=True)
            if score > -torch.inf
        ]
        pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
        return [(at, beams[at].grown(token, score, self.stops)) for _, at, token, score in pairs[: 2 * self.width]]


def _best(beams: Sequence[Beam], most: int) -> list[Beam]:
    return sorted(beams, key=lambda beam: -beam.score)[:most]
