"""A scenario becomes the tokens of its prompt and of the reply to learn. Knows a tokenizer, no model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from workbench.dialects import Dialect
from workbench.inference.tokens import encode
from workbench.records import NO_TOOL, Scenario, Toolset
from workbench.scenarios.messages import to_messages


@dataclass(frozen=True)
class Example:
    """One training example. The loss counts the completion's tokens only."""

    scenario_id: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.prompt_ids) < 2 or not self.completion_ids:
            raise ValueError(f"{self.scenario_id}: an example needs a prompt and something to learn")


def make_example(scenario: Scenario, toolset: Toolset, dialect: Dialect, tokenizer: PreTrainedTokenizerBase) -> Example:
    """The example of one scenario; see ``make_examples``."""
    return make_examples([scenario], toolset, dialect, tokenizer)[0]


def make_examples(
    scenarios: Iterable[Scenario], toolset: Toolset, dialect: Dialect, tokenizer: PreTrainedTokenizerBase
) -> list[Example]:
    """Render and tokenize. Prompt and completion are tokenized apart, as they are when the model answers."""
    scenarios = list(scenarios)
    if not scenarios:
        return []
    prompts = encode(tokenizer, [dialect.render_prompt(to_messages(s, toolset), toolset.tools) for s in scenarios])
    replies = encode(tokenizer, [dialect.render_reply([c.call for c in s.outcome.calls], NO_TOOL) for s in scenarios])
    return [
        Example(scenario.id, tuple(prompt), tuple(reply))
        for scenario, prompt, reply in zip(scenarios, prompts, replies, strict=True)
    ]
