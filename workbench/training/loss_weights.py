"""How much each token of a reply counts in the loss: more where it decides, less where it follows or is copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from workbench.dialects import Dialect
from workbench.inference.tokens import encode
from workbench.records import NO_TOOL, Scenario, ToolCall, Toolset
from workbench.scenarios.alternatives import first_difference, other_arguments


@dataclass(frozen=True)
class LossWeights:
    """Weights of the tokens that decide; all others weigh 1.

    A call of twenty tokens chooses its tool with one or two of them and an enum's value with another.

    Attributes:
        choice: where the reply decides for a tool or for none.
        argument: where it decides whether an argument comes, which value an enum or a flag has, and where a text begins
            and ends.
    """

    choice: float = 1.0
    argument: float = 1.0

    def of(
        self,
        scenarios: Sequence[Scenario],
        replies: Sequence[Sequence[int]],
        toolset: Toolset,
        dialect: Dialect,
        tokenizer: PreTrainedTokenizerBase,
    ) -> list[tuple[float, ...]]:
        """For each scenario's reply a weight for each token; nothing where all weigh the same."""
        if self.choice == self.argument == 1:
            return [()] * len(replies)
        candidates = [dialect.render_reply([ToolCall(name)], "") for name in toolset.tool_names]
        beginnings = encode(tokenizer, [*candidates, dialect.render_reply([], NO_TOOL)])
        found = [choice_weights(reply, beginnings, self.choice) for reply in replies]
        if self.argument == 1:
            return [tuple(weights) for weights in found]
        places = argument_places(scenarios, replies, toolset, dialect, tokenizer)
        for weights, decided in zip(found, places, strict=True):
            for at in decided:
                weights[at] = max(weights[at], self.argument)
        return [tuple(weights) for weights in found]


def choice_weights(reply: Sequence[int], beginnings: Sequence[Sequence[int]], weight: float) -> list[float]:
    """A weight for each token of a reply: ``weight`` where the possible replies part, 1 elsewhere.

    Args:
        beginnings: the possible replies, one a tool and one for no tool, each at least up to the tool's name.
    """
    weights = [1.0] * len(reply)
    open_ones = list(beginnings)
    for at, token in enumerate(reply):
        if len({one[at] for one in open_ones if at < len(one)}) > 1:
            weights[at] = weight
        open_ones = [one for one in open_ones if at < len(one) and one[at] == token]
    return weights


def argument_places(
    scenarios: Sequence[Scenario],
    replies: Sequence[Sequence[int]],
    toolset: Toolset,
    dialect: Dialect,
    tokenizer: PreTrainedTokenizerBase,
) -> list[set[int]]:
    """Where each reply's tokens part from those of calls with one other argument or value."""
    others = [_other_replies(scenario, toolset, dialect) for scenario in scenarios]
    texts = sorted({text for several in others for text in several})
    tokens = dict(zip(texts, encode(tokenizer, texts), strict=True)) if texts else {}
    places = []
    for reply, several in zip(replies, others, strict=True):
        parting = {first_difference(reply, tokens[text]) for text in several}
        places.append({at for at in parting if at < len(reply)})
    return places


def _other_replies(scenario: Scenario, toolset: Toolset, dialect: Dialect) -> list[str]:
    calls = [expected.call for expected in scenario.outcome.calls]
    return [
        dialect.render_reply([*calls[:at], ToolCall(call.name, arguments), *calls[at + 1 :]], "")
        for at, call in enumerate(calls)
        if (tool := toolset.tool(call.name))
        for arguments in other_arguments(call, tool)
    ]
