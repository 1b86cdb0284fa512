"""Which token each row takes next: the best, a drawn one, and only what its grammar allows. Knows logits, no models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from workbench.grammars import Matcher

Picks = tuple[list[int], list[float]]
"""One token a row, and its log probability."""


class Picker(Protocol):
    """Chooses the tokens of a batch. Rows are known by their place in the batch at its beginning."""

    @property
    def ended(self) -> Collection[int]:
        """Rows that end although they wrote no stop token."""

    def pick(self, rows: Sequence[int], logits: Tensor) -> Picks:
        """One token for each of these rows; ``logits`` is [rows, vocabulary] in float32."""

    def ahead(self, rows: Sequence[int], most: int) -> list[list[int]]:
        """What must follow in each of these rows, whatever the model thinks: as many tokens for each, at most
        ``most``. They are decided, need no forward pass of their own, and have probability 1."""


class Greedy:
    """The best token of each row."""

    ended: Collection[int] = ()

    def pick(self, rows: Sequence[int], logits: Tensor) -> Picks:
        best, chosen = torch.log_softmax(logits, -1).max(-1)
        return chosen.tolist(), best.tolist()

    def ahead(self, rows: Sequence[int], most: int) -> list[list[int]]:
        return [[] for _ in rows]


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: 0 takes the best token.
        top_p: draw among the best tokens that together have this probability.
        top_k: draw among this many best tokens; 0 among all.
        seed: equal seeds draw equal tokens.
        bias: numbers to add to the logits of tokens.
        alternatives: how many of the best tokens are told with each that was taken.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    bias: Mapping[int, float] = field(default_factory=dict)
    alternatives: int = 0


@dataclass(frozen=True)
class Taken:
    """One token that a row took, with its log probability and the best ones beside it."""

    token: int
    log_probability: float
    alternatives: tuple[tuple[int, float], ...] = ()


Watch = Callable[[int, Taken], bool]
"""Told each token that a row takes; says whether the row goes on."""


class Constrained:
    """Rows that are held to grammars, drawn, or watched; each has its own state."""

    def __init__(
        self,
        matchers: Sequence[Matcher | None],
        stops: frozenset[int],
        samplings: Sequence[Sampling] = (),
        watch: Watch | None = None,
    ) -> None:
        self.ended: set[int] = set()
        self._matchers, self._stops, self._watch = list(matchers), stops, watch
        self._samplings = list(samplings) or [Sampling()] * len(self._matchers)
        self._generators = [torch.Generator().manual_seed(one.seed) for one in self._samplings]
        self._forced = [matcher.forced() if matcher else [] for matcher in matchers]
        for matcher, tokens in zip(matchers, self._forced, strict=True):
            if matcher:
                matcher.take(tokens)

    def pick(self, rows: Sequence[int], logits: Tensor) -> Picks:
        allowed = self._steer(rows, logits)
        log_probabilities = torch.log_softmax(allowed, -1)
        scores, best = (found.tolist() for found in log_probabilities.max(-1))
        for at, row in enumerate(rows):
            if self._forced[row]:
                best[at], scores[at] = self._forced[row].pop(0), 0.0
                self._tell(row, Taken(best[at], 0.0))
                continue
            if self._samplings[row].temperature > 0:
                best[at] = _draw(allowed[at], self._samplings[row], self._generators[row])
                scores[at] = float(log_probabilities[at, best[at]])
            self._go_on(row, best[at])
            self._tell(row, Taken(best[at], scores[at], self._best(row, log_probabilities[at])))
        return best, scores

    def ahead(self, rows: Sequence[int], most: int) -> list[list[int]]:
        count = min(most, *(len(self._forced[row]) for row in rows))
        found = []
        for row in rows:
            now, self._forced[row] = self._forced[row][:count], self._forced[row][count:]
            for token in now:
                self._tell(row, Taken(token, 0.0))
            found.append(now)
        return found

    def _steer(self, rows: Sequence[int], logits: Tensor) -> Tensor:
        """The logits with biases, minus infinity where a grammar forbids."""
        masks = np.ones(logits.shape, dtype=np.bool_)
        for at, row in enumerate(rows):
            matcher = self._matchers[row]
            if matcher and not self._forced[row]:
                masks[at] = matcher.allowed()
            if bias := self._samplings[row].bias:
                logits[at, list(bias)] += torch.tensor(list(bias.values()), device=logits.device)
        return logits.masked_fill(~torch.from_numpy(masks).to(logits.device), -torch.inf)

    def _go_on(self, row: int, token: int) -> None:
        """Move the row's grammar behind a token and behind what must follow it."""
        matcher = self._matchers[row]
        if matcher is None or token in self._stops:
            return
        matcher.take([token])
        self._forced[row] = matcher.forced()
        matcher.take(self._forced[row])

    def _best(self, row: int, log_probabilities: Tensor) -> tuple[tuple[int, float], ...]:
        count = self._samplings[row].alternatives
        if not count:
            return ()
        scores, tokens = log_probabilities.topk(min(count, len(log_probabilities)))
        pairs = zip(tokens.tolist(), scores.tolist(), strict=True)
        return tuple((token, score) for token, score in pairs if score > -torch.inf)

    def _tell(self, row: int, taken: Taken) -> None:
        if self._watch and not self._watch(row, taken):
            self.ended.add(row)


def _draw(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """One token among the best ones, by chance."""
    scores, tokens = (logits.cpu() / sampling.temperature).sort(descending=True)
    probabilities = torch.softmax(scores, -1)
    if sampling.top_k:
        probabilities[sampling.top_k :] = 0
    # The token that reaches top_p is still in, so that there is always one.
    probabilities[probabilities.cumsum(-1) - probabilities >= sampling.top_p] = 0
    if not probabilities.any():
        return int(tokens[0])
    return int(tokens[torch.multinomial(probabilities, 1, generator=generator)])
