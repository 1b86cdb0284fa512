"""A scenario becomes the tokens of its prompt and of the reply to learn. Knows a tokenizer, no model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from workbench.dialects import Dialect
from workbench.inference.tokens import encode
from workbench.records import NO_TOOL, Scenario, ToolCall, Toolset
from workbench.scenarios.messages import to_messages
from workbench.training.token_cache import TokenCache, Tokens


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
    choice_weight: float = 1.0,
    cache: TokenCache | None = None,
) -> list[Example]:
    """Render and tokenize. Prompt and completion are tokenized apart, as they are when the model answers.

    Args:
        choice_weight: loss weight of the tokens at which the reply decides for a tool or for none; others weigh 1.
        cache: kept tokens of this toolset, dialect and tokenizer.
    """
    scenarios = list(scenarios)
    if not scenarios:
        return []

    def make(missing: Sequence[Scenario]) -> list[Tokens]:
        return tokenize(missing, toolset, dialect, tokenizer)

    found = cache.tokens(scenarios, make) if cache else make(scenarios)
    candidates = [dialect.render_reply([ToolCall(name)], "") for name in toolset.tool_names]
    beginnings = encode(tokenizer, [*candidates, dialect.render_reply([], NO_TOOL)])
    return [
        Example(scenario.id, prompt, reply, choice_weights(reply, beginnings, choice_weight))
        for scenario, (prompt, reply) in zip(scenarios, found, strict=True)
    ]


def tokenize(
    scenarios: Sequence[Scenario], toolset: Toolset, dialect: Dialect, tokenizer: PreTrainedTokenizerBase
) -> list[Tokens]:
    """The token ids of each scenario's prompt and of the reply to learn."""
    prompts = encode(tokenizer, [dialect.render_prompt(to_messages(s, toolset), toolset.offered(s)) for s in scenarios])
    replies = encode(tokenizer, [dialect.render_reply([c.call for c in s.outcome.calls], NO_TOOL) for s in scenarios])
    return [Tokens(tuple(prompt), tuple(reply)) for prompt, reply in zip(prompts, replies, strict=True)]


def choice_weights(reply: Sequence[int], beginnings: Sequence[Sequence[int]], weight: float) -> tuple[float, ...]:
    """A weight for each token of a reply: ``weight`` where the possible replies part, 1 elsewhere.

    A call of twenty tokens chooses its tool with one or two of them; the others follow or are copied.

    Args:
        beginnings: the possible replies, one a tool and one for no tool, each at least up to the tool's name.
    """
    if weight == 1:
        return ()
    weights = [1.0] * len(reply)
    open_ones = list(beginnings)
    for at, token in enumerate(reply):
        if len({one[at] for one in open_ones if at < len(one)}) > 1:
            weights[at] = weight
        open_ones = [one for one in open_ones if at < len(one) and one[at] == token]
    return tuple(weights)
