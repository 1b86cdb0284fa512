"""Scenarios in, replies out: renders prompts, lets the engine answer, parses. Knows no scores and no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from workbench.dialects import get_dialect
from workbench.inference.engine import LoadedModel, Prompt, answer, grammars_of
from workbench.records import Reply, Scenario, Toolset
from workbench.scenarios.messages import Shots, no_shots, to_messages


def reply_to(
    loaded: LoadedModel,
    scenarios: Sequence[Scenario],
    toolset: Toolset,
    max_new_tokens: int = 128,
    batch_size: int = 32,
    constrained: bool = False,
    shots: Shots = no_shots,
) -> Iterator[Reply]:
    """The model's replies, batch by batch, not in the order of the scenarios.

    ``constrained``: held to the grammar of the tools that a scenario offers; the model still decides between calls
    and text.
    """
    grammars = grammars_of(loaded) if constrained else None
    dialect = get_dialect(loaded.dialect)

    def prompt(scenario: Scenario) -> Prompt:
        tools = toolset.offered(scenario)
        text = dialect.render_prompt(to_messages(scenario, toolset, shots(scenario)), tools)
        return Prompt(scenario.id, text, partial(grammars.start, tools) if grammars else None)

    for found in answer(loaded, list(map(prompt, scenarios)), max_new_tokens, batch_size):
        yield Reply(
            scenario_id=found.id,
            raw=found.raw,
            parsed=dialect.parse(found.raw),
            latency_ms=found.latency_ms,
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            confidence=found.confidence,
        )
