"""A scenario becomes the tokens of its prompt and of the reply to learn. Knows a tokenizer, no model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from workbench.dialects import Dialect
from workbench.inference.tokens import encode
from workbench.records import NO_TOOL, Scenario, Toolset
from workbench.scenarios.messages import to_messages
from workbench.training.loss_weights import LossWeights
from workbench.training.token_cache import TokenCache, Tokens

EVEN = LossWeights()


@dataclass(frozen=True)
class Example:
    """One training example. The loss counts the completion's tokens only.

    Attributes:
        weights: how much each completion token counts in the loss; empty when all count the same.
    """

    scenario_id: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.prompt_ids) < 2 or not self.completion_ids:
            raise ValueError(f"{self.scenario_id}: an example needs a prompt and something to learn")
        if len(self.weights) not in (0, len(self.completion_ids)):
            raise ValueError(f"{self.scenario_id}: every token of the completion needs a weight")


def make_examples(
    scenarios: Iterable[Scenario],
    toolset: Toolset,
    dialect: Dialect,
    tokenizer: PreTrainedTokenizerBase,
    weights: LossWeights = EVEN,
    cache: TokenCache | None = None,
) -> list[Example]:
    """Render and tokenize. Prompt and completion are tokenized apart, as they are when the model answers.

    Args:
        weights: how much the completion's tokens count.
        cache: kept tokens of this toolset, dialect and tokenizer.
    """
    scenarios = list(scenarios)
    if not scenarios:
        return []

    def make(missing: Sequence[Scenario]) -> list[Tokens]:
        return tokenize(missing, toolset, dialect, tokenizer)

    found = cache.tokens(scenarios, make) if cache else make(scenarios)
    weighed = weights.of(scenarios, [reply for _, reply in found], toolset, dialect, tokenizer)
    return [
        Example(scenario.id, prompt, reply, counts)
        for scenario, (prompt, reply), counts in zip(scenarios, found, weighed, strict=True)
    ]


def tokenize(
    scenarios: Sequence[Scenario], toolset: Toolset, dialect: Dialect, tokenizer: PreTrainedTokenizerBase
) -> list[Tokens]:
    """The token ids of each scenario's prompt and of the reply to learn."""
    prompts = encode(tokenizer, [dialect.render_prompt(to_messages(s, toolset), toolset.offered(s)) for s in scenarios])
    replies = encode(tokenizer, [dialect.render_reply([c.call for c in s.outcome.calls], NO_TOOL) for s in scenarios])
    return [Tokens(tuple(prompt), tuple(reply)) for prompt, reply in zip(prompts, replies, strict=True)]
