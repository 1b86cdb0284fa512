"""What each step computes: epochs of augmented, tokenized, packed batches in an order that the seed decides."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import count, islice

from transformers import PreTrainedTokenizerBase

from workbench.dialects import Dialect
from workbench.records import Scenario
from workbench.scenarios.noise import ValuePool
from workbench.training.augment import augment
from workbench.training.examples import Example, make_examples
from workbench.training.job import Job
from workbench.training.memory import return_memory
from workbench.training.packing import Batch, make_batches
from workbench.training.token_cache import TokenCache

Place = tuple[int, int]
"""An epoch, and the number of a step in it, both from 0."""


class Feed:
    """The batches of one training run.

    Attributes:
        cache: where tokens are kept for later runs; None where they are not.
    """

    def __init__(self, job: Job, dialect: Dialect, tokenizer: PreTrainedTokenizerBase) -> None:
        self.job, self.settings, self.dialect, self.tokenizer = job, job.settings, dialect, tokenizer
        self.pool = ValuePool.of(job.train)
        self.cache = self._open_cache()
        self.at_once = self.settings.accumulate * self.settings.processes

    def _open_cache(self) -> TokenCache | None:
        if self.job.cache is None or not self.tokenizer.is_fast:
            return None
        return TokenCache.open(self.job.cache, self.job.toolset, self.dialect, self.tokenizer)

    def total_steps(self) -> int:
        """Steps of the whole run. Makes the batches of an epoch to count them."""
        per_epoch = -(-len(self.batches(0)) // self.at_once)
        return self.settings.max_steps or per_epoch * self.settings.epochs

    def steps(self, start: Place, done: int) -> Iterator[tuple[Place, list[Batch]]]:
        """Place and batches of each step from ``start`` on, before which ``done`` steps were made.

        Augmentation may give one epoch a batch more than another.
        """
        most, at_once = self.settings.max_steps, self.at_once
        steps = (
            ((epoch, number), batches[at : at + at_once])
            for epoch in (count(start[0]) if most else range(start[0], self.settings.epochs))
            for batches in [self.batches(epoch)]
            for number, at in enumerate(range(0, len(batches), at_once))
            if (epoch, number) >= start
        )
        return islice(steps, most - done if most else None)

    def batches(self, epoch: int) -> list[Batch]:
        """The batches of an epoch; the same seed gives the same."""
        return_memory()
        rng = random.Random(f"{self.settings.seed}/{epoch}")
        scenarios = [augment(s, self.pool, rng) if rng.random() < self.settings.augment else s for s in self.job.train]
        return make_batches(self.examples(scenarios, self.settings.choice_weight), self.settings.batch_size, rng)

    def examples(self, scenarios: Sequence[Scenario], choice_weight: float) -> list[Example]:
        """Scenarios as tokens with their targets."""
        return make_examples(scenarios, self.job.toolset, self.dialect, self.tokenizer, choice_weight, self.cache)
