"""Validation while a model is trained: loss and calls on a sample of the validation split, always the same one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workbench.inference.replies import reply_to
from workbench.records import Scenario
from workbench.scenarios.scoring import score
from workbench.training.feed import Feed
from workbench.training.job import Job
from workbench.training.lora import Trainee
from workbench.training.packing import make_batches

BATCH_SIZE = 32
MAX_NEW_TOKENS = 96


@dataclass(frozen=True)
class Validation:
    """Figures on the validation split after a step."""

    step: int
    loss: float
    exact: float
    tool: float

    @property
    def key(self) -> tuple[float, float]:
        """Bigger is better: exact calls first, then loss."""
        return (self.exact, -self.loss)

    @property
    def figures(self) -> dict[str, float]:
        """As metrics rows and summaries name them."""
        return {"validation_loss": self.loss, "validation_exact": self.exact, "validation_tool": self.tool}


class Validator:
    """Measures a model in training and remembers what it found."""

    def __init__(self, job: Job, trainee: Trainee, feed: Feed) -> None:
        self.toolset, self.trainee = job.toolset, trainee
        self.patience = job.settings.early_stop_patience
        self.scenarios = sample(job.validation, job.settings.validation_scenarios)
        self.batches = make_batches(feed.examples(self.scenarios, 1.0), BATCH_SIZE, random.Random(0))
        self.found: list[Validation] = []

    @property
    def has_scenarios(self) -> bool:
        """Whether there is anything to measure on."""
        return bool(self.batches)

    @property
    def best(self) -> Validation | None:
        """The best until now, the first of equals; None before the first."""
        return max(self.found, key=lambda one: one.key, default=None)

    @property
    def hopeless(self) -> bool:
        """Whether the last validations, as many as the patience allows, brought nothing better."""
        if not self.patience or len(self.found) <= self.patience:
            return False
        before = max(one.key for one in self.found[: -self.patience])
        return all(one.key <= before for one in self.found[-self.patience :])

    def measure(self, step: int) -> Validation:
        """Figures of the model as it is after so many steps; ``best`` is these where none before were as good."""
        found = Validation(step, self.loss(), *self.answer())
        self.found.append(found)
        return found

    def loss(self) -> float:
        return self.trainee.loss(self.batches)

    def answer(self) -> tuple[float, float]:
        """Parts of exact calls and of right tools."""
        outcomes = {scenario.id: scenario.outcome for scenario in self.scenarios}
        self.trainee.loaded.model.eval()
        scores = [
            score(reply.scenario_id, outcomes[reply.scenario_id], reply.parsed, self.toolset)
            for reply in reply_to(self.trainee.loaded, self.scenarios, self.toolset, MAX_NEW_TOKENS)
        ]
        return sum(s.exact for s in scores) / len(scores), sum(s.tool_correct for s in scores) / len(scores)

    def to_state(self) -> list[dict[str, Any]]:
        """What a checkpoint keeps; ``go_on_from`` reads it."""
        return [asdict(one) for one in self.found]

    def go_on_from(self, state: Sequence[Mapping[str, Any]]) -> None:
        self.found = [Validation(**row) for row in state]


def sample(scenarios: Sequence[Scenario], most: int) -> tuple[Scenario, ...]:
    """At most so many of the scenarios, always the same ones, so that validations can be compared."""
    if len(scenarios) <= most:
        return tuple(scenarios)
    return tuple(random.Random(0).sample(scenarios, most))
