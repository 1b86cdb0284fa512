"""Which token each row takes next: the best, a drawn one, and only what its grammar allows. Knows logits, no models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.grammars import Matcher

Picks = tuple[list[int], list[float]]
"""One token a row, and its log probability among those that were allowed."""


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


Watch = Callable[[Taken], bool]
"""Told each token that a row takes; says whether the row goes on."""


class Hand:
    """What one row takes: held to a grammar, drawn, watched, or simply the best.

    Attributes:
        ended: whether the row ends although it wrote no stop token.
        error: why it ended, where its grammar could not be followed.
    """

    def __init__(
        self,
        matcher: Matcher | None = None,
        stops: frozenset[int] = frozenset(),
        sampling: Sampling | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.ended, self.error = False, ""
        self._matcher, self._stops, self._watch = matcher, stops, watch
        self.sampling = sampling or Sampling()
        self._generator = torch.Generator().manual_seed(self.sampling.seed) if self.sampling.temperature > 0 else None
        self._forced: list[int] = []
        self._follow()

    def steer(self, logits: Tensor) -> None:
        """Add biases to the logits [vocabulary], and minus infinity where the grammar forbids, in place."""
        add_bias(logits, self.sampling.bias)
        if self._matcher and not self._forced and not self.ended:
            try:
                allowed = torch.from_numpy(self._matcher.allowed())
            except WorkbenchError as error:
                self._fail(error)
                return
            logits.masked_fill_(~allowed.to(logits.device), -torch.inf)

    def take(self, logits: Tensor, scores: Tensor, best: int) -> tuple[int, float]:
        """One token and its log probability.

        Args:
            logits, scores: [vocabulary], steered logits and their logarithmic softmax.
            best: index of the highest score.
        """
        if self._forced:
            return self.ahead(1)[0], 0.0
        token = _draw(logits, self.sampling, self._generator) if self._generator else best
        if self._matcher and token not in self._stops and not self.ended:
            try:
                self._matcher.take([token])
                self._follow()
            except WorkbenchError as error:
                self._fail(error)
        score = float(scores[token])
        self._tell(Taken(token, score, self._alternatives(scores)))
        return token, score

    def ahead(self, most: int) -> list[int]:
        """What must follow, whatever the model thinks, at most so many tokens. They are decided, need no forward pass
        of their own, and have probability 1."""
        now, self._forced = self._forced[:most], self._forced[most:]
        for token in now:
            self._tell(Taken(token, 0.0))
        return now

    def _follow(self) -> None:
        """Move the grammar behind what must come now."""
        if self._matcher:
            self._forced = self._matcher.forced()
            self._matcher.take(self._forced)

    def _fail(self, error: WorkbenchError) -> None:
        self.ended, self.error = True, f"{error.message} {error.hint}".strip()

    def _alternatives(self, scores: Tensor) -> tuple[tuple[int, float], ...]:
        if not self.sampling.alternatives:
            return ()
        found, tokens = scores.topk(min(self.sampling.alternatives, len(scores)))
        pairs = zip(tokens.tolist(), found.tolist(), strict=True)
        return tuple((token, score) for token, score in pairs if score > -torch.inf)

    def _tell(self, taken: Taken) -> None:
        if self._watch and not self.ended and not self._watch(taken):
            self.ended = True


def pick(hands: Sequence[Hand], logits: Tensor) -> Picks:
    """One token for each row; ``logits`` [rows, vocabulary] in float32 are changed."""
    for hand, row in zip(hands, logits, strict=True):
        hand.steer(row)
    scores = torch.log_softmax(logits, -1)
    best = scores.argmax(-1).tolist()
    found = [hand.take(logits[i], scores[i], best[i]) for i, hand in enumerate(hands)]
    return [token for token, _ in found], [score for _, score in found]


def add_bias(logits: Tensor, bias: Mapping[int, float]) -> None:
    """Add numbers to the logits [vocabulary] of tokens, in place; tokens that the model lacks do not count."""
    known = {token: value for token, value in bias.items() if token < len(logits)}
    if known:
        logits[list(known)] += torch.tensor(list(known.values()), device=logits.device)


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
